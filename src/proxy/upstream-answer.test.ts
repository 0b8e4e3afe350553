// What of a peer's head reaches the client, line by line, as nginx 1.31.5 was seen to pass it on.
import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';

let subject: Balancer;

afterEach(async () => {
  expect(await subject.close()).toEqual([]);
});

/** The client's head for this one of a peer, without the lines that are always there; `|` ends a line. */
async function passedOn(lines: string, location = '', target = '/'): Promise<string> {
  subject = await balancer(`error_log logs/error.log info; http { proxy_hide_header X-Hidden;
    server { listen 80; location / { ${location} proxy_pass http://127.0.0.1:8010; }
      location /inner { internal; add_header X-Method $request_method; return 200 "$uri $args"; }
      location @named { return 200 named; } } }`);
  await subject.peer(
    8010,
    () => `HTTP/1.1 200 OK\r\n${lines.replace(/\|/g, '\r\n')}Content-Length: 2\r\n\r\nok`,
  );
  const { headers, body } = await subject.client(80).get(target, { method: 'POST', body: '' });
  const usual = /^(Server|Date|Content-Length|Connection): /;
  const left = headers.map(([name, value]) => `${name}: ${value}|`).filter((line) => !usual.test(line));
  return left.join('') + (body === 'ok' ? '' : body);
}

function told(): string[] {
  return subject.errorLog.map((line) => line.replace(/^.*(\[\w+\]) \S+ \*\d+ (.*?), client: .*$/, '$1 $2'));
}

describe('of a peer’s head', () => {
  it.each([
    ['lines go on as they are written', 'x-a: 1|X-A:  2 |X-Empty:|', 'x-a: 1|X-A: 2|X-Empty: |'],
    [
      'the type comes first',
      'X-A: 1|content-type: text/x; charset=y|',
      'Content-Type: text/x; charset=y|X-A: 1|',
    ],
    ['what ends at this hop is left out', 'Keep-Alive: timeout=9|X-A: 1|', 'X-A: 1|'],
    ['what Connection names is left out', 'Connection: x-hop, keep-alive|X-Hop: 1|X-A: 1|', 'X-A: 1|'],
    ['what is hidden is left out', 'X-Hidden: 1|x-hidden: 2|X-A: 1|', 'X-A: 1|'],
    ['X-Accel headers are left out', 'X-Accel-Expires: 9|X-Accel-Buffering: no|X-Accel-Limit-Rate: 99|', ''],
    ['a date of change stays as it is written', 'Last-Modified: whenever|', 'Last-Modified: whenever|'],
    ['cookies and challenges may be several', 'Set-Cookie: a|Set-Cookie: b|', 'Set-Cookie: a|Set-Cookie: b|'],
  ])('%s', async (_what, lines, seen) => {
    expect(await passedOn(lines)).toBe(seen);
    expect(told()).toEqual([]);
  });

  it.each(['ETag', 'Last-Modified', 'Location', 'Refresh', 'Expires', 'Content-Type'])(
    'a second %s is left out, with a warning',
    async (name) => {
      expect(await passedOn(`${name}: a|${name.toLowerCase()}: b|`)).toBe(`${name}: a|`);
      expect(told()).toEqual([
        `[warn] upstream sent duplicate header line: "${name.toLowerCase()}: b", previous value: "${name}: a", ignored while reading response header from upstream`,
      ]);
    },
  );

  it('the charset to override is not known, where there is a type for it', async () => {
    expect(await passedOn('X-Accel-Charset: koi8-r|')).toBe('');
    expect(told()).toEqual([]);
    await subject.close();
    expect(await passedOn('Content-Type: a/b|X-Accel-Charset: koi8-r|')).toBe('Content-Type: a/b|');
    expect(told()).toEqual([
      '[error] unknown charset "koi8-r" to override while reading response header from upstream',
    ]);
  });
});

describe('X-Accel-Redirect', () => {
  const KEPT =
    'Content-Type: a/b|X-Method: GET|Set-Cookie: c|Cache-Control: d|Expires: e|Accept-Ranges: f|Content-Disposition: g|';
  it.each([
    [
      'goes to another location',
      'X-Accel-Redirect: /inner/x?y|',
      '',
      'Content-Type: text/plain|X-Method: GET|/inner/x y',
    ],
    ['goes to a named one', 'X-Accel-Redirect: @named|', '', 'Content-Type: text/plain|named'],
    [
      'is passed on where it is ignored',
      'X-Accel-Redirect: /inner|X-A: 1|',
      'proxy_ignore_headers X-Accel-Redirect;',
      'X-A: 1|',
    ],
  ])('%s', async (_what, lines, location, seen) => {
    expect(await passedOn(lines, location)).toBe(seen);
  });

  it('keeps some of the lines beside it', async () => {
    const lines =
      'X-A: 1|Content-Disposition: g|Accept-Ranges: f|Expires: e|Cache-Control: d|Set-Cookie: c|ETag: h|';
    const seen = await passedOn(`X-Accel-Redirect: /inner|${lines}Content-Type: a/b|`);
    expect(seen.split('|').sort()).toEqual([...KEPT.split('|').slice(0, -1), '/inner '].sort());
  });
});

describe('an answer of which a filter makes another one', () => {
  it.each([
    ['', /416 Requested Range Not Satisfiable/],
    ['error_page 416 /page;', /^page$/],
    ['error_page 416 /peer;', /^second$/],
    ['error_page 416 @named;', /^named$/],
  ])('is let go, with %j', async (more, body) => {
    subject = await balancer(`http { server { listen 80; ${more} location /page { return 200 page; }
      location @named { return 200 named; } location /peer { proxy_pass http://127.0.0.1:8011; }
      location / { proxy_force_ranges on; proxy_pass http://127.0.0.1:8010; } } }`);
    await subject.peer(8010);
    await subject.peer(8011, () => ({ body: 'second' }));
    const client = subject.client(80);
    const answer = await client.get('/', { headers: { Range: 'bytes=9-' } });
    expect(answer.body).toMatch(body);
    expect(answer.status).toBe(416);
    expect(answer.headers).toContainEqual(['Content-Range', 'bytes */2']);
    expect((await client.get('/')).body).toBe('ok');
  });
});
