import { describe, expect, it } from 'vitest';
import { CONFIG_ERRORS_MAX } from '../base/limits.ts';
import { memoryFiles } from '../config/files.ts';
import { compileProcess } from '../modules/core.ts';
import { modules } from '../modules/index.ts';
import { type CompileInput, type CompileResult, compilePlan, compileSteps } from './compile.ts';

function compile(text: string, names: Readonly<Record<string, readonly string[]>> = {}): CompileResult {
  return compilePlan(inputOf(text, names));
}

function inputOf(text: string, names: Readonly<Record<string, readonly string[]>> = {}): CompileInput {
  return {
    file: '/conf/nginx.conf',
    prefix: '/prefix/',
    files: memoryFiles({ '/conf/nginx.conf': text }),
    names: new Map(Object.entries(names)),
    hostname: 'Box',
    modules,
    processSettings: (main, events) => compileProcess(main, events, 2),
  };
}

function messages(text: string, names?: Readonly<Record<string, readonly string[]>>): string[] {
  return compile(text, names).errors.map(({ message, line }) => `${line}: ${message}`);
}

const inHttp = (text: string): string => `events {}\nhttp {\n${text}\n}\n`;
const inServer = (text: string): string => inHttp(`server { listen 80;\n${text}\n}`);

describe('compiling', () => {
  it('stops for others several times a server, and comes to the same plan', () => {
    const server = (name: number): string =>
      `server { listen 80; server_name s${name}; location / { return 200 $host; } }\n`;
    const text = inHttp(Array.from({ length: 100 }, (_, name) => server(name)).join(''));
    let stops = 0;
    const steps = compileSteps(inputOf(text));
    let step = steps.next();
    for (; step.done !== true; step = steps.next()) stops++;
    expect(stops).toBeGreaterThan(1000);
    const servers = step.value.plan?.servers.map(({ name }) => name);
    expect(servers?.length).toBe(100);
    expect(servers).toEqual(compile(text).plan?.servers.map(({ name }) => name));
  });
});

describe('an unknown variable', () => {
  it.each([
    ['$remote_adr', 'did you mean "$remote_addr"?'],
    ['$connection_upgrade', 'nothing here makes it: no map, no set, no named group of a regular expression'],
    ['$ssl_cipher', '$ssl_cipher belongs to ngx_http_ssl_module, which Holdfast does not have'],
  ])('%s comes with help', (name, hint) => {
    expect(compile(inServer(`return 200 ${name};`)).errors.map((error) => error.hint)).toEqual([hint]);
  });

  it('is shown as often as any mistake, and counted from there on', () => {
    const line = `add_header X "${'$nobody'.repeat(500)}";\n`;
    const { errors, errorsDropped } = compile(inServer(line.repeat(400)));
    expect(errors.length).toBe(CONFIG_ERRORS_MAX);
    expect(errorsDropped).toBe(200_000 - CONFIG_ERRORS_MAX);
  });
});

describe('a configuration is refused in nginx’s words', () => {
  it.each([
    [inHttp('server { listen 80; listen 80; }'), '3: a duplicate listen 0.0.0.0:80'],
    [
      inHttp('server { listen 80 default_server; }\nserver { listen *:80 default_server; }'),
      '4: a duplicate default server for 0.0.0.0:80',
    ],
    [inServer('location / { }\nlocation / { }'), '5: duplicate location "/"'],
    [inServer('location /a { location /b { } }'), '4: location "/b" is outside location "/a"'],
    [
      inServer('location = /a { location /a/b { } }'),
      '4: location "/a/b" cannot be inside the exact location "/a"',
    ],
    [inServer('location /a { location @b { } }'), '4: named location "@b" can be on the server level only'],
    [inServer('return 200 $nobody;'), '4: unknown "nobody" variable'],
    [
      inServer('location / { proxy_pass http://nowhere.test; }'),
      '4: host not found in upstream "nowhere.test"',
    ],
    [
      inHttp('upstream a { server 127.0.0.1:1; }\nupstream a { server 127.0.0.1:2; }'),
      '4: duplicate upstream "a"',
    ],
    [inHttp('upstream a { }'), '3: no servers are inside upstream'],
    [inServer('location / { limit_req zone=none; }'), '4: zero size shared memory zone "none"'],
  ])('%j', (text, expected) => {
    expect(messages(text, { 'nowhere.test': [] })).toEqual([expected]);
  });

  it('all mistakes at once', () => {
    const text = inServer('return 200 $one;\nlocation / { }\nlocation / { return 200 $two; }');
    expect(messages(text)).toHaveLength(3);
  });

  it('beside what could not be read, in the order of the lines', () => {
    const text = inServer('location / { }\nlocation / { }\nlissen 80;\nreturn 200 $nothing;\nroot a b;');
    expect(messages(text)).toEqual([
      '5: duplicate location "/"',
      '6: unknown directive "lissen"',
      '7: unknown "nothing" variable',
      '8: invalid number of arguments in "root" directive',
    ]);
  });

  it.each([
    ['a variable', inServer('set $a;\nreturn 200 $a;'), ['4: invalid number']],
    ['a captured variable', inServer('location ~ ^/(?<a>b { }\nreturn 200 $a;'), ['4: pcre2_compile']],
    ['a variable of a map', inHttp('map $uri $a { b; }\nserver { return 200 $a; }'), ['3: invalid number']],
    ['a format', inHttp('log_format f x=;\nlog_formatt g a;\naccess_log a g;'), ['4: unknown directive']],
    [
      'a zone',
      inHttp('limit_req_zone $uri zone=a:1m rate=x;\nserver { limit_req zone=a; limit_req zone=b; }'),
      ['3: invalid rate', '4: zero size shared memory zone "b"'],
    ],
    ['an upstream', inHttp('upstreem a { }\nserver { location / { proxy_pass http://a; } }'), ['3: unknown']],
    [
      'a server of an upstream',
      inHttp('upstream a { server; }\nupstream b { }'),
      ['3: invalid', '4: no servers'],
    ],
    [
      'a number',
      inHttp('proxy_buffers 2 x;\nserver { proxy_busy_buffers_size 1k; }'),
      ['3: "proxy_buffers" directive invalid'],
    ],
    ['an event block', 'evnts { }', ['1: unknown directive "evnts"']],
    [
      'what a brace closes',
      inServer('location / { }\nlocation / { }\n} }'),
      ['7: unexpected "}"', '8: unexpected "}"'],
    ],
    ['what a missing file declares', inHttp('include up;\nserver { return 200 $a; }'), ['3: open()']],
  ])('but none that only follows: %s', (_, text, expected) => {
    const said = messages(text, { a: [] });
    expect(said).toHaveLength(expected.length);
    for (const [i, start] of expected.entries()) expect(said[i]).toContain(start);
  });

  it('no more than there is room for, and all are counted', () => {
    const text = inServer(`${'nothing;\n'.repeat(CONFIG_ERRORS_MAX - 1)}${'location / { }\n'.repeat(4)}`);
    const { errors, errorsDropped } = compile(text);
    expect([errors.length, errorsDropped]).toEqual([CONFIG_ERRORS_MAX, 2]);
  });
});

describe('addresses', () => {
  const keys = (text: string, names = {}): string[] =>
    (compile(text, names).plan?.listeners ?? []).map(
      (each) => `${each.key} <- ${[...each.servers.keys()].join(' ')}`,
    );

  it.each([
    ['listen 80;', ['0.0.0.0:80 <- 0.0.0.0:80']],
    ['listen 127.0.0.1;', ['127.0.0.1:80 <- 127.0.0.1:80']],
    ['listen [::]:80;', ['[::]:80 <- [::]:80']],
    ['listen unix:/tmp/a.sock;', ['unix:/tmp/a.sock <- unix:/tmp/a.sock']],
    ['listen *:80; listen 127.0.0.1:80;', ['0.0.0.0:80 <- 0.0.0.0:80 127.0.0.1:80']],
    ['listen *:80; listen 127.0.0.1:80 bind;', ['0.0.0.0:80 <- 0.0.0.0:80', '127.0.0.1:80 <- 127.0.0.1:80']],
    ['listen box.test:81;', ['127.0.0.1:81 <- 127.0.0.1:81', '[::1]:81 <- [::1]:81']],
    [
      'listen 127.0.0.1:80-82;',
      ['127.0.0.1:80', '127.0.0.1:81', '127.0.0.1:82'].map((key) => `${key} <- ${key}`),
    ],
    ['listen 80-81;', ['0.0.0.0:80', '0.0.0.0:81'].map((key) => `${key} <- ${key}`)],
    ['listen [::1]:80-81;', ['[::1]:80', '[::1]:81'].map((key) => `${key} <- ${key}`)],
    ['server_name none;', ['0.0.0.0:80 <- 0.0.0.0:80']],
  ])('%s', (text, expected) => {
    expect(keys(inHttp(`server { ${text} }`), { 'box.test': ['127.0.0.1', '::1'] })).toEqual(expected);
  });

  it('are asked for once, all of them together', () => {
    const result = compile(inHttp('server { listen a.test:80; location / { proxy_pass http://b.test; } }'));
    expect(result.unresolved.toSorted()).toEqual(['a.test', 'b.test']);
  });
});

describe('servers', () => {
  it('share what no block of their own changes', () => {
    const text = inHttp(
      'server { listen 80; location /a { } location /b { } location /c { client_max_body_size 1; } }',
    );
    const tree = compile(text).plan?.servers[0]?.tree;
    const core = (uri: string) => tree?.find(uri)?.location.core;
    expect(core('/a')).toBe(core('/b'));
    expect(core('/c')).not.toBe(core('/a'));
  });

  it('run what a location alone asks for, though the blocks around it leave the module without a slice', () => {
    const text = inHttp(
      'server { listen 80; location /a { try_files $uri =404; } location /b { auth_basic on; auth_basic_user_file u; } }',
    );
    const tree = compile(text).plan?.servers[0]?.tree;
    expect(tree?.find('/a')?.location.handlers.precontent).toHaveLength(1);
    expect(tree?.find('/b')?.location.handlers.access).toHaveLength(1);
  });

  it('are named by their first name', () => {
    const text = inHttp(
      'server { listen 80; server_name .example.com other; }\nserver { listen 81; server_name $hostname; }',
    );
    expect(compile(text).plan?.servers.map(({ name }) => name)).toEqual(['example.com', 'box']);
  });

  it('warn of a slash, in a regular expression too', () => {
    const text = inHttp('server { listen 80; server_name a/b ~^c/d; }');
    expect(compile(text).warnings.map(({ message }) => message)).toEqual([
      'server name "a/b" has suspicious symbols',
      'server name "~^c/d" has suspicious symbols',
    ]);
  });

  it('warn of a name that another has on the same address', () => {
    const text = inHttp('server { listen 80; server_name a; }\nserver { listen 80; server_name a; }');
    expect(compile(text).warnings.map(({ message }) => message)).toEqual([
      'conflicting server name "a" on 0.0.0.0:80, ignored',
    ]);
  });
});

describe('a mistake that keeps a module from compiling', () => {
  it.each([
    'access_log /tmp/x unknown; server { listen 80; }',
    'server { listen 80; location / { proxy_pass http://$unknown; proxy_buffers 1 4k; } }',
    'gzip_comp_level 99; server { listen 80; }',
  ])('is shown, and nothing else goes wrong: %s', (text) => {
    expect(compile(inHttp(text)).errors.length).toBeGreaterThan(0);
  });
});
