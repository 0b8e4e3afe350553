// Rewrites end to end; every answer in the tables is nginx's own.
import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, type BalancerOptions, balancer, compileText } from '../../test/support/balancer.ts';
import { headerOf } from '../../test/support/wire-reader.ts';

let subject: Balancer | undefined;

afterEach(async () => {
  expect((await subject?.close()) ?? []).toEqual([]);
  subject = undefined;
});

async function serve(server: string, options: BalancerOptions = {}): Promise<Balancer> {
  subject = await balancer(
    `error_log logs/error.log notice; http { ${server.includes('server {') ? server : `server { listen 127.0.0.1:80; ${server} }`} }`,
    options,
  );
  return subject;
}

/** "200 body", or "302 location" where there is one. */
async function ask(target: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const answer = await subject?.client(80).get(target, { headers });
  if (answer === undefined) return '';
  return `${answer.status} ${headerOf(answer, 'location') ?? (answer.status < 400 ? answer.body : '')}`.trim();
}

type Cases = readonly (readonly [target: string, answer: string])[];

const RET = 'location /ret { return 200 "$uri|$args|$1"; }';

const URIS: readonly (readonly [name: string, location: string, cases: Cases])[] = [
  [
    'last looks for the location anew and keeps the arguments',
    'location /r { rewrite ^/r/(.*)$ /ret/$1 last; }',
    [
      ['/r/abc', '200 /ret/abc||abc'],
      ['/r/a%20b%3Fc?z=1', '200 /ret/a b?c|z=1|a b?c'],
      ['/r/a+b', '200 /ret/a+b||a+b'],
    ],
  ],
  [
    'arguments of the replacement come first, captures in them are escaped where the request had escapes',
    'location /r { rewrite ^/r/(.*)$ /ret/x?c=$1 last; }',
    [
      ['/r/a%26b%3D?z=1', '200 /ret/x|c=a%26b=&z=1|a&b='],
      ['/r/a+b%2B', '200 /ret/x|c=a%2Bb%2B|a+b+'],
      ['/r/plain&x=1', '200 /ret/x|c=plain&x=1|plain&x=1'],
    ],
  ],
  [
    'a question mark at the end drops the arguments',
    'location /r { rewrite ^/r/(.*)$ /ret/x?c=$1? last; } location /s { rewrite ^/s/(.*)$ /ret/$1?; }',
    [
      ['/r/a%25b?z=1', '200 /ret/x|c=a%25b|a%b'],
      ['/s/a?z=1', '200 /ret/a||a'],
    ],
  ],
  [
    'several rules change the URI one after another',
    'location /r { rewrite ^/r/(.*)$ /s/$1; rewrite ^/s/(.*)$ /ret/two-$1; }',
    [['/r/x?y', '200 /ret/two-x|y|x']],
  ],
  [
    'absolute replacements, redirect and permanent answer with a redirect',
    `location /a { rewrite ^/a/(.*)$ http://h.example/$1; }
     location /b { rewrite ^/b/(.*)$ /to/$1 redirect; }
     location /c { rewrite ^/c/(.*)$ /to/$1?p=$1 permanent; }
     location /d { rewrite ^/d/(.*)$ /to/$1?p=$1? permanent; }
     location /e { rewrite ^/e/(.*)$ $scheme://x/$1$uri; }`,
    [
      ['/a/a%20b?z=1', '302 http://h.example/a%20b?z=1'],
      ['/a/a%3Fb%23?z=1', '302 http://h.example/a?b%23?z=1'],
      ['/b/a%20b%e4+?z=1', '302 http://localhost/to/a%20b%E4+?z=1'],
      ['/b/p;q', '302 http://localhost/to/p;q'],
      ['/c/a%26b?z=1', '301 http://localhost/to/a&b?p=a%26b&z=1'],
      ['/d/ab?z=1', '301 http://localhost/to/ab?p=ab'],
      ['/e/x%20y?z=1', '302 http://x/x%20y/e/x y?z=1'],
    ],
  ],
  [
    'break stays in the location and ends the script',
    `location /r { rewrite ^/r/(.*)$ /files/$1 break; return 418; }
     location /s { rewrite ^/s/(.*)$ /ret/$1; break; return 418; }`,
    [
      ['/r/here', '200 a file'],
      ['/r/nothing', '404'],
      ['/s/x', '404'],
    ],
  ],
  [
    'what nginx lets any directive change shows its own value until it is set',
    `location ~ ^/a/(?<proxy_port>.) { return 200 "$proxy_host,$proxy_port"; }
     location /b { return 200 "$proxy_host,$proxy_port"; }
     location /c { set $proxy_host mine; return 200 "$proxy_host,$proxy_port"; }`,
    [
      ['/a/1', '200 ,1'],
      ['/b', '200 ,'],
      ['/c', '200 mine,'],
    ],
  ],
  [
    'a URI that goes in circles ends with 500, and so does an empty one',
    `location /r { rewrite ^/r /r last; }
     location /s { rewrite ^ $arg_to last; }`,
    [
      ['/r', '500'],
      ['/s', '500'],
      ['/s?to=/ret/x', '200 /ret/x|to=/ret/x|'],
      ['/s?to=relative', '404'],
    ],
  ],
  [
    'captures of a location, of conditions and of rules follow one another',
    `location ~ ^/r/(?<first>[^/]*)/(.*)$ {
       set $a $1; set $b $2;
       if ($uri ~ "^/r/(.)") { set $c $1; }
       if ($b !~ "^(z)") { set $d "$1"; }
       return 200 "$first|$a|$b|$c|$d|$1"; }
     location /e { set $x $1; rewrite ^/e/(.*)$ /ret/e; set $y $1; set $z "$y"; return 200 "[$x][$z]"; }`,
    [
      ['/r/one/two%20x', '200 one|one|two%20x|o||'],
      ['/r/one/zed', '200 one|one|zed|o||z'],
      ['/e/a%20b', '200 [][a b]'],
    ],
  ],
];

describe('rewrite', () => {
  for (const [name, location, cases] of URIS) {
    it(name, async () => {
      await serve(`${location} ${RET}`, { files: { '/prefix/html/files/here': 'a file' } });
      for (const [target, answer] of cases) expect([target, await ask(target)]).toEqual([target, answer]);
    });
  }

  it('of a server runs before a location is found, and once more after a redirect', async () => {
    await serve(`rewrite ^/one/(.*)$ /two/$1; rewrite ^/two/(.*)$ /ret/$1 last; rewrite ^/ret/b /never;
      error_page 404 /one/page; location /missing { return 404; } ${RET}`);
    expect(await ask('/one/a')).toBe('200 /ret/a||a');
    expect(await ask('/two/b?x')).toBe('200 /ret/b|x|b');
    expect((await subject?.client(80).get('/missing'))?.body).toBe('/ret/page||page');
  });

  it('tells of what it does under rewrite_log', async () => {
    await serve(
      `rewrite_log on; location / { rewrite ^/no /x; if ($arg_k ~ b) { set $a 1; } rewrite ^/a(.*) /b$1?k=$1; return 204; }`,
    );
    await ask('/a1?k=abc');
    const texts = subject?.errorLog.map((line) => /\*\d+ (.*), client/.exec(line)?.[1]);
    expect(texts).toEqual([
      '"^/no" does not match "/a1"',
      '"b" matches "abc"',
      '"^/a(.*)" matches "/a1"',
      'rewritten data: "/b1", args: "k=1&k=abc"',
    ]);
  });
});

const CONDITIONS = `location /c { set $o "";
  if ($arg_k) { set $o "\${o}1"; } if ($arg_k = "0") { set $o "\${o}2"; } if ($arg_k != 0) { set $o "\${o}3"; }
  if ($arg_k ~ ^a(b)?c) { set $o "\${o}4[$1]"; } if ($arg_k ~* ^A) { set $o "\${o}5"; }
  if ($arg_k !~ b) { set $o "\${o}6"; } if ($arg_k !~* B) { set $o "\${o}7"; }
  if ($arg_k = $arg_l) { set $o "\${o}8"; } if ( $arg_k = "x y" ) { set $o "\${o}9"; }
  return 200 "$o"; }`;

const FILES = `location /f { set $o "";
  if (-f $arg_p) { set $o "\${o}f"; } if (!-f $arg_p) { set $o "\${o}F"; }
  if (-d $arg_p) { set $o "\${o}d"; } if (!-d $arg_p) { set $o "\${o}D"; }
  if (-e $arg_p) { set $o "\${o}e"; } if (!-e $arg_p) { set $o "\${o}E"; }
  if (-x $arg_p) { set $o "\${o}x"; } if (!-x $arg_p) { set $o "\${o}X"; }
  return 200 "$o"; }`;

describe('if', () => {
  it('tests a variable alone, by equality and by regular expressions', async () => {
    await serve(CONDITIONS);
    const cases: Cases = [
      ['/c', '200 3678'],
      ['/c?k=0', '200 267'],
      ['/c?k=1', '200 1367'],
      ['/c?k=abc&l=abc', '200 134[b]58'],
      ['/c?k=ac', '200 134[]567'],
      ['/c?k=ABC', '200 1356'],
    ];
    for (const [target, answer] of cases) expect([target, await ask(target)]).toEqual([target, answer]);
  });

  it('tests files', async () => {
    await serve(FILES, { files: { '/some/file': 'x' } });
    expect(await ask('/f?p=/some/file')).toBe('200 fDeX');
    expect(await ask('/f?p=/some')).toBe('200 Fdex');
    expect(await ask('/f?p=/none')).toBe('200 FDEX');
  });

  it('says when a file cannot be tested', async () => {
    await serve(FILES);
    if (subject === undefined) return;
    subject.disk.refuses = () => ({ errno: 13, code: 'EACCES', text: 'Permission denied' });
    expect(await ask('/f?p=/some/file')).toBe('200 FDEX');
    expect(subject.errorLog[0]).toContain('stat() "/some/file" failed (13: Permission denied)');
  });

  it('makes a location of its own, with what stands inside and the content of the one around', async () => {
    await serve(`
      location / { add_header X-Outer o; set $z "";
        if ($arg_k = 1) { add_header X-If i; return 200 in; }
        if ($arg_k = 2) { set $z 1; }
        if ($arg_k = 3) { add_header X-If j; }
        return 200 "out$z"; }`);
    const seen: string[] = [];
    for (const k of ['0', '1', '2', '3']) {
      const answer = await subject?.client(80).get(`/?k=${k}`);
      if (answer === undefined) continue;
      seen.push(`${answer.body} ${headerOf(answer, 'x-outer') ?? '-'} ${headerOf(answer, 'x-if') ?? '-'}`);
    }
    expect(seen).toEqual(['out o -', 'in - i', 'out1 o -', 'out - j']);
  });

  it('of a server changes no location', async () => {
    await serve(`if ($arg_k = 1) { return 201 early; } if ($arg_k = 2) { rewrite ^ /ret/if break; } set $v 1;
      if ($arg_k = 3) { set $v 2; } ${RET} location / { return 200 "v$v"; }`);
    expect(await ask('/?k=1')).toBe('201 early');
    expect(await ask('/?k=2')).toBe('200 /ret/if|k=2|');
    expect(await ask('/?k=3')).toBe('200 v2');
    expect(await ask('/')).toBe('200 v1');
  });

  it('that is false leaves out all it holds, and break ends the rest', async () => {
    await serve('location / { if ($arg_k) { break; } return 200 on; }');
    expect(await ask('/')).toBe('200 on');
    expect(await ask('/?k=1')).toBe('404');
  });

  it('names what is wrong with a condition, in nginx’s words', () => {
    const wrong: Readonly<Record<string, string>> = {
      '($host': 'invalid condition "$host"',
      '$host)': 'invalid condition "$host)"',
      '()': 'invalid condition ")"',
      '( )': 'invalid condition ")"',
      '($)': 'invalid condition "$"',
      '($host = a b)': 'invalid condition "$host"',
      '($host == a)': 'unexpected "==" in condition',
      '(host)': 'invalid condition "host"',
      '(-f)': 'invalid condition "-f"',
      '(-f a b)': 'invalid condition "-f"',
      '(!-q a)': 'invalid condition "!-q"',
      '($1)': 'unknown "1" variable',
      '($nobody)': 'unknown "nobody" variable',
      '($host ~ "(")': 'pcre2_compile() failed: missing closing parenthesis in "("',
    };
    for (const [condition, message] of Object.entries(wrong)) {
      const { errors } = compileText(`http { server { if ${condition} { } } }`);
      expect([condition, errors[0]?.message]).toEqual([condition, message]);
    }
  });
});

describe('return', () => {
  it('answers with codes, texts and URLs', async () => {
    await serve(`
      location /204 { return 204; } location /301 { return 301 /x?$args; } location /302 { return http://a/b$uri; }
      location /307 { return 307 "y z"; } location /400 { return 400; } location /404 { return 404 "no $arg_k"; }
      location /299 { return 299 "s$status"; } location /empty { return 200; } location /303 { return 303 ""; }`);
    const cases: Cases = [
      ['/204', '204'],
      ['/301?k=a%20b', '301 http://localhost/x?k=a%20b'],
      ['/302', '302 http://a/b/302'],
      ['/307', '307 y z'],
      ['/400', '400'],
      ['/404?k=1', '404'],
      ['/299', '299 s299'],
      ['/empty', '200'],
      ['/303', '303'],
    ];
    for (const [target, answer] of cases) expect([target, await ask(target)]).toEqual([target, answer]);
    expect((await subject?.client(80).get('/404?k=1'))?.body).toBe('no 1');
  });

  it('types a text by the URI’s name', async () => {
    await serve('types { text/html html; } default_type a/b; location / { return 200 x; }');
    const html = await subject?.client(80).get('/page.html');
    const other = await subject?.client(80).get('/page.txt');
    expect(html && headerOf(html, 'content-type')).toBe('text/html');
    expect(other && headerOf(other, 'content-type')).toBe('a/b');
  });

  it('444 closes without a word', async () => {
    await serve('location / { return 444; }');
    const client = subject?.client(80).request('/');
    await client?.closed();
    expect(client?.text).toBe('');
    expect(await subject?.line('logs/access.log')).toContain('" 444 0 ');
  });

  it('cannot be made to write a header of its own', async () => {
    await serve('location / { return 302 /x$uri; }');
    expect(await ask('/a%0d%0aSet-Cookie:%20x')).toBe('302 http://localhost/x/a  Set-Cookie: x');
  });
});

describe('set', () => {
  it('changes $args, and what a proxy would pass on with it', async () => {
    await serve(
      'location / { set $args "n=1&m=2"; return 200 "$args|$arg_n|$query_string|$is_args|$request_uri"; }',
    );
    expect(await ask('/?o=1')).toBe('200 n=1&m=2|1|n=1&m=2|?|/?o=1');
  });

  it('takes a header’s variable over only once it is set', async () => {
    await serve(`location /set { set $http_x mine; return 200 "$http_x"; }
      location /arg { if ($arg_go) { set $arg_z own; } return 200 "$arg_z"; } location / { return 200 "$http_x"; }`);
    expect(await ask('/set', { X: 'theirs' })).toBe('200 mine');
    expect(await ask('/', { X: 'theirs' })).toBe('200 theirs');
    expect(await ask('/arg?z=t')).toBe('200 t');
    expect(await ask('/arg?z=t&go=1')).toBe('200 own');
  });

  it('warns once a request of a variable that was not set, unless told not to', async () => {
    const location = 'if ($arg_x) { set $v 1; } return 200 "[$v$v]";';
    await serve(`location /a { ${location} } location /b { uninitialized_variable_warn off; ${location} }`);
    expect(await ask('/a')).toBe('200 []');
    expect(await ask('/b')).toBe('200 []');
    expect(await ask('/a?x=1')).toBe('200 [11]');
    expect(
      subject?.errorLog.filter((line) => line.includes('using uninitialized "v" variable')),
    ).toHaveLength(1);
  });

  it('cannot make a variable that nginx has', () => {
    const { errors } = compileText('http { server { set $host a; } }');
    expect(errors[0]?.message).toBe('the duplicate "host" variable');
  });
});
