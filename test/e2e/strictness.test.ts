// Each row of docs/strictness.md, sent: what nginx passes on and Holdfast refuses. Against nginx the other column is held.
import { writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { STRICT_ANSWERS, STRICT_LINES, STRICT_REQUESTS } from '../../scripts/docs/strictness.ts';
import { emptyFolder, freePort, IS_NGINX, runProgram, startProgram } from './program.ts';

const WAIT_MS = 5_000;

/** A peer that answers each request with `answer` and closes; what it was sent. */
async function startPeer(answer: string): Promise<{ readonly port: number; readonly sent: () => string }> {
  const port = await freePort();
  let sent = '';
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes) => {
      sent += bytes.toString('latin1');
      if (sent.includes('\r\n\r\n')) socket.end(Buffer.from(answer, 'latin1'));
    });
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { port, sent: () => sent };
}

async function startBetween(peerPort: number): Promise<number> {
  const port = await freePort();
  const pass = `location / { proxy_pass http://127.0.0.1:${peerPort}; proxy_set_header X-Uri $uri; }`;
  await startProgram(`http {
    access_log off;
    server { listen ${port}; ${pass} location /own { add_header X-Uri $uri; return 200; } location /away { return 302 http://localhost$uri; } }
    server { listen ${port}; server_name keeps-invalid; ignore_invalid_headers off; ${pass} }
  }`);
  return port;
}

/** Everything up to the end of the answer's head, or to the close. */
function ask(port: number, request: string): Promise<string> {
  return new Promise((resolve) => {
    let heard = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.from(request, 'latin1')));
    const end = (): void => {
      socket.destroy();
      resolve(heard);
    };
    socket.setTimeout(WAIT_MS, end);
    socket.on('error', end);
    socket.on('close', end);
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1');
      if (heard.includes('\r\n\r\n') || !'HTTP/'.startsWith(heard.slice(0, 5))) end();
    });
  });
}

function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.\d (\d+)/.exec(answer)?.[1] ?? 0);
}

describe('a request', () => {
  it.each(STRICT_REQUESTS)('with $what is refused', async ({ request, nginx, holdfast }) => {
    const peer = await startPeer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    const port = await startBetween(peer.port);
    expect(statusOf(await ask(port, request))).toBe(IS_NGINX ? nginx : holdfast);
  });
});

describe('an answer', () => {
  it.each(STRICT_ANSWERS)('with $what is refused', async ({ answer, nginx, holdfast }) => {
    const peer = await startPeer(answer);
    const port = await startBetween(peer.port);
    const heard = await ask(port, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(statusOf(heard)).toBe(IS_NGINX ? nginx : holdfast);
  });
});

describe('a configuration', () => {
  it.each(STRICT_LINES)('with $line is refused', async ({ line, refusal }) => {
    const folder = emptyFolder();
    const file = join(folder, 'nginx.conf');
    await writeFile(file, `events {} http { access_log off; server { location / { ${line} } } }`);
    const flags = ['-t', '-p', `${folder}/`, '-c', file, '-e', 'early.log', '-g', 'pid test.pid;'];
    const { code, stderr } = await runProgram(flags, folder);
    expect(code).toBe(IS_NGINX ? 0 : 1);
    expect(stderr).toContain(IS_NGINX ? 'test is successful' : `[emerg] ${refusal} in ${file}:1`);
  });
});

it('no variable puts a line end into a head', async () => {
  const peer = await startPeer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  const port = await startBetween(peer.port);
  const head = (path: string): Promise<string> =>
    ask(port, `GET ${path}/a%0d%0aEvil:1 HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const heads = [await head('/own'), await head('/away')];
  await head('/pass');
  for (const text of [...heads, peer.sent()]) {
    expect(text).toContain('/a');
    expect(text.includes('\nEvil:1')).toBe(IS_NGINX);
  }
});
