// Access logs end to end, tunnels' frozen lines among them.
import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer, compileText } from '../../test/support/balancer.ts';
import { DISK_FULL, MemoryDisk } from '../../test/support/memory-disk.ts';
import { ESCAPES } from './http-log-escape.ts';
import { LogFileCache } from './http-log-files.ts';

let subject: Balancer | undefined;

afterEach(async () => {
  expect((await subject?.close()) ?? []).toEqual([]);
  subject = undefined;
});

const ALL_BYTES = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('');

describe('escaping', () => {
  it('by default writes what could forge a line as \\xHH', () => {
    const escaped = ESCAPES.default(ALL_BYTES);
    expect(escaped.slice(0, 8)).toBe('\\x00\\x01');
    expect(escaped).toContain('\\x1F !\\x22#$');
    expect(escaped).toContain('[\\x5C]');
    expect(escaped).toContain('}~\\x7F\\x80');
    expect(escaped.endsWith('\\xFF')).toBe(true);
    expect([ESCAPES.default(undefined), ESCAPES.default('')]).toEqual(['-', '']);
  });

  it('for JSON makes a string that reads back the same', () => {
    expect(JSON.parse(`"${ESCAPES.json(ALL_BYTES)}"`)).toBe(ALL_BYTES);
    expect(ESCAPES.json('\x1f\n"\\/')).toBe('\\u001F\\n\\"\\\\/');
    expect(ESCAPES.json(undefined)).toBe('');
  });

  it('may be none', () => {
    expect([ESCAPES.none('"\n'), ESCAPES.none(undefined)]).toEqual(['"\n', '']);
  });
});

describe('access_log', () => {
  it('writes combined lines where the file says nothing', async () => {
    subject = await balancer('http { server { listen 127.0.0.1:80; location / { return 200 ok; } } }');
    await subject.client(80).get('/a%20b?c', { headers: { Referer: 'there"', 'User-Agent': 'me\\' } });
    expect(await subject.line('logs/access.log')).toMatch(
      /^127\.0\.0\.1 - - \[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET \/a%20b\?c HTTP\/1\.1" 200 2 "there\\x22" "me\\x5C"$/,
    );
  });

  it('has formats, conditions and several logs in a place, and takes none from outside where it has its own', async () => {
    subject = await balancer(`http {
      log_format short "$request_method $uri"; log_format Odd escape=json '{"a":"$arg_a","n":"$arg_n"}' ' \${status}';
      server { listen 127.0.0.1:80; access_log logs/one short; access_log logs/two odd if=$arg_log;
        location / { return 200; } location /own { access_log logs/own short; return 200; }
        location /off { access_log off; return 200; } location /both { access_log logs/own short; access_log off; return 200; }
        location /if { if ($arg_a) { access_log logs/own short; } return 200; } } }`);
    for (const target of [
      '/x?a=%22"&log=1',
      '/y?log=0',
      '/own?log=1',
      '/off?log=1',
      '/both',
      '/if?a=1',
      '/if',
    ]) {
      await subject.client(80).get(target);
    }
    expect(subject.lines('logs/one')).toEqual(['GET /x', 'GET /y', 'GET /if']);
    expect(subject.lines('logs/two')).toEqual(['{"a":"%22\\"","n":""} 200']);
    expect(subject.lines('logs/own')).toEqual(['GET /own', 'GET /if']);
  });

  it('counts what nginx counts', async () => {
    subject =
      await balancer(`http { log_format a "$connection $connection_requests $pipe $status $bytes_sent $body_bytes_sent $request_length $request_time $connection_time $msec $time_iso8601";
      server { listen 127.0.0.1:80; access_log logs/a a; location / { return 200 four; } } }`);
    const client = subject.client(80).request('/').request('/second');
    await client.answer();
    await client.answer();
    const sent = client.text.length / 2;
    const lines = [await subject.line('logs/a'), await subject.line('logs/a', 2)].map((line) =>
      line.split(' '),
    );
    expect(lines.map((words) => words.slice(0, 6))).toEqual([
      ['1', '1', '.', '200', String(sent), '4'],
      ['1', '2', 'p', '200', String(sent), '4'],
    ]);
    expect(Number(lines[1]?.[6]) - Number(lines[0]?.[6])).toBe('second'.length);
    for (const words of lines)
      expect(words.slice(7).join(' ')).toMatch(/^\d+\.\d{3} \d+\.\d{3} \d+\.\d{3} \S+\+00:00$/);
  });

  it('may have variables in its path, for locations whose root is there', async () => {
    subject = await balancer(
      `error_log logs/error.log; http { log_format a "$uri"; access_log /logs/$arg_k.log a; open_log_file_cache max=2;
        server { listen 127.0.0.1:80; root /site; location / { return 200; } location /none { root /none; return 200; } } }`,
      { files: { '/site/f': '', '/logs/there': '' } },
    );
    for (const target of ['/a?k=1', '/b?k=2', '/c?k=1', '/none?k=1', '/d?k=3/4'])
      await subject.client(80).get(target);
    expect([subject.disk.text('/logs/1.log'), subject.disk.text('/logs/2.log')]).toEqual([
      '/a\n/c\n',
      '/b\n',
    ]);
    expect(subject.errorLog[0]).toContain(
      'testing "/none" existence failed (2: No such file or directory) while logging request',
    );
    expect(subject.errorLog[1]).toContain('open() "/logs/3/4.log" failed (2: No such file or directory)');
    expect(subject.disk.openPaths.sort()).toEqual(['/logs/1.log', '/logs/2.log']);
    for (const target of ['/e?k=5', '/f?k=6']) await subject.client(80).get(target);
    expect(subject.disk.openPaths.sort()).toEqual(['/logs/5.log', '/logs/6.log']);
    await subject.reload('http { server { listen 127.0.0.1:80; } }');
    subject.disk.closeAll('/logs/');
  });

  it.each(['', 'open_log_file_cache max=2;'])(
    'with variables that takes no lines is told of once a minute: %j',
    async (cache) => {
      subject = await balancer(
        `error_log logs/error.log; http { access_log /logs/$arg_k.log; ${cache} server { listen 80; root /site; return 200; } }`,
        { files: { '/site/f': '', '/logs/there': '' } },
      );
      subject.disk.refuses = (call) => (call === 'write' ? DISK_FULL : undefined);
      const client = subject.client(80);
      for (const key of [1, 2]) await client.get(`/?k=${key}`);
      await subject.stage.elapse(61_000);
      await subject.client(80).get('/?k=3');
      const told = subject.errorLog.map((line) =>
        /(\[alert\]).*(write.*?failed \(.*?\))/.exec(line)?.slice(1).join(' '),
      );
      subject.disk.closeAll('/logs/');
      expect(told).toEqual(
        [1, 3].map((key) => `[alert] write() to "/logs/${key}.log" failed (28: No space left on device)`),
      );
    },
  );

  it('shares the buffer of a file, however often it is named', () => {
    const { plan } =
      compileText(`http { server { access_log logs/a combined; location /a { access_log logs/a combined buffer=1k flush=2s; }
      location /b { access_log logs/a combined gzip buffer=1k; } } }`);
    expect(plan).toBeUndefined();
    const same = compileText(
      `http { server { access_log logs/a combined; location /a { access_log logs/a combined buffer=1k flush=2s; } } }`,
    );
    expect(same.plan?.logs.filter(({ path }) => path.endsWith('logs/a'))).toEqual([
      { path: '/prefix/logs/a', options: { bufferBytes: 1024, flushMs: 2000, gzipLevel: 0 } },
    ]);
  });

  it('names what is wrong with logs and formats', () => {
    const messages = (text: string): string[] =>
      compileText(`http { ${text} }`).errors.map(({ message }) => message);
    expect(messages('access_log a.log nobody;')).toEqual(['unknown log format "nobody"']);
    expect(messages('log_format combined "a";')).toEqual(['duplicate "log_format" name "combined"']);
    expect(messages('log_format a "a"; log_format a "b";')).toEqual(['duplicate "log_format" name "a"']);
    expect(messages('log_format a "$nobody";')).toEqual(['unknown "nobody" variable']);
    expect(messages('log_format a "$1";')).toEqual(['unknown "1" variable']);
    expect(messages(`log_format a "x\${}";`)).toEqual([`invalid parameter "\${}"`]);
    expect(
      messages('access_log a.log combined buffer=1k; server { access_log a.log combined buffer=2k; }'),
    ).toEqual(['access_log "a.log" already defined with conflicting parameters']);
  });
});

describe('open_log_file_cache', () => {
  it('keeps logs open, opens them anew when they may have been rotated, and lets unused ones go', () => {
    const disk = new MemoryDisk({ '/l/x': '' });
    const cache = new LogFileCache(disk, { max: 2, inactiveMs: 10_000, validMs: 60_000, minUses: 2 });
    cache.append('/l/a', '1\n', 0);
    expect(disk.openPaths).toEqual([]); // used too seldom to be kept
    cache.append('/l/a', '2\n', 1000);
    expect(disk.openPaths).toEqual(['/l/a']);
    disk.remove('/l/a');
    cache.append('/l/a', '3\n', 2000);
    expect(disk.text('/l/a')).toBeUndefined();
    for (let now = 10_000; now <= 60_000; now += 10_000) cache.append('/l/a', 'x\n', now);
    cache.append('/l/a', '4\n', 61_000);
    expect(disk.text('/l/a')).toBe('4\n');
    cache.append('/l/b', '1\n', 75_000);
    expect(disk.openPaths).toEqual([]);
  });
});

const TUNNEL = `location / { proxy_pass http://127.0.0.1:8010; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection; }`;
const UPGRADE = { headers: { Connection: 'upgrade', Upgrade: 'echo', 'User-Agent': 'a "tunnel"' } };

describe('a tunnel', () => {
  /** Sends five bytes one way and three the other, and waits four seconds in between. */
  async function tunnel(http: string): Promise<void> {
    subject = await balancer(
      `error_log logs/error.log; http { ${http} server { listen 127.0.0.1:80; ${TUNNEL} } }`,
    );
    const peer = await subject.peer(8010, ({ connection }) => connection.upgrade() as undefined);
    const client = subject.client(80).request('/?k=1', UPGRADE);
    expect((await client.answer()).status).toBe(101);
    client.send('12345');
    const { stage } = subject;
    await stage.until(() => peer.connections[0]?.raw === '12345');
    const late = stage.engine.now() + 4000;
    const slot = stage.engine.timers.add({ expired: () => peer.connections[0]?.send('abc') });
    stage.engine.timers.arm(slot, late);
    expect(await client.tunneled(3)).toBe('abc');
    stage.engine.timers.remove(slot);
    expect(subject.lines('logs/a')).toEqual([]);
    client.shutdown();
    await client.closed();
  }

  it('is logged when it ends, with what only its end knows', async () => {
    await tunnel(
      `log_format a '$arg_k $status [$body_bytes_sent] $request_time "$http_user_agent" $upstream_addr $upstream_status $upstream_response_time $upstream_bytes_received'; access_log logs/a a;`,
    );
    const line = await subject?.line('logs/a');
    const [, before, time, after, received] =
      /^(.*) \[3\] (4\.\d{3}) (".*" \S+ 101) 4\.\d{3} (\d+)$/.exec(line ?? '') ?? [];
    expect([before, after]).toEqual(['1 101', '"a \\x22tunnel\\x22" 127.0.0.1:8010 101']);
    expect(Number(time)).toBeLessThan(4.2);
    expect(Number(received)).toBeGreaterThan(3);
  });

  it('keeps its exchange for a format that cannot leave a gap', async () => {
    await tunnel(
      `map $body_bytes_sent $size { default "some $body_bytes_sent"; 0 none; } log_format a '$size $status'; access_log logs/a a;`,
    );
    expect(await subject?.line('logs/a')).toBe('some 3 101');
  });

  it('has as many lines as there are logs that want one', async () => {
    await tunnel(`log_format a '$status $bytes_sent'; log_format b escape=json '{"n":"\x01$http_none","b":$body_bytes_sent}'; log_format n escape=none '$http_user_agent';
      access_log logs/a a; access_log logs/b b if=$arg_k; access_log logs/c a if=$arg_none; access_log logs/n n;`);
    expect(await subject?.line('logs/a')).toMatch(/^101 \d+$/);
    expect(await subject?.line('logs/b')).toBe('{"n":"\x01","b":3}');
    expect(await subject?.line('logs/n')).toBe('a "tunnel"');
    expect(subject?.lines('logs/c')).toEqual([]);
  });
});
