// A side of a tunnel that stops reading while the other sends 512 MiB: the balancer's memory stays bounded, and when the slow side
// reads again every byte comes, in order. Each way.
import { connect, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort, type Program, privateBytesOf, startProgram, until } from './program.ts';

const TOTAL_BYTES = 512 * 1024 * 1024;
const GROWTH_BYTES_MAX = 64 * 1024 * 1024;
const BLOCK_BYTES = 256 * 1024;
/** The system's socket buffers are full when nothing more was taken for this long. */
const QUIET_MS = 500;
const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: bytes\r\n\r\n';
const ANSWER = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: bytes\r\n\r\n';

interface Ends {
  readonly client: Socket;
  readonly peer: Socket;
  readonly program: Program;
}

describe('a side that stops reading', () => {
  it.each([
    ['the client', 'client', 'peer'],
    ['the peer', 'peer', 'client'],
  ] as const)(
    'costs little while %s rests, and then gets every byte',
    async (_, slowSide, fastSide) => {
      const ends = await openTunnel();
      const before = privateBytesOf(ends.program);
      const slow = ends[slowSide].pause();
      const sender = sendAll(ends[fastSide]);
      await quiet(() => sender.taken);
      expect(sender.taken).toBeLessThan(TOTAL_BYTES);
      expect(privateBytesOf(ends.program) - before).toBeLessThan(GROWTH_BYTES_MAX);
      expect(await receiveAll(slow)).toBe(TOTAL_BYTES);
      expect(privateBytesOf(ends.program) - before).toBeLessThan(GROWTH_BYTES_MAX);
    },
    60_000,
  );
});

async function openTunnel(): Promise<Ends> {
  const [port, peerPort] = [await freePort(), await freePort()];
  const server = createServer();
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve) => server.listen(peerPort, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const program = await startProgram(`http { access_log off; server { listen ${port}; location / {
    proxy_pass http://127.0.0.1:${peerPort};
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection upgrade;
  } } }`);
  const client = connect(port, '127.0.0.1');
  client.write(REQUEST);
  const peer = await accepted;
  onTestFinished(() => {
    client.destroy();
    peer.destroy();
  });
  await untilHead(peer);
  peer.write(ANSWER);
  await untilHead(client);
  return { client, peer, program };
}

/** Reads to the empty line that ends a head; nothing follows it yet. */
function untilHead(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    let head = '';
    socket.on('error', reject);
    socket.on('data', function take(bytes: Buffer) {
      head += bytes.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      socket.off('data', take);
      resolve();
    });
  });
}

/** Blocks of which each begins with its number and goes on with a byte that follows from it. */
function blockOf(number: number): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES, number % 251);
  block.writeUInt32LE(number, 0);
  return block;
}

function sendAll(socket: Socket): { readonly taken: number } {
  let number = 0;
  const more = (): void => {
    while (number * BLOCK_BYTES < TOTAL_BYTES)
      if (!socket.write(blockOf(number++))) return void socket.once('drain', more);
  };
  more();
  return {
    get taken() {
      return number * BLOCK_BYTES - socket.writableLength;
    },
  };
}

/** Counts what comes and holds each byte against what was sent. */
function receiveAll(socket: Socket): Promise<number> {
  let count = 0;
  let expected = blockOf(0);
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`closed after ${count} bytes`)));
    socket.on('data', (bytes: Buffer) => {
      for (let at = 0; at < bytes.length; ) {
        const within = count % BLOCK_BYTES;
        const end = Math.min(bytes.length, at + BLOCK_BYTES - within);
        if (bytes.compare(expected, within, within + end - at, at, end) !== 0) {
          socket.destroy();
          return reject(new Error(`another byte than was sent, at ${count} or after it`));
        }
        count += end - at;
        at = end;
        if (count % BLOCK_BYTES === 0) expected = blockOf(count / BLOCK_BYTES);
      }
      if (count === TOTAL_BYTES) resolve(count);
    });
    socket.resume();
  });
}

async function quiet(value: () => number): Promise<void> {
  let last = -1;
  let since = Date.now();
  await until(() => {
    const now = value();
    if (now !== last) since = Date.now();
    last = now;
    return Date.now() - since > QUIET_MS;
  }, 'the sender to be held');
}
