// upstream blocks: what is refused, who is asked, who is asked next, which connections are kept.
import { describe, expect, it } from 'vitest';
import { type Balancer, startBalancer } from '../../test/support/real-balancer.ts';
import {
  type Answer,
  ask,
  bodyOf,
  dial,
  get,
  ok,
  type Peer,
  reply,
  request,
  startPeer,
  statusOf,
} from '../../test/support/wire.ts';
import { renderMistakes } from '../config/explain.ts';
import { compilePlan } from '../plan/compile.ts';
import { compileProcess } from './core.ts';
import { modules } from './index.ts';

function compile(http: string, names: Readonly<Record<string, readonly string[]>> = {}) {
  return compilePlan({
    file: '/c/nginx.conf',
    prefix: '/p/',
    files: { read: () => `events { } http { ${http} }`, glob: () => [] },
    names: new Map(Object.entries(names)),
    hostname: 'test',
    modules,
    processSettings: (main, events) => compileProcess(main, events, 1),
  });
}

function mistakesOf(http: string, names?: Readonly<Record<string, readonly string[]>>): string {
  return renderMistakes(compile(http, names).errors, 0);
}

describe('an upstream block', () => {
  const refused: readonly [text: string, message: string][] = [
    ['upstream a { }', 'no servers are inside upstream'],
    ['upstream a { server 127.0.0.1:1 backup; }', 'no servers in upstream "a"'],
    [
      'upstream a { ip_hash; server 127.0.0.1:1 backup; }',
      'balancing method does not support parameter "backup"',
    ],
    [
      'upstream a { hash $uri; server 127.0.0.1:1 backup; }',
      'balancing method does not support parameter "backup"',
    ],
    [
      'upstream a { random; server 127.0.0.1:1 backup; }',
      'balancing method does not support parameter "backup"',
    ],
    ['upstream a { server nohost:1; }', 'host not found in upstream "nohost:1"'],
    ['upstream a { server unix:; }', 'no path in the unix domain socket in upstream "unix:"'],
    ['upstream a { server [::1; }', 'invalid host in upstream "[::1"'],
    ['upstream a { zone z; server 127.0.0.1:1; }', 'zero size shared memory zone "z"'],
    ['upstream a { hash $nothing; server 127.0.0.1:1; }', 'unknown "nothing" variable'],
    ['upstream a { keepalive 1; keepalive 2; server 127.0.0.1:1; }', '"keepalive" directive is duplicate'],
    ['upstream a { server 127.0.0.1:1; } upstream A { server 127.0.0.1:1; }', 'duplicate upstream "A"'],
    [
      'upstream a { hash $uri consistent; server 127.0.0.1:1 weight=100000; server 127.0.0.1:2; }',
      'total weight 100001 of the servers is too big',
    ],
    [
      'upstream a { server 127.0.0.1:1; } server { location / { proxy_pass http://A:80; } }',
      'upstream "A" may not have port 80',
    ],
  ];
  it.each(refused)('%s is refused', (text, message) => {
    expect(mistakesOf(text, { nohost: [] })).toContain(message);
  });

  it('takes backup servers written before a method without them, as nginx', () => {
    expect(mistakesOf('upstream a { server 127.0.0.1:1; server 127.0.0.1:2 backup; ip_hash; }')).toBe('');
  });

  it('warns of a second method and takes the last', () => {
    const { plan, warnings } = compile('upstream a { least_conn; ip_hash; server 127.0.0.1:1; }');
    expect(warnings.map(({ message }) => message)).toEqual(['load balancing method redefined']);
    expect(plan?.upstreams[0]?.settings.method).toEqual({ kind: 'ip_hash' });
  });

  it('makes a peer of each address of a name', () => {
    const { plan } = compile('upstream a { server two; server [::1]:5; server unix:/s; }', {
      two: ['10.0.0.1', '::2'],
    });
    const names = plan?.upstreams[0]?.servers.map(({ addresses }) => addresses.map(({ name }) => name));
    expect(names).toEqual([['10.0.0.1:80', '[::2]:80'], ['[::1]:5'], ['unix:/s']]);
  });

  it('asks for all its names at once', () => {
    expect(compile('upstream a { server one; server two:1; server three; }').unresolved).toEqual([
      'one',
      'two',
      'three',
    ]);
  });

  it('keeps 32 connections for each location without a directive, and none for a host in proxy_pass', () => {
    const { plan } = compile(
      'upstream a { server 127.0.0.1:1; } upstream b { server 127.0.0.1:1; keepalive 4; keepalive_timeout 5s; } server { location / { proxy_pass http://127.0.0.1:2; } }',
    );
    const kept = plan?.upstreams.map(({ settings }) => [
      settings.keepaliveMax,
      settings.keepaliveLocal,
      settings.keepaliveTimeoutMs,
    ]);
    expect(kept).toEqual([
      [32, true, 60_000],
      [4, false, 5000],
      [0, true, 0],
    ]);
  });
});

interface Group {
  readonly balancer: Balancer;
  readonly peers: readonly Peer[];
}

/** A balancer whose upstream `u` has peers at %%PORT+1%% and on, one for each answer. */
async function group(upstream: string, location: string, ...answers: readonly Answer[]): Promise<Group> {
  const balancer = await startBalancer(
    `upstream u { ${upstream} } server { listen 127.0.0.1:%%PORT%%; location / { proxy_pass http://u; ${location} } }`,
  );
  const peers = await Promise.all(answers.map((answer, i) => startPeer(balancer.port + 1 + i, answer)));
  return { balancer, peers };
}

const A = 'server 127.0.0.1:%%PORT+1%%';
const B = 'server 127.0.0.1:%%PORT+2%%';
const named =
  (name: string): Answer =>
  () =>
    ok(name);

async function bodies(port: number, count: number, path = '/'): Promise<string> {
  let all = '';
  for (let i = 0; i < count; i++) all += bodyOf(await get(port, path));
  return all;
}

describe('the peer that is asked', () => {
  it('is chosen by weight', async () => {
    const { balancer } = await group(`${A} weight=3; ${B};`, '', named('a'), named('b'));
    expect(await bodies(balancer.port, 8)).toBe('aabaaaba');
  });

  it('is the same for the same key', async () => {
    const { balancer } = await group(`hash $arg_k; ${A}; ${B};`, '', named('a'), named('b'));
    const first = await bodies(balancer.port, 1, '/?k=x');
    expect(await bodies(balancer.port, 4, '/?k=x')).toBe(first.repeat(4));
    expect(new Set(await bodies(balancer.port, 16, `/?k=${'y'}`)).size).toBe(1);
  });

  it('is the same for the same client', async () => {
    const { balancer } = await group(`ip_hash; ${A}; ${B};`, '', named('a'), named('b'));
    expect(new Set(await bodies(balancer.port, 6)).size).toBe(1);
  });

  it('is a backup when no other lives', async () => {
    const { balancer } = await group(`${A} down; ${B} backup;`, '', named('a'), named('b'));
    expect(await bodies(balancer.port, 3)).toBe('bbb');
  });

  it('is none where all are down: 502', async () => {
    const { balancer } = await group(`${A} down;`, '', named('a'));
    expect(statusOf(await get(balancer.port, '/'))).toBe(502);
    expect(balancer.lines('error.log').join('\n')).toContain(
      'no live upstreams while connecting to upstream',
    );
  });

  it('is not one that has max_conns already', async () => {
    let answer: (text: string) => void = () => undefined;
    const { balancer } = await group(
      `${A} max_conns=1; ${B} backup;`,
      '',
      () => new Promise((resolve) => (answer = resolve)),
      named('b'),
    );
    const first = get(balancer.port, '/');
    const waits = dial(balancer.port);
    waits.send(request('GET', '/'));
    const second = await waits.rest();
    answer(ok('a'));
    expect([bodyOf(await first), bodyOf(second)].sort()).toEqual(['a', 'b']);
  });
});

describe('the next peer', () => {
  const dies: Answer = (_all, wire) => {
    wire.socket.destroy();
    return undefined;
  };
  const silent: Answer = () => undefined;
  const status =
    (line: string): Answer =>
    () =>
      reply(line, 'first');
  const garbage: Answer = (_all, wire) => {
    wire.end('nothing like HTTP\r\n\r\n');
    return undefined;
  };
  const cases: readonly [name: string, location: string, first: Answer, method: string, expected: string][] =
    [
      ['after a connection that ends', '', dies, 'GET', '200 second'],
      ['after silence', 'proxy_read_timeout 50ms;', silent, 'GET', '200 second'],
      ['not after what is no HTTP, unless told so', '', garbage, 'GET', '502'],
      [
        'after what is no HTTP, when told so',
        'proxy_next_upstream invalid_header;',
        garbage,
        'GET',
        '200 second',
      ],
      ['not after a 503, unless told so', '', status('503 No'), 'GET', '503 first'],
      ['after a 503, when told so', 'proxy_next_upstream http_503;', status('503 No'), 'GET', '200 second'],
      ['after a 404, when told so', 'proxy_next_upstream http_404;', status('404 No'), 'GET', '200 second'],
      ['after a 429, when told so', 'proxy_next_upstream http_429;', status('429 No'), 'GET', '200 second'],
      ['not after a POST was sent', '', dies, 'POST', '502'],
      ['after a POST, when told so', 'proxy_next_upstream error non_idempotent;', dies, 'POST', '200 second'],
      ['after a PUT was sent', '', dies, 'PUT', '200 second'],
      ['not when it is off', 'proxy_next_upstream off;', dies, 'GET', '502'],
      ['not after the tries that are allowed', 'proxy_next_upstream_tries 1;', dies, 'GET', '502'],
      [
        'not after the time that is allowed',
        'proxy_read_timeout 60ms; proxy_next_upstream_timeout 10ms;',
        silent,
        'GET',
        '504',
      ],
    ];
  it.each(cases)('is asked %s', async (_name, location, first, method, expected) => {
    const { balancer } = await group(`${A}; ${B};`, location, first, named('second'));
    const answer = await ask(balancer.port, request(method, '/', [], method === 'GET' ? '' : 'body'));
    const page = bodyOf(answer);
    expect(`${statusOf(answer)} ${page.startsWith('<') ? '' : page}`.trim()).toBe(expected);
  });

  it('is sent the whole body again', async () => {
    const { balancer, peers } = await group(`${A}; ${B};`, '', dies, named('second'));
    await ask(balancer.port, request('PUT', '/', [], 'the body'));
    expect(peers.map(({ requests }) => bodyOf(requests[0] ?? ''))).toEqual(['the body', 'the body']);
  });

  it('is asked at once when nobody listens, and then for fail_timeout', async () => {
    const { balancer } = await group(`${A}; ${B};`, '');
    const peer = await startPeer(balancer.port + 2, named('b'));
    expect(await bodies(balancer.port, 4)).toBe('bbbb');
    const log = balancer.lines('error.log');
    expect(
      log.filter((line) =>
        line.includes('connect() failed (111: Connection refused) while connecting to upstream'),
      ).length,
    ).toBe(1);
    expect(log.filter((line) => line.includes('upstream server temporarily disabled')).length).toBe(1);
    expect(peer.requests.length).toBe(4);
  });

  it('was not needed by a peer that failed after its head', async () => {
    const { balancer } = await group(
      `${A} max_fails=1; ${B} backup;`,
      '',
      (_all, wire) => {
        wire.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab');
        return undefined;
      },
      named('b'),
    );
    expect(bodyOf(await get(balancer.port, '/'))).toBe('ab');
    expect(bodyOf(await get(balancer.port, '/'))).toBe('ab');
  });
});

describe('kept connections', () => {
  it('serve the next requests', async () => {
    const { balancer, peers } = await group(`${A};`, '', named('a'));
    await bodies(balancer.port, 3);
    expect(peers[0]?.connections).toBe(1);
  });

  it('are not made with keepalive 0', async () => {
    const { balancer, peers } = await group(`${A}; keepalive 0;`, '', named('a'));
    await bodies(balancer.port, 3);
    expect(peers[0]?.connections).toBe(3);
  });

  it('end after keepalive_requests', async () => {
    const { balancer, peers } = await group(`${A}; keepalive_requests 2;`, '', named('a'));
    await bodies(balancer.port, 4);
    expect(peers[0]?.connections).toBe(2);
  });

  it('are not kept where the peer says so', async () => {
    const { balancer, peers } = await group(`${A};`, '', () => ok('a', 'Connection: close'));
    await bodies(balancer.port, 2);
    expect(peers[0]?.connections).toBe(2);
  });

  it('are not kept after more than the answer', async () => {
    const { balancer, peers } = await group(`${A};`, '', () => `${ok('a')}HTTP/1.1 200 OK\r\n\r\n`);
    expect(await bodies(balancer.port, 2)).toBe('aa');
    expect(peers[0]?.connections).toBe(2);
  });

  it('that the peer closes meanwhile cost no answer', async () => {
    let count = 0;
    const { balancer, peers } = await group(`${A};`, '', (_all, wire) => {
      if (++count === 2) {
        wire.socket.destroy();
        return undefined;
      }
      return ok('a');
    });
    expect(await bodies(balancer.port, 3)).toBe('aaa');
    expect(peers[0]?.connections).toBe(2);
  });

  it('are a location’s own without a directive, and everyone’s with one', async () => {
    for (const [keepalive, connections] of [
      ['', 2],
      ['keepalive 4;', 1],
      ['keepalive 4 local;', 2],
    ] as const) {
      const balancer = await startBalancer(
        `upstream u { ${A}; ${keepalive} } server { listen 127.0.0.1:%%PORT%%;
         location /a { proxy_pass http://u; } location /b { proxy_pass http://u; } }`,
      );
      const peer = await startPeer(balancer.port + 1, named('a'));
      await get(balancer.port, '/a');
      await get(balancer.port, '/b');
      expect(peer.connections).toBe(connections);
    }
  });

  it('outlive a reload with a directive', async () => {
    const text = `upstream u { ${A}; keepalive 4; } server { listen 127.0.0.1:%%PORT%%; location / { proxy_pass http://u; } }`;
    const balancer = await startBalancer(text);
    const peer = await startPeer(balancer.port + 1, named('a'));
    await get(balancer.port, '/');
    await balancer.reload(text);
    await get(balancer.port, '/');
    expect(peer.connections).toBe(1);
  });
});

describe('$upstream_ variables', () => {
  it('tell of each attempt, and of each pass', async () => {
    const balancer = await startBalancer(
      `upstream u { ${A}; ${B}; } upstream none { ${A} down; }
       server { listen 127.0.0.1:%%PORT%%; error_page 502 = @log;
         location / { proxy_pass http://u; proxy_next_upstream http_503; proxy_intercept_errors on; error_page 404 = @log; }
         location /none { proxy_pass http://none; }
         location @log { proxy_pass http://127.0.0.1:%%PORT+3%%; proxy_set_header X-V "$upstream_addr|$upstream_status|$upstream_http_x_a|$upstream_cookie_c|$upstream_response_length"; } }`,
    );
    const { port } = balancer;
    await startPeer(port + 1, () => reply('503 No', 'abc'));
    await startPeer(port + 2, () =>
      reply('404 No', 'ab', 'X-A: 1', 'X-A: 2', 'Set-Cookie: b=0', 'Set-Cookie: c=3; Path=/'),
    );
    const logged = await startPeer(port + 3, named('logged'));
    await get(port, '/');
    await get(port, '/none');
    const values = logged.requests.map((each) => /X-V: (.*)\r/.exec(each)?.[1]);
    expect(values).toEqual([
      `127.0.0.1:${port + 1}, 127.0.0.1:${port + 2}|503, 404|1, 2|3|0, 0`,
      'none|502|||0',
    ]);
  });
});

describe('proxy_pass with variables', () => {
  it('finds upstreams by name, hosts of other locations, and addresses', async () => {
    const balancer = await startBalancer(
      `upstream u { ${A}; } server { listen 127.0.0.1:%%PORT%%;
         location / { proxy_pass http://$arg_to; } location /fixed { proxy_pass http://127.0.0.1:%%PORT+2%%; } }`,
    );
    await startPeer(balancer.port + 1, named('a'));
    await startPeer(balancer.port + 2, named('b'));
    expect(await bodies(balancer.port, 1, '/?to=U')).toBe('a');
    expect(await bodies(balancer.port, 1, `/?to=127.0.0.1:${balancer.port + 2}`)).toBe('b');
    expect(statusOf(await get(balancer.port, '/?to=nowhere'))).toBe(502);
    expect(balancer.lines('error.log').join('\n')).toContain('no resolver defined to resolve nowhere');
  });
});
