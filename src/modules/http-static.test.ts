import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, type BalancerOptions, balancer } from '../../test/support/balancer.ts';
import { READ_FAILED } from '../../test/support/memory-disk.ts';
import { headerOf } from '../../test/support/wire-reader.ts';
import type { FileError } from '../base/file-error.ts';
import { matches } from './http-not-modified.ts';

const FORBIDDEN: FileError = { errno: 13, code: 'EACCES', text: 'Permission denied' };
const LONG = 'abcdefghij'.repeat(40_000);

let subject: Balancer;

afterEach(async () => {
  expect(await subject.close()).toEqual([]);
});

async function serve(server: string, options: BalancerOptions = {}): Promise<void> {
  const files = {
    '/srv/long': LONG,
    '/srv/page.html': 'page',
    '/srv/in/index.html': 'index',
    ...options.files,
  };
  const text = `error_log logs/error.log info; http { server { listen 127.0.0.1:80; root /srv; ${server} } }`;
  subject = await balancer(text, { ...options, files });
}

describe('a file', () => {
  it('longer than every buffer goes out whole, however little the disk gives at a time', async () => {
    await serve('');
    subject.disk.pieceBytesMax = 7777;
    const answer = await subject.client(80).get('/long');
    expect(answer.body === LONG).toBe(true);
    expect(subject.disk.openPaths).toEqual([]);
  });

  it('goes out in parts, in the order in which they were asked for', async () => {
    await serve('');
    subject.disk.pieceBytesMax = 3001;
    const headers = { Range: 'bytes=300000-399999,5-5,0-99999' };
    const { status, body } = await subject.client(80).get('/long', { headers });
    const parts = body.split(/\r\n--\d{20}(?:--\r\n|\r\n.*\r\n.*\r\n\r\n)/).slice(1, -1);
    expect(status).toBe(206);
    expect(parts.map((part) => part.length)).toEqual([100_000, 1, 100_000]);
    expect(parts).toEqual([LONG.slice(300_000), 'f', LONG.slice(0, 100_000)]);
  });

  it('is closed when the client goes away in the middle', async () => {
    await serve('');
    const client = subject.client(80).send('GET /long HTTP/1.1\r\nHost: x\r\n\r\n');
    await subject.stage.until(() => client.text.length > 10_000);
    client.reset();
    await subject.stage.until(() => subject.disk.openPaths.length === 0);
  });

  it('is closed when only its head is wanted', async () => {
    await serve('');
    const client = subject.client(80);
    for (const headers of [
      { 'If-None-Match': '*' },
      { 'If-Match': '"x"' },
      { Range: 'bytes=999999-' },
    ] as const) {
      await client.get('/long', { headers });
    }
    await client.get('/long', { method: 'HEAD' });
    expect(subject.disk.openPaths).toEqual([]);
  });

  for (const [error, status, level] of [
    [FORBIDDEN, 403, 'error'],
    [READ_FAILED, 500, 'crit'],
  ] as const) {
    it(`that cannot be opened for ${error.code} is a ${status}`, async () => {
      await serve('');
      subject.disk.refuses = (call) => (call === 'open' ? error : undefined);
      expect((await subject.client(80).get('/page.html')).status).toBe(status);
      const line = `[${level}] 4711#4711: *1 open() "/srv/page.html" failed (${error.errno}: ${error.text})`;
      await subject.stage.until(() => subject.errorLog.some((each) => each.includes(line)));
    });
  }

  it('that cannot be read any more cuts the answer', async () => {
    await serve('');
    let reads = 0;
    subject.disk.refuses = (call) => (call === 'read' && ++reads > 2 ? READ_FAILED : undefined);
    const answer = await subject.client(80).get('/long');
    expect(answer.state).toBe('cut');
    expect(subject.disk.openPaths).toEqual([]);
  });

  it('of the time before an error page keeps neither tag nor date', async () => {
    await serve('error_page 404 /page.html;');
    const answer = await subject.client(80).get('/none');
    expect([answer.status, answer.body, headerOf(answer, 'last-modified')]).toEqual([404, 'page', undefined]);
  });
});

describe('an index', () => {
  for (const [error, status] of [
    [FORBIDDEN, 403],
    [READ_FAILED, 500],
    [{ errno: 40, code: 'ELOOP', text: 'Too many levels of symbolic links' }, 403],
  ] as const) {
    it(`that cannot be looked at for ${error.code} is a ${status}`, async () => {
      await serve('');
      subject.disk.refuses = (call, path) => (call === 'stat' && path.endsWith('.html') ? error : undefined);
      expect((await subject.client(80).get('/in/')).status).toBe(status);
    });
  }

  it('in a folder that is not there is a 404, and one in a folder without it a 403', async () => {
    await serve('', { files: { '/srv/none/x': '' } });
    expect((await subject.client(80).get('/nowhere/')).status).toBe(404);
    expect((await subject.client(80).get('/none/')).status).toBe(403);
    await subject.stage.until(() => subject.errorLog.length === 2);
    expect(subject.errorLog[0]).toContain(
      '"/srv/nowhere/index.html" is not found (2: No such file or directory)',
    );
    expect(subject.errorLog[1]).toContain('directory index of "/srv/none/" is forbidden');
  });
});

describe('try_files', () => {
  it('does not count in a location inside its own, nor in an if', async () => {
    await serve(`location / { try_files /none /in/index.html;
      location /in/ { }
      location /if/ { try_files /none =410; if ($arg_x) { set $y 1; } } }`);
    const client = subject.client(80);
    expect((await client.get('/any')).body).toBe('index');
    expect((await client.get('/in/none')).status).toBe(404);
    expect((await client.get('/if/')).status).toBe(410);
    expect((await client.get('/if/?x=1')).status).toBe(404);
  });

  it('counts in a server for what no location answers', async () => {
    await serve('try_files /none =418;');
    expect((await subject.client(80).get('/page.html')).status).toBe(418);
  });

  it('says what it cannot look at and goes on', async () => {
    await serve('location / { try_files /bad =404; }');
    subject.disk.refuses = (call, path) =>
      call === 'stat' && path.endsWith('/bad') ? READ_FAILED : undefined;
    expect((await subject.client(80).get('/x')).status).toBe(404);
    await subject.stage.until(() => subject.errorLog.some((line) => line.includes('[crit]')));
  });
});

describe('a list of entity tags', () => {
  for (const [etag, list, strong, weak] of [
    ['"a"', '"a"', true, true],
    ['W/"a"', '"a"', false, true],
    ['"a"', 'W/"a"', false, true],
    ['"a"', '"b" , "a"\t', true, true],
    ['"a"', '"a"b, "a"', true, true],
    ['"a"', '"a"b', false, false],
    ['"a"', '', false, false],
    [undefined, '"a"', false, false],
    [undefined, '*', true, true],
  ] as const) {
    it(`${list} ${strong ? 'holds' : 'does not hold'} ${etag}${strong === weak ? '' : ', but does so weakly'}`, () => {
      expect(matches(etag, list, false)).toBe(strong);
      expect(matches(etag, list, true)).toBe(weak);
    });
  }
});
