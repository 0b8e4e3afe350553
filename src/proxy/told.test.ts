// What the error log is told of a body that goes to a temporary file, and of a peer that breaks off, in nginx's words.
import { afterEach, expect, it } from 'vitest';
import { type Balancer, balancer } from '../../test/support/balancer.ts';

let subject: Balancer;

afterEach(async () => {
  expect(await subject.close()).toEqual([]);
});

function told(): string[] {
  return subject.errorLog.map((line) => line.replace(/^.*(\[\w+\]) \S+ \*\d+ (.*?), client: .*$/, '$1 $2'));
}

it.each([
  ['off', '[warn]'],
  ['on', '[notice]'],
  ['clean', '[notice]'],
])('a request body in a temporary file is told of once: client_body_in_file_only %s', async (how, level) => {
  subject =
    await balancer(`error_log logs/error.log notice; http { client_body_buffer_size 8; client_body_in_file_only ${how};
    server { listen 80; location / { proxy_pass http://127.0.0.1:8010; } } }`);
  await subject.peer(8010);
  const client = subject.client(80).expect('POST');
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n0123456789');
  await subject.stage.settle();
  client.send('01234567890123456789');
  expect((await client.answer()).status).toBe(200);
  const path = '/prefix/client_body_temp/0000000001';
  expect(told()).toEqual([`${level} a client request body is buffered to a temporary file ${path}`]);
});

it('an answer in a temporary file is told of once', async () => {
  subject =
    await balancer(`error_log logs/error.log warn; http { proxy_buffers 2 4k; proxy_buffer_size 4k; proxy_busy_buffers_size 4k;
    server { listen 80; limit_rate 10k; location / { proxy_pass http://127.0.0.1:8010; } } }`);
  await subject.peer(8010, () => ({ body: 'x'.repeat(60_000) }));
  const client = subject.client(80).get('/');
  await subject.stage.elapse(20_000);
  expect((await client).body.length).toBe(60_000);
  const path = '/prefix/proxy_temp/0000000001';
  expect(told()).toEqual([
    `[warn] an upstream response is buffered to a temporary file ${path} while reading upstream`,
  ]);
});

it.each([
  ['on', 'readv() failed (104: Connection reset by peer) while reading upstream'],
  ['off', 'recv() failed (104: Connection reset by peer) while reading upstream'],
])('a peer that resets its answer is told of: proxy_buffering %s', async (how, text) => {
  subject = await balancer(`error_log logs/error.log; http { server { listen 80;
    location / { proxy_buffering ${how}; proxy_pass http://127.0.0.1:8010; } } }`);
  const peer = await subject.peer(8010);
  peer.onHead = ({ connection }) => connection.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc');
  const client = subject.client(80).expect('GET').send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await subject.stage.until(() => client.text.includes('abc'));
  peer.connections[0]?.reset();
  await client.closed();
  expect(told()).toEqual([`[error] ${text}`]);
});

it.each([
  ['@none', 'could not find named location "@none" while reading response header from upstream'],
  [
    '/',
    'rewrite or internal redirection cycle while internally redirecting to "/" while reading response header from upstream',
  ],
  ['/none', 'open() "/prefix/html/none" failed (2: No such file or directory)'],
])('what goes wrong after X-Accel-Redirect: %s is told of with the upstream', async (target, text) => {
  subject = await balancer(`error_log logs/error.log; http { server { listen 80;
    location / { proxy_pass http://127.0.0.1:8010; } location /none { } } }`);
  await subject.peer(
    8010,
    () => `HTTP/1.1 200 OK\r\nX-Accel-Redirect: ${target}\r\nContent-Length: 0\r\n\r\n`,
  );
  await subject.client(80).get('/');
  expect(told()).toEqual([`[error] ${text}`]);
  expect(subject.errorLog[0]).toContain(', upstream: "http://127.0.0.1:8010/"');
});

it('a peer behind a Unix socket that is not there is told of by its name', async () => {
  subject =
    await balancer(`error_log logs/error.log warn; http { upstream u { server unix:/none.sock; server 127.0.0.1:8010; }
    server { listen 80; location / { proxy_pass http://u; } } }`);
  await subject.peer(8010);
  for (let i = 0; i < 2; i++) expect((await subject.client(80).get('/')).status).toBe(200);
  const doing = 'while connecting to upstream';
  expect(told()).toEqual([
    expect.stringMatching(
      /^\[\w+\] connect\(\) to unix:\/none.sock failed \(.*\) while connecting to upstream$/,
    ),
    `[warn] upstream server temporarily disabled ${doing}`,
  ]);
  expect(subject.errorLog[0]).toContain(', upstream: "http://unix:/none.sock:/"');
});

it('a server that is late is told of after it has been disabled', async () => {
  subject =
    await balancer(`error_log logs/error.log warn; http { upstream u { server 127.0.0.1:8011; server 127.0.0.1:8010 backup; }
    server { listen 80; location / { proxy_read_timeout 2s; proxy_pass http://u; } } }`);
  await subject.peer(8010);
  await subject.peer(8011, () => undefined);
  expect((await subject.client(80).get('/')).status).toBe(200);
  const doing = 'while reading response header from upstream';
  expect(told()).toEqual([
    `[warn] upstream server temporarily disabled ${doing}`,
    `[error] upstream timed out (110: Connection timed out) ${doing}`,
  ]);
});
