// A client and a peer that speak bytes: what stands on the wire is what a test writes and reads. Strings are byte strings.
import { createServer, type Socket, connect as tcpConnect } from 'node:net';
import { onTestFinished } from 'vitest';

const WAIT_MS = 10_000;
/** For conditions that nothing on the wire tells of. */
const POLL_MS = 20;

/** One side of a connection. */
export class Wire {
  readonly socket: Socket;
  /** What has come and was not yet taken. */
  text = '';
  ended = false;
  private wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setMaxListeners(0);
    socket.on('data', (bytes) => {
      this.text += bytes.toString('latin1');
      this.wake?.();
    });
    const end = (): void => {
      this.ended = true;
      this.wake?.();
    };
    socket.on('end', end).on('close', end).on('error', end);
  }

  send(text: string): void {
    this.socket.write(Buffer.from(text, 'latin1'));
  }

  end(text = ''): void {
    this.socket.end(Buffer.from(text, 'latin1'));
  }

  /** Waits until `holds`; the text so far in the error when that does not come. */
  async until(holds: () => boolean, what: string): Promise<void> {
    const limit = Date.now() + WAIT_MS;
    while (!holds()) {
      const left = limit - Date.now();
      if (left <= 0) throw new Error(`no ${what} within ${WAIT_MS} ms; came: ${JSON.stringify(this.text)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(left, POLL_MS));
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Takes what has come up to and with `mark`. */
  async take(mark: string): Promise<string> {
    await this.until(() => this.text.includes(mark) || this.ended, JSON.stringify(mark));
    const at = this.text.indexOf(mark);
    if (at === -1)
      throw new Error(`the connection ended before ${JSON.stringify(mark)}: ${JSON.stringify(this.text)}`);
    return this.cut(at + mark.length);
  }

  async takeBytes(count: number): Promise<string> {
    await this.until(() => this.text.length >= count || this.ended, `${count} bytes`);
    return this.cut(count);
  }

  /** A whole message with its body, by Content-Length or chunked, as it stood on the wire. */
  async message(): Promise<string> {
    const head = await this.take('\r\n\r\n');
    const length = /\r\ncontent-length: (\d+)/i.exec(head);
    if (/\r\ntransfer-encoding: chunked/i.test(head)) return head + (await this.chunks());
    return head + (length === null ? '' : await this.takeBytes(Number(length[1])));
  }

  /** Everything to the end. */
  async rest(): Promise<string> {
    await this.until(() => this.ended, 'end');
    return this.cut(this.text.length);
  }

  private async chunks(): Promise<string> {
    let all = '';
    for (;;) {
      const line = await this.take('\r\n');
      const size = Number.parseInt(line, 16);
      all += line + (size === 0 ? await this.take('\r\n') : await this.takeBytes(size + 2));
      if (size === 0) return all;
    }
  }

  private cut(count: number): string {
    const taken = this.text.slice(0, count);
    this.text = this.text.slice(count);
    return taken;
  }
}

export function dial(port: number): Wire {
  const socket = tcpConnect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  return new Wire(socket);
}

/** Sends one request and takes its answer to the end of the connection. */
export async function ask(port: number, request: string): Promise<string> {
  const wire = dial(port);
  wire.send(request);
  return wire.rest();
}

/** A request that closes its connection: "GET / HTTP/1.1", Host and what `lines` adds. */
export function get(port: number, path: string, ...lines: readonly string[]): Promise<string> {
  return ask(port, request('GET', path, lines));
}

export function request(method: string, path: string, lines: readonly string[] = [], body = ''): string {
  const all = ['Host: localhost', 'Connection: close', ...lines];
  if (body !== '') all.push(`Content-Length: ${body.length}`);
  return `${method} ${path} HTTP/1.1\r\n${all.map((line) => `${line}\r\n`).join('')}\r\n${body}`;
}

export interface Peer {
  readonly port: number;
  /** The requests that came, whole, in order. */
  readonly requests: readonly string[];
  /** How many connections were made to it. */
  readonly connections: number;
  close(): void;
}

/** What a peer does with a request: the bytes of its answer ('close' after them where there is no length), or as it likes. */
export type Answer = (request: string, wire: Wire) => string | undefined | Promise<string | undefined>;

/** A server at `port` that takes messages one after another. */
export async function startPeer(port: number, answer: Answer): Promise<Peer> {
  const requests: string[] = [];
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    open.add(socket);
    const wire = new Wire(socket);
    socket.on('close', () => open.delete(socket));
    void serve(wire, requests, answer);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const close = (): void => {
    server.close();
    for (const socket of open) socket.destroy();
  };
  onTestFinished(close);
  return {
    port,
    requests,
    get connections() {
      return connections;
    },
    close,
  };
}

async function serve(wire: Wire, requests: string[], answer: Answer): Promise<void> {
  for (;;) {
    await new Promise<void>((resolve) => {
      if (wire.text !== '' || wire.ended) return resolve();
      wire.socket.once('data', () => resolve());
      wire.socket.once('close', () => resolve());
      wire.socket.once('end', () => resolve());
    });
    if (wire.ended && wire.text === '') return;
    let request: string;
    try {
      request = await wire.message();
    } catch {
      return;
    }
    requests.push(request);
    const text = await answer(request, wire);
    if (text === undefined) continue;
    wire.send(text);
    if (!/\r\n(?:content-length|transfer-encoding): /i.test(text) && !/^HTTP\/1.1 (?:1|204|304)/.test(text)) {
      wire.end();
      return;
    }
  }
}

/** "HTTP/1.1 200 OK" with `body` and its length. */
export function ok(body: string, ...lines: readonly string[]): string {
  return reply('200 OK', body, ...lines);
}

export function reply(status: string, body: string, ...lines: readonly string[]): string {
  const head = [`HTTP/1.1 ${status}`, `Content-Length: ${body.length}`, ...lines];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

/** Without its Date, which changes. */
export function headOf(message: string): string {
  return message.slice(0, message.indexOf('\r\n\r\n')).replace(/\r\nDate: [^\r]*/, '');
}

export function bodyOf(message: string): string {
  return message.slice(message.indexOf('\r\n\r\n') + 4);
}

export function statusOf(message: string): number {
  return Number(/^HTTP\/1\.1 (\d+)/.exec(message)?.[1] ?? 0);
}

/** The values of a header in a message. */
export function valuesOf(message: string, name: string): string[] {
  return headOf(message)
    .split('\r\n')
    .filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}: `))
    .map((line) => line.slice(name.length + 2));
}
