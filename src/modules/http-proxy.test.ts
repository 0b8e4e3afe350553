// proxy_pass and what steers it, through a whole balancer between raw clients and raw peers.
import { describe, expect, it, vi } from 'vitest';
import { type Balancer, startBalancer } from '../../test/support/real-balancer.ts';
import {
  ask,
  bodyOf,
  dial,
  get,
  headOf,
  ok,
  type Peer,
  reply,
  request,
  startPeer,
  statusOf,
  valuesOf,
} from '../../test/support/wire.ts';
import { INTERIM_ANSWERS_MAX } from '../base/limits.ts';

/** A balancer on %%PORT%% and a peer on %%PORT+1%%. */
async function pair(
  locations: string,
  answer: Parameters<typeof startPeer>[1] = () => ok('here'),
): Promise<{ balancer: Balancer; peer: Peer }> {
  const balancer = await startBalancer(`server { listen 127.0.0.1:%%PORT%%; ${locations} }`);
  const peer = await startPeer(balancer.port + 1, answer);
  return { balancer, peer };
}

const PEER = 'http://127.0.0.1:%%PORT+1%%';

describe('the target that a server is asked for', () => {
  const cases: readonly [location: string, asked: string, sent: string][] = [
    [`location / { proxy_pass ${PEER}; }`, '/a%20b/../c?x=%20', '/a%20b/../c?x=%20'],
    [`location /a/ { proxy_pass ${PEER}/; }`, '/a/b?c=d', '/b?c=d'],
    [`location /a/ { proxy_pass ${PEER}/u/; }`, '/a/%20/x', '/u/%20/x'],
    [`location /a/ { proxy_pass ${PEER}/u?x=; }`, '/a/b?c', '/u?x=b?c'],
    [`location /a/ { proxy_pass ${PEER}?x=; }`, '/a/b', '?x=b'],
    [`location = /a { proxy_pass ${PEER}/zz; }`, '/a?q', '/zz?q'],
    [`location ~ ^/r { proxy_pass ${PEER}; }`, '/r/../r%2f?', '/r/../r%2f?'],
    [`location / { proxy_pass ${PEER}/$arg_to; }`, '/x?to=y', '/y'],
    [`location / { proxy_pass ${PEER}$request_uri; }`, '/x%41?z', '/x%41?z'],
    [`location / { proxy_pass ${PEER}?$args; }`, '/x?z', '/?z'],
    [`location /a { proxy_pass http://127.0.0.1:$arg_p; }`, '/a/b?p=%%PORT+1%%', '/a/b?p=%%PORT+1%%'],
  ];
  it.each(cases)('%s asked for %s', async (location, asked, sent) => {
    const { balancer, peer } = await pair(location);
    const port = String(balancer.port + 1);
    await get(balancer.port, asked.replace('%%PORT+1%%', port));
    expect(peer.requests[0]?.split(' ')[1]).toBe(sent.replace('%%PORT+1%%', port));
  });

  it('cannot be ended by what a variable brings', async () => {
    const { balancer, peer } = await pair(`location / { proxy_pass ${PEER}$uri; }`);
    await get(balancer.port, '/a%20HTTP/1.1%0d%0aX:%20y');
    expect(peer.requests[0]).toMatch(/^GET \/a%20HTTP\/1.1%0D%0AX:%20y/);
    expect(peer.requests[0]).not.toMatch(/^X/m);
  });

  it('is answered with 500 where the URL is none', async () => {
    const { balancer } = await pair('location / { proxy_pass $arg_u; }');
    expect(statusOf(await get(balancer.port, '/?u=nothing'))).toBe(500);
    expect(balancer.lines('error.log').join()).toContain('invalid URL prefix in "nothing"');
  });
});

describe('the head that a server is sent', () => {
  it("is nginx's", async () => {
    const { balancer, peer } = await pair(`location / { proxy_pass ${PEER}; }`);
    await ask(
      balancer.port,
      'POST /p HTTP/1.1\r\nHost: a.example\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\nKeep-Alive: 5\r\n' +
        'Proxy-Connection: x\r\nUpgrade: h2c\r\nExpect: 100-continue\r\nAccept: */*\r\nContent-Length: 3\r\n\r\nabc',
    );
    const port = balancer.port + 1;
    expect(peer.requests).toEqual([
      `POST /p HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Length: 3\r\nX-Hop: 1\r\nAccept: */*\r\n\r\nabc`,
    ]);
  });

  it('has the lines of proxy_set_header first, but those that are empty', async () => {
    const { balancer, peer } = await pair(
      `location / { proxy_pass ${PEER}; proxy_set_header Host $host; proxy_set_header X-A $arg_a; proxy_set_header X-B b;
       proxy_set_header X-B b2; proxy_set_header Accept ""; proxy_set_header X-For $proxy_add_x_forwarded_for;
       proxy_set_header X-To $proxy_host:$proxy_port; }`,
    );
    await get(balancer.port, '/?a=', 'X-Forwarded-For: 1.1.1.1', 'Accept: */*', 'X-B: mine', 'X-C: c');
    expect(
      headOf(peer.requests[0] ?? '')
        .split('\r\n')
        .slice(1),
    ).toEqual([
      'Host: localhost',
      'X-B: b',
      'X-B: b2',
      'X-For: 1.1.1.1, 127.0.0.1',
      `X-To: 127.0.0.1:${balancer.port + 1}:${balancer.port + 1}`,
      'X-Forwarded-For: 1.1.1.1',
      'X-C: c',
    ]);
  });

  it('inherits proxy_set_header only where a block has none', async () => {
    const { balancer, peer } = await pair(
      `proxy_set_header X-S s; location /a { proxy_pass ${PEER}; } location /b { proxy_pass ${PEER}; proxy_set_header X-L l; }`,
    );
    await get(balancer.port, '/a');
    await get(balancer.port, '/b');
    expect(peer.requests.map((each) => /X-.*/.exec(each)?.[0])).toEqual(['X-S: s', 'X-L: l']);
  });

  it('cannot be added to by what a variable brings', async () => {
    const { balancer, peer } = await pair(`location / { proxy_pass ${PEER}; proxy_set_header X-U $uri; }`);
    await get(balancer.port, '/a%0d%0aEvil:%201');
    expect(peer.requests[0]).toContain('X-U: /a  Evil: 1\r\n');
  });

  it('speaks HTTP/1.0, another method and a body of its own where it is told to', async () => {
    const { balancer, peer } = await pair(
      `location / { proxy_pass ${PEER}; proxy_http_version 1.0; proxy_set_header Host ""; proxy_method PUT;
       proxy_set_body "m=$request_method b=$request_body"; proxy_pass_request_headers off; }`,
    );
    await ask(balancer.port, request('POST', '/', ['X: y'], 'abc'));
    expect(peer.requests).toEqual(['PUT / HTTP/1.0\r\nContent-Length: 12\r\n\r\nm=POST b=abc']);
  });

  it('announces no body that is not sent', async () => {
    const { balancer, peer } = await pair(`location / { proxy_pass ${PEER}; proxy_pass_request_body off; }`);
    await ask(balancer.port, request('POST', '/', [], 'abc'));
    expect(peer.requests[0]).toBe(`POST / HTTP/1.1\r\nHost: 127.0.0.1:${balancer.port + 1}\r\n\r\n`);
  });
});

describe('request bodies', () => {
  const CHUNKED = 'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n';

  it('in chunks are read whole and sent with their length', async () => {
    const { balancer, peer } = await pair(`location / { proxy_pass ${PEER}; }`);
    await ask(balancer.port, `${CHUNKED}3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n`);
    expect(peer.requests[0]).toMatch(/Content-Length: 7\r\n\r\nabcdefg$/);
  });

  it('in chunks go on as they come without buffering', async () => {
    const { balancer, peer } = await pair(`location / { proxy_pass ${PEER}; proxy_request_buffering off; }`);
    const client = dial(balancer.port);
    client.send(`${CHUNKED}3\r\nabc\r\n`);
    await vi.waitFor(() => expect(peer.connections).toBe(1), { interval: 1 });
    client.send('4\r\ndefg\r\n0\r\n\r\n');
    expect(statusOf(await client.rest())).toBe(200);
    expect(peer.requests[0]).toMatch(/\r\nTransfer-Encoding: chunked\r\n/);
    expect(bodyOf(peer.requests[0] ?? '').replace(/[0-9]+\r\n|\r\n/g, '')).toBe('abcdefg');
  });

  it('in chunks that came whole with their head are sent with their length, buffered or not', async () => {
    const { balancer, peer } = await pair(`location / { proxy_pass ${PEER}; proxy_request_buffering off; }`);
    await ask(balancer.port, `${CHUNKED}3\r\nabc\r\n0\r\n\r\n`);
    expect(peer.requests[0]).toMatch(/Content-Length: 3\r\n\r\nabc$/);
  });

  it('that were partly sent to a server whose answer led elsewhere are not sent again', async () => {
    const { balancer, peer } = await pair(
      `location / { proxy_pass ${PEER}; proxy_request_buffering off; }
       location /again { proxy_pass ${PEER}; }`,
      (all) => (all.startsWith('POST') ? reply('200 OK', '', 'X-Accel-Redirect: /again') : ok(headOf(all))),
    );
    const client = dial(balancer.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 6\r\n\r\nabc');
    await vi.waitFor(() => expect(peer.connections).toBe(1), { interval: 1 });
    client.send('def');
    expect(statusOf(await client.rest())).toBe(200);
    expect(peer.requests[1]).toMatch(/^GET \/again HTTP\/1.1\r\n/);
    expect(peer.requests[1]).toMatch(/\r\nContent-Length: 0\r\n/);
  });

  it('reach the server before they have ended without buffering', async () => {
    const balancer = await startBalancer(
      `server { listen 127.0.0.1:%%PORT%%; location / { proxy_pass ${PEER}; proxy_request_buffering off; } }`,
    );
    await startPeer(balancer.port + 1, (all) => ok(bodyOf(all)));
    const client = dial(balancer.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 6\r\n\r\nabc');
    client.send('def');
    expect(bodyOf(await client.rest())).toBe('abcdef');
  });

  it('are asked for with 100 Continue', async () => {
    const { balancer, peer } = await pair(`location / { proxy_pass ${PEER}; }`);
    const client = dial(balancer.port);
    client.send(
      'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n',
    );
    expect(await client.take('\r\n\r\n')).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    client.send('abc');
    expect(statusOf(await client.rest())).toBe(200);
    expect(bodyOf(peer.requests[0] ?? '')).toBe('abc');
  });

  it('of many megabytes are kept in a file and sent whole', async () => {
    const { balancer, peer } = await pair(`client_max_body_size 0; location / { proxy_pass ${PEER}; }`);
    const body = 'x'.repeat(3_000_000);
    expect(statusOf(await ask(balancer.port, request('POST', '/', [], body)))).toBe(200);
    expect(bodyOf(peer.requests[0] ?? '').length).toBe(body.length);
  });
});

describe('answers', () => {
  it("keep the server's head but for what ends at this hop", async () => {
    const { balancer } = await pair(`location / { proxy_pass ${PEER}; }`, () =>
      reply(
        '404 Nope',
        'gone',
        'Server: other',
        'Date: x',
        'X-Pad: 1',
        'Keep-Alive: 5',
        'X-A: 1',
        'X-A: 2',
        'X-Accel-Expires: 1',
      ),
    );
    expect(headOf(await get(balancer.port, '/')).split('\r\n')).toEqual([
      'HTTP/1.1 404 Nope',
      'Server: holdfast/test',
      'Content-Length: 4',
      'Connection: close',
      'X-A: 1',
      'X-A: 2',
    ]);
  });

  it('hide and pass what they are told to', async () => {
    const { balancer } = await pair(
      `location / { proxy_pass ${PEER}; proxy_hide_header x-a; proxy_hide_header Content-Type; proxy_pass_header Server; }`,
      () => ok('', 'Server: other', 'X-A: 1', 'Content-Type: a/b', 'X-B: 2'),
    );
    const answer = await get(balancer.port, '/');
    expect(valuesOf(answer, 'Server')).toEqual(['other']);
    expect(valuesOf(answer, 'X-A')).toEqual([]);
    expect(valuesOf(answer, 'Content-Type')).toEqual([]);
    expect(valuesOf(answer, 'X-B')).toEqual(['2']);
  });

  it('have no Server and no Date where theirs are passed and they have none', async () => {
    const { balancer } = await pair(
      `location / { proxy_pass ${PEER}; proxy_pass_header Server; proxy_pass_header Date; }`,
    );
    const answer = await get(balancer.port, '/');
    expect(answer).not.toMatch(/^(?:Server|Date): /m);
  });

  it('in chunks come in chunks, and whole to HTTP/1.0', async () => {
    const { balancer } = await pair(
      `location / { proxy_pass ${PEER}; }`,
      () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n',
    );
    expect(bodyOf(await get(balancer.port, '/'))).toBe('5\r\nabcde\r\n0\r\n\r\n');
    const old = await ask(balancer.port, 'GET / HTTP/1.0\r\n\r\n');
    expect(bodyOf(old)).toBe('abcde');
    expect(valuesOf(old, 'Transfer-Encoding')).toEqual([]);
  });

  it('have their trailers where those are passed', async () => {
    const { balancer } = await pair(
      `location /on { proxy_pass ${PEER}; proxy_pass_trailers on; proxy_hide_header X-H; } location /off { proxy_pass ${PEER}; }`,
      () => 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-T: 1\r\nX-H: 2\r\n\r\n',
    );
    expect(bodyOf(await get(balancer.port, '/on'))).toBe('1\r\na\r\n0\r\nX-T: 1\r\n\r\n');
    expect(bodyOf(await get(balancer.port, '/off'))).toBe('1\r\na\r\n0\r\n\r\n');
  });

  it('that were cut reach a slow client as far as they came', async () => {
    const big = 'x'.repeat(3_000_000);
    const { balancer } = await pair(`location / { proxy_pass ${PEER}; }`, (_all, wire) => {
      wire.end(`HTTP/1.1 200 OK\r\nContent-Length: 4000000\r\n\r\n${big}`);
      return undefined;
    });
    const client = dial(balancer.port);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    client.socket.pause();
    await client.until(() => balancer.lines('error.log').join().includes('prematurely closed'), 'the cut');
    client.socket.resume();
    expect(bodyOf(await client.rest()).length).toBe(big.length);
  });

  it('that end with their connection are passed to its end', async () => {
    const { balancer } = await pair(`location / { proxy_pass ${PEER}; }`, () => 'HTTP/1.0 200 OK\r\n\r\nabc');
    expect(bodyOf(await get(balancer.port, '/'))).toBe('3\r\nabc\r\n0\r\n\r\n');
  });

  it('that are cut cut the client’s connection', async () => {
    const { balancer } = await pair(`location / { proxy_pass ${PEER}; }`, (_all, wire) => {
      wire.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc');
      return undefined;
    });
    const client = dial(balancer.port);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const all = await client.rest();
    expect(valuesOf(all, 'Content-Length')).toEqual(['9']);
    expect(bodyOf(all)).toBe('abc');
    expect(balancer.lines('error.log').join('\n')).toContain(
      'upstream prematurely closed connection while reading upstream',
    );
  });

  it('reach the client as they come without buffering', async () => {
    const { balancer } = await pair(
      `location / { proxy_pass ${PEER}; proxy_buffering off; }`,
      (_all, wire) => {
        wire.send('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc');
        return undefined;
      },
    );
    const client = dial(balancer.port);
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.take('\r\n\r\nabc');
  });

  it('to HEAD have no body and leave the connection for the next', async () => {
    const { balancer, peer } = await pair(`location / { proxy_pass ${PEER}; }`, (all) =>
      all.startsWith('HEAD') ? 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n' : ok('x'),
    );
    const client = dial(balancer.port);
    client.send('HEAD / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(valuesOf(await client.take('\r\n\r\n'), 'Content-Length')).toEqual(['9']);
    client.send('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    expect(bodyOf(await client.rest())).toBe('x');
    expect(peer.requests.length).toBe(2);
  });

  it('with a head larger than proxy_buffer_size are 502', async () => {
    const { balancer } = await pair(`location / { proxy_pass ${PEER}; proxy_buffer_size 128; }`, () =>
      ok('', `X: ${'y'.repeat(200)}`),
    );
    expect(statusOf(await get(balancer.port, '/'))).toBe(502);
    expect(balancer.lines('error.log').join('\n')).toContain(
      'upstream sent too big header while reading response header from upstream',
    );
  });

  it('that two could read differently are 502', async () => {
    const { balancer } = await pair(`location / { proxy_pass ${PEER}; }`, (_all, wire) => {
      wire.end('HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc');
      return undefined;
    });
    expect(statusOf(await get(balancer.port, '/'))).toBe(502);
  });

  it('after 103 are the last ones', async () => {
    const { balancer } = await pair(
      `location / { proxy_pass ${PEER}; }`,
      () => `HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${ok('here')}`,
    );
    expect(bodyOf(await get(balancer.port, '/'))).toBe('here');
  });

  it('after more 1xx heads than anybody needs are 502', async () => {
    const asked = async (count: number): Promise<string> => {
      const interim = 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(count);
      const { balancer } = await pair(`location / { proxy_pass ${PEER}; }`, () => interim + ok('here'));
      return statusOf(await get(balancer.port, '/')) + balancer.lines('error.log').join('\n');
    };
    expect(await asked(INTERIM_ANSWERS_MAX)).toBe('200');
    expect(await asked(INTERIM_ANSWERS_MAX + 1)).toMatch(/^502.*upstream sent too many interim responses/);
  });
});

describe('a slow server', () => {
  it('is 504 when it says nothing', async () => {
    const { balancer } = await pair(
      `location / { proxy_pass ${PEER}; proxy_read_timeout 50ms; }`,
      () => undefined,
    );
    expect(statusOf(await get(balancer.port, '/'))).toBe(504);
    expect(balancer.lines('error.log').join('\n')).toContain(
      'upstream timed out (110: Connection timed out) while reading response header from upstream',
    );
  });

  it('is not late while the client sends its body', async () => {
    const { balancer } = await pair(
      `location / { proxy_pass ${PEER}; proxy_read_timeout 100ms; proxy_request_buffering off; }`,
    );
    const client = dial(balancer.port);
    client.send('POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 2\r\n\r\na');
    await new Promise((resolve) => setTimeout(resolve, 200)); // twice the timeout
    client.send('b');
    expect(statusOf(await client.rest())).toBe(200);
  });
});

describe('proxy_redirect', () => {
  const cases: readonly [directives: string, location: string, seen: string][] = [
    ['', `${PEER}/x`, 'http://localhost:%%PORT%%/x'],
    ['proxy_redirect default;', `${PEER}/x`, 'http://localhost:%%PORT%%/x'],
    ['proxy_redirect off;', `${PEER}/x`, `${PEER}/x`],
    ['proxy_redirect http://up/ /in/;', 'http://up/x', 'http://localhost:%%PORT%%/in/x'],
    ['proxy_redirect http://$arg_h/ /$arg_h/;', 'http://up/x', 'http://localhost:%%PORT%%/up/x'],
    ['proxy_redirect ~^http://([^/]+)/(.*)$ http://other/$1/$2;', 'http://up/x', 'http://other/up/x'],
    ['proxy_redirect ~*^HTTP://(?<n>u.) /$n;', 'http://up/x', 'http://localhost:%%PORT%%/up'],
    [
      'proxy_redirect http://no/ /no/; proxy_redirect http://up/ /yes/;',
      'http://up/',
      'http://localhost:%%PORT%%/yes/',
    ],
    ['proxy_redirect off;', '/x', '/x'],
  ];
  it.each(cases)('%s makes of %s', async (directives, location, seen) => {
    const fill = (text: string): string =>
      text.replace('%%PORT+1%%', String(balancer.port + 1)).replace('%%PORT%%', String(balancer.port));
    const { balancer } = await pair(`location / { proxy_pass ${PEER}; ${directives} }`, () =>
      reply('302 Found', '', `Location: ${fill(location)}`, `Refresh: 5; URL=${fill(location)}`),
    );
    const answer = await get(balancer.port, '/?h=up');
    expect(valuesOf(answer, 'Location')).toEqual([fill(seen)]);
  });

  it('turns Refresh too', async () => {
    const { balancer } = await pair(
      `location / { proxy_pass ${PEER}; proxy_redirect http://up/ /in/; }`,
      () => ok('', 'Refresh: 5; URL=http://up/x'),
    );
    expect(valuesOf(await get(balancer.port, '/'), 'Refresh')).toEqual(['5; URL=/in/x']);
  });
});

describe('cookies', () => {
  const cases: readonly [directives: string, cookie: string, seen: string][] = [
    [
      'proxy_cookie_domain up.example down.example;',
      'a=1; Domain=.UP.example;Path=/',
      'a=1; Domain=.down.example; Path=/',
    ],
    ['proxy_cookie_domain ~^(.*)\\.up$ $1.down;', 'a=1; domain=x.UP', 'a=1; domain=x.down'],
    ['proxy_cookie_path /two/ /;', 'a=1; path=/two/x; HttpOnly', 'a=1; path=/x; HttpOnly'],
    ['proxy_cookie_path ~^/(.+)$ /pre/$1;', 'a=1; path=/two', 'a=1; path=/pre/two'],
    ['proxy_cookie_path /none/ /;', 'a=1;path=/two', 'a=1;path=/two'],
    [
      'proxy_cookie_flags a secure httponly samesite=lax;',
      'a=1; Path=/',
      'a=1; Path=/; Secure; HttpOnly; SameSite=Lax',
    ],
    ['proxy_cookie_flags a nosecure samesite=strict;', 'a=1; secure; samesite=none', 'a=1; SameSite=Strict'],
    ['proxy_cookie_flags ~^A nohttponly;', 'ab=1; HttpOnly; x', 'ab=1; x'],
    ['proxy_cookie_flags b secure;', 'a=1', 'a=1'],
    ['proxy_cookie_path / /x/;', 'novalue; path=/', 'novalue; path=/'],
  ];
  it.each(cases)('%s makes of %s', async (directives, cookie, seen) => {
    const { balancer } = await pair(`location / { proxy_pass ${PEER}; ${directives} }`, () =>
      ok('', `Set-Cookie: ${cookie}`, 'Set-Cookie: z=0'),
    );
    expect(valuesOf(await get(balancer.port, '/'), 'Set-Cookie')).toEqual([seen, 'z=0']);
  });
});

describe('X-Accel headers', () => {
  it('send the request to another location, with what of the answer is kept', async () => {
    const { balancer } = await pair(
      `location / { proxy_pass ${PEER}; } location /in/ { internal; proxy_pass ${PEER}/inner/; }`,
      (all) =>
        all.startsWith('GET /inner/')
          ? ok(`inner of ${all.split(' ')[1]}`, 'X-B: 2')
          : ok('', 'X-Accel-Redirect: /in/a%20b?c', 'Set-Cookie: a=1', 'X-A: 1'),
    );
    const answer = await get(balancer.port, '/');
    expect(bodyOf(answer)).toBe('inner of /inner/a%20b?c');
    expect(valuesOf(answer, 'Set-Cookie')).toEqual(['a=1']);
    expect(valuesOf(answer, 'X-A')).toEqual([]);
    expect(valuesOf(answer, 'X-B')).toEqual(['2']);
  });

  it('are not obeyed where they are to be ignored, and a bad target is 404', async () => {
    const { balancer } = await pair(
      `location /a { proxy_pass ${PEER}; proxy_ignore_headers X-Accel-Redirect; } location /b { proxy_pass ${PEER}; }`,
      () => ok('as it is', 'X-Accel-Redirect: /../x'),
    );
    expect(bodyOf(await get(balancer.port, '/a'))).toBe('as it is');
    expect(statusOf(await get(balancer.port, '/b'))).toBe(404);
  });
});

describe('proxy_intercept_errors', () => {
  it('gives the answer to error_page', async () => {
    const { balancer } = await pair(
      `location / { proxy_pass ${PEER}; proxy_intercept_errors on; error_page 404 = /other; error_page 401 /other; }
       location = /other { proxy_pass ${PEER}/page; }`,
      (all) =>
        all.startsWith('GET /page')
          ? ok('page')
          : all.startsWith('GET /401')
            ? reply('401 No', 'x', 'WWW-Authenticate: Basic realm="a"')
            : reply('404 Not Found', 'theirs'),
    );
    const missing = await get(balancer.port, '/404');
    expect([statusOf(missing), bodyOf(missing)]).toEqual([200, 'page']);
    const refused = await get(balancer.port, '/401');
    expect([statusOf(refused), bodyOf(refused)]).toEqual([401, 'page']);
    expect(valuesOf(refused, 'WWW-Authenticate')).toEqual(['Basic realm="a"']);
  });
});

describe('proxy_force_ranges', () => {
  it('cuts one part out of an answer', async () => {
    const { balancer } = await pair(`location / { proxy_pass ${PEER}; proxy_force_ranges on; }`, () =>
      ok('0123456789', 'Accept-Ranges: none'),
    );
    const answer = await get(balancer.port, '/', 'Range: bytes=2-4');
    expect([statusOf(answer), bodyOf(answer)]).toEqual([206, '234']);
    expect(valuesOf(answer, 'Content-Range')).toEqual(['bytes 2-4/10']);
    expect(bodyOf(await get(balancer.port, '/', 'Range: bytes=1-2,4-5'))).toBe('0123456789');
    expect(bodyOf(await get(balancer.port, '/', 'Range: bytes=1-2,4-5,none'))).toBe('0123456789');
  });
});

describe('an upgrade', () => {
  const ASK = 'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';
  const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n';

  it('is passed on where the location asks for it, with what comes along', async () => {
    const { balancer } = await pair(
      `location / { proxy_pass ${PEER}; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; }`,
      (_all, wire) => {
        wire.send(`${SWITCH}first`);
        wire.socket.on('data', () => wire.send(`<${wire.text.split('').reverse().join('')}>`));
        return undefined;
      },
    );
    const client = dial(balancer.port);
    client.send(ASK);
    const head = await client.take('\r\n\r\n');
    expect(statusOf(head)).toBe(101);
    expect(valuesOf(head, 'Upgrade')).toEqual(['echo']);
    expect(await client.takeBytes(5)).toBe('first');
    client.send('abc');
    expect(await client.take('>')).toContain('cba');
  });

  it('that nobody asked for is 502', async () => {
    const { balancer } = await pair(`location / { proxy_pass ${PEER}; }`, () => SWITCH);
    const client = dial(balancer.port);
    client.send(ASK);
    expect(statusOf(await client.take('\r\n\r\n'))).toBe(502);
  });
});

describe('a block inside a location', () => {
  it('has a proxy_pass of its own', async () => {
    const balancer = await startBalancer(
      `server { listen 127.0.0.1:%%PORT%%; location / {
         proxy_pass ${PEER}; proxy_set_header X-S s;
         if ($arg_to) { proxy_pass http://127.0.0.1:%%PORT+2%%; }
         limit_except GET { proxy_pass http://127.0.0.1:%%PORT+3%%; } } }`,
    );
    const [first, second, third] = await Promise.all(
      [1, 2, 3].map((i) => startPeer(balancer.port + i, () => ok(String(i)))),
    );
    expect(bodyOf(await get(balancer.port, '/'))).toBe('1');
    expect(bodyOf(await get(balancer.port, '/?to=x'))).toBe('2');
    expect(bodyOf(await ask(balancer.port, request('PUT', '/')))).toBe('3');
    for (const peer of [first, second, third]) expect(peer?.requests[0]).toContain('X-S: s\r\n');
  });
});
