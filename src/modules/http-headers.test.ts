// add_header, add_trailer and expires on answers of every kind.
import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';
import { headerOf, type WireMessage } from '../../test/support/wire-reader.ts';
import { type Expires, parseExpires } from './http-headers-expires.ts';

let subject: Balancer | undefined;

afterEach(async () => {
  expect((await subject?.close()) ?? []).toEqual([]);
  subject = undefined;
});

async function get(
  server: string,
  target = '/',
  headers: Readonly<Record<string, string>> = {},
): Promise<WireMessage> {
  await subject?.close();
  subject = await balancer(`http { server { listen 127.0.0.1:80; root /site; ${server} } }`, {
    files: { '/site/f': 'a file' },
  });
  return subject.client(80).get(target, { headers });
}

/** Values of the headers of that name. */
function valuesOf(answer: WireMessage, name: string): string[] {
  return answer.headers
    .filter(([each]) => each.toLowerCase() === name.toLowerCase())
    .map(([, value]) => value);
}

describe('add_header', () => {
  it('adds lines with variables, and none for an empty value', async () => {
    const answer = await get(
      'add_header X-A "a$arg_k"; add_header X-B ""; add_header X-B b; location / { return 200; }',
      '/?k=1',
    );
    expect([valuesOf(answer, 'x-a'), valuesOf(answer, 'x-b')]).toEqual([['a1'], ['b']]);
  });

  it('adds to certain statuses, with always to all', async () => {
    const seen: string[] = [];
    for (const status of [200, 201, 204, 302, 400, 404, 503]) {
      const answer = await get(`add_header X-A a; add_header X-B b always; location / { return ${status}; }`);
      seen.push(`${status}${headerOf(answer, 'x-a') ?? ''}${headerOf(answer, 'x-b') ?? ''}`);
    }
    expect(seen).toEqual(['200ab', '201ab', '204ab', '302ab', '400b', '404b', '503b']);
  });

  it('replaces Last-Modified and ETag, and takes them away', async () => {
    const set = await get(
      'add_header Last-Modified "Sun, 06 Nov 1994 08:49:37 GMT"; add_header ETag \'"zz"\';',
      '/f',
    );
    expect([valuesOf(set, 'last-modified'), valuesOf(set, 'etag')]).toEqual([
      ['Sun, 06 Nov 1994 08:49:37 GMT'],
      ['"zz"'],
    ]);
    const gone = await get('add_header Last-Modified ""; add_header ETag "";', '/f');
    expect([valuesOf(gone, 'last-modified'), valuesOf(gone, 'etag')]).toEqual([[], []]);
    const weird = await get('add_header Last-Modified weird;', '/f');
    expect(valuesOf(weird, 'last-modified')).toEqual(['weird']);
  });

  it('cannot be made to write a header of its own', async () => {
    const answer = await get('location / { add_header X-A "a$uri"; return 200; }', '/x%0d%0aX-B:%20b');
    expect(valuesOf(answer, 'x-a')).toEqual(['a/x  X-B: b']);
    expect(valuesOf(answer, 'x-b')).toEqual([]);
  });

  it('is taken over from outside, added to or left out as add_header_inherit says', async () => {
    const server = `add_header X-1 a;
      location /on { return 200; } location /own { add_header X-2 b; return 200; }
      location /merge { add_header_inherit merge; add_header X-2 b; return 200;
        location /merge/in { add_header X-3 c; return 200; } }
      location /off { add_header_inherit off; return 200; }`;
    const seen: string[] = [];
    for (const target of ['/on', '/own', '/merge', '/merge/in', '/off']) {
      const answer = await get(server, target);
      seen.push(
        answer.headers
          .filter(([name]) => /^X-/i.test(name))
          .map(([name, value]) => name + value)
          .join(' '),
      );
    }
    expect(seen).toEqual(['X-1a', 'X-2b', 'X-2b X-1a', 'X-3c X-2b X-1a', '']);
  });
});

describe('add_trailer', () => {
  const server =
    'add_trailer X-T "t$arg_k"; add_trailer X-E ""; add_trailer X-S $bytes_sent; location / { return 200 body; } location /e { return 404; }';

  it('sends the answer in chunks and its fields after them', async () => {
    await get(server, '/?k=1');
    const client = subject?.client(80);
    client?.request('/?k=1');
    await client?.answer();
    expect(client?.text).toMatch(/Transfer-Encoding: chunked\r\n/);
    expect(client?.text).toMatch(/4\r\nbody\r\n0\r\nX-T: t1\r\nX-S: \d+\r\n\r\n$/);
    expect(client?.text).not.toMatch(/Content-Length|X-E/);
  });

  it('leaves other statuses and HTTP/1.0 alone', async () => {
    expect(headerOf(await get(server, '/e'), 'transfer-encoding')).toBeUndefined();
    const client = subject?.client(80).send('GET / HTTP/1.0\r\n\r\n');
    await client?.closed();
    expect(client?.text).toMatch(/Content-Length: 4\r\n/);
    expect(client?.text).not.toMatch(/X-T/);
  });
});

const EXPIRES: readonly (readonly [text: string, modified: boolean, parsed: Expires | string])[] = [
  ['off', false, { kind: 'off' }],
  ['epoch', false, { kind: 'epoch' }],
  ['max', false, { kind: 'max' }],
  ['1h', false, { kind: 'access', seconds: 3600 }],
  ['+1d', false, { kind: 'access', seconds: 86_400 }],
  ['-1', false, { kind: 'access', seconds: -1 }],
  ['0', false, { kind: 'access', seconds: 0 }],
  ['@15h30m', false, { kind: 'daily', seconds: 55_800 }],
  ['@24h', false, { kind: 'daily', seconds: 86_400 }],
  ['@25h', false, 'daily time value must be less than 24 hours'],
  ['+1h', true, { kind: 'modified', seconds: 3600 }],
  ['max', true, 'invalid value'],
  ['@1h', true, 'daily time cannot be used with "modified" parameter'],
  ['soon', false, 'invalid value'],
  ['', false, 'invalid value'],
];

describe('expires', () => {
  it.each(EXPIRES)('"%s" (modified: %s)', (text, modified, parsed) => {
    expect(parseExpires(text, modified)).toEqual(parsed);
  });

  /** Seconds from now to Expires, and Cache-Control. */
  async function lasting(
    setting: string,
    target = '/',
  ): Promise<readonly [number | undefined, string | undefined]> {
    const answer = await get(
      `location / { expires ${setting}; return 200; } location /f { expires ${setting}; }`,
      target,
    );
    const [date, until] = [headerOf(answer, 'date'), headerOf(answer, 'expires')];
    const seconds = until === undefined ? undefined : (Date.parse(until) - Date.parse(date ?? '')) / 1000;
    return [seconds, headerOf(answer, 'cache-control')];
  }

  it('counts from the request, from the file’s time or to an hour of the day', async () => {
    expect(await lasting('1h')).toEqual([3600, 'max-age=3600']);
    expect(await lasting('-1h')).toEqual([-3600, 'no-cache']);
    expect(await lasting('0')).toEqual([0, 'max-age=0']);
    expect(await lasting('off')).toEqual([undefined, undefined]);
    expect(await lasting('modified 1h')).toEqual([3600, 'max-age=3600']);
    const [seconds = 0, control] = await lasting('@12h');
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(86_400);
    expect(control).toBe(`max-age=${seconds}`);
    const file = await get('location / { expires modified 1h; }', '/f');
    expect(
      Date.parse(headerOf(file, 'expires') ?? '') - Date.parse(headerOf(file, 'last-modified') ?? ''),
    ).toBe(3_600_000);
  });

  it('knows the beginning and the end of time', async () => {
    const epoch = await get('expires epoch; location / { return 200; }');
    expect(headerOf(epoch, 'expires')).toBe('Thu, 01 Jan 1970 00:00:01 GMT');
    expect(headerOf(epoch, 'cache-control')).toBe('no-cache');
    const max = await get('expires max; location / { return 200; }');
    expect(headerOf(max, 'expires')).toBe('Thu, 31 Dec 2037 23:55:55 GMT');
    expect(headerOf(max, 'cache-control')).toBe('max-age=315360000');
  });

  it('may be a variable, which is ignored when it is nothing that expires knows', async () => {
    expect(await lasting('$arg_e', '/?e=2h')).toEqual([7200, 'max-age=7200']);
    expect(await lasting('$arg_e', '/?e=off')).toEqual([undefined, undefined]);
    expect(await lasting('$arg_e', '/?e=junk')).toEqual([undefined, undefined]);
  });

  it('takes the place of what a peer has said', async () => {
    subject = await balancer(`http { server { listen 127.0.0.1:80;
      location / { expires 1h; proxy_pass http://127.0.0.1:8010; } } }`);
    await subject.peer(
      8010,
      () =>
        'HTTP/1.1 200 OK\r\nExpires: never\r\nCache-Control: private\r\nCache-Control: no-store\r\nContent-Length: 0\r\n\r\n',
    );
    const answer = await subject.client(80).get('/');
    expect(valuesOf(answer, 'cache-control')).toEqual(['max-age=3600']);
    expect(valuesOf(answer, 'expires')).not.toContain('never');
  });
});
