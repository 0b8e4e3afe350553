// Limits end to end, in virtual time.
import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer, compileText } from '../../test/support/balancer.ts';

let subject: Balancer | undefined;

afterEach(async () => {
  expect((await subject?.close()) ?? []).toEqual([]);
  subject = undefined;
});

const ZONES = `limit_req_zone $arg_z zone=one:32k rate=1r/s; limit_req_zone $arg_y zone=two:32k rate=30r/m;`;

async function serve(location: string): Promise<void> {
  subject = await balancer(
    `error_log logs/error.log info; http { ${ZONES} log_format a "$limit_req_status $status";
    server { listen 127.0.0.1:80; root /site; access_log logs/a a; ${location.includes('location') ? location : `location / { ${location} }`} } }`,
    {
      files: { '/site/f': 'x' },
    },
  );
}

async function statuses(...targets: readonly string[]): Promise<number[]> {
  const found: number[] = [];
  for (const target of targets) found.push((await subject?.client(80).get(target))?.status ?? 0);
  return found;
}

function texts(): (string | undefined)[] {
  return (
    subject?.errorLog.map((line) => /\[(.*?)\].*\*\d+ (.*), client/.exec(line)?.slice(1).join(' ')) ?? []
  );
}

describe('limit_req', () => {
  it('refuses what comes too fast, by key', async () => {
    await serve('limit_req zone=one; limit_req_status 429;');
    expect(await statuses('/f?z=a', '/f?z=a', '/f?z=b', '/f', '/f')).toEqual([200, 429, 200, 200, 200]);
    expect(subject?.lines('logs/a')).toEqual(['PASSED 200', 'REJECTED 429', 'PASSED 200', '- 200', '- 200']);
    expect(texts()).toEqual([
      expect.stringMatching(/^error limiting requests, excess: 0\.9\d\d by zone "one"|1\.000/),
    ]);
  });

  it('lets a burst wait its turn', async () => {
    await serve('limit_req zone=one burst=2;');
    const before = subject?.stage.engine.now() ?? 0;
    const clients = [1, 2, 3, 4].map(() => subject?.client(80).request('/f?z=a'));
    const answers = await Promise.all(clients.map(async (client) => (await client?.answer())?.status));
    expect(answers.sort()).toEqual([200, 200, 200, 503]);
    const waited = (subject?.stage.engine.now() ?? 0) - before;
    expect(waited).toBeGreaterThanOrEqual(1900);
    expect(waited).toBeLessThan(2200);
    expect([...(subject?.lines('logs/a') ?? [])].sort()).toEqual([
      'DELAYED 200',
      'DELAYED 200',
      'PASSED 200',
      'REJECTED 503',
    ]);
  });

  it('passes a burst at once with nodelay, and a part of it with delay=', async () => {
    await serve(
      'location /n { limit_req zone=one burst=2 nodelay; try_files /f =404; } location /d { limit_req zone=one burst=3 delay=2; try_files /f =404; }',
    );
    expect(await statuses('/n?z=a', '/n?z=a', '/n?z=a', '/n?z=a')).toEqual([200, 200, 200, 503]);
    expect(await statuses('/d?z=b', '/d?z=b', '/d?z=b', '/d?z=b')).toEqual([200, 200, 200, 200]);
    expect(subject?.lines('logs/a').map((line) => line.split(' ')[0])).toEqual([
      ...['PASSED', 'PASSED', 'PASSED', 'REJECTED'],
      ...['PASSED', 'PASSED', 'PASSED', 'DELAYED'],
    ]);
  });

  it('counts in all its zones when all let the request pass, and in none when one does not', async () => {
    await serve('limit_req zone=one; limit_req zone=two;');
    expect(await statuses('/f?z=d', '/f?z=d', '/f?y=d', '/f?y=d')).toEqual([200, 503, 200, 503]);
    expect(await statuses('/f?z=e&y=e', '/f?z=g&y=e', '/f?z=g')).toEqual([200, 503, 200]);
  });

  it('logs and does nothing in a dry run', async () => {
    await serve('limit_req zone=one burst=1; limit_req_dry_run on; limit_req_log_level notice;');
    expect(await statuses('/f?z=a', '/f?z=a', '/f?z=a')).toEqual([200, 200, 200]);
    expect(subject?.lines('logs/a').map((line) => line.split(' ')[0])).toEqual([
      'PASSED',
      'DELAYED_DRY_RUN',
      'REJECTED_DRY_RUN',
    ]);
    expect(texts()).toEqual([
      expect.stringMatching(/^info delaying request, dry run, excess: [01]\.\d{3}, by zone "one"$/),
      expect.stringMatching(/^notice limiting requests, dry run, excess: [12]\.\d{3} by zone "one"$/),
    ]);
  });

  it('is asked once a request, redirects included', async () => {
    await serve(
      'location / { limit_req zone=one; error_page 503 /page; } location = /page { limit_req zone=one; return 200 "$limit_req_status"; }',
    );
    expect(await statuses('/f?z=a')).toEqual([200]);
    expect((await subject?.client(80).get('/f?z=a'))?.body).toBe('REJECTED');
  });

  it('keeps its counters through a reload, and begins anew with another key', async () => {
    const text = (key: string): string => `http { limit_req_zone ${key} zone=one:32k rate=1r/m;
      server { listen 127.0.0.1:80; location / { limit_req zone=one; try_files /none =404; } } }`;
    subject = await balancer(text('$arg_z'));
    expect(await statuses('/?z=a', '/?z=a')).toEqual([404, 503]);
    await subject.reload(text('$arg_z'));
    expect(await statuses('/?z=a')).toEqual([503]);
  });

  it('names what is wrong with zones', () => {
    const messages = (text: string): string[] =>
      compileText(`http { ${text} }`).errors.map(({ message }) => message);
    expect(messages('limit_req zone=none;')).toEqual(['zero size shared memory zone "none"']);
    expect(messages(`${ZONES} limit_req_zone $uri zone=one:32k rate=1r/s;`)).toEqual([
      'limit_req_zone "one" is already bound to key "$arg_z"',
    ]);
    expect(messages(`${ZONES} limit_req zone=one; limit_req zone=one;`)).toEqual([
      '"limit_req" directive is duplicate',
    ]);
    expect(messages('limit_req_zone $host zone=a:1m rate=1;')).toEqual([]);
    expect(messages('limit_req_zone $host zone=:1m rate=1r/s;')).toEqual([
      '"limit_req_zone" must have "zone" parameter',
    ]);
    expect(messages('limit_req_zone $host zone=a:1m rate=1r/h;')).toEqual(['invalid rate "rate=1r/h"']);
  });
});
