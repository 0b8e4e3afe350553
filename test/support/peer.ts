// A peer behind a balancer under test: listens, reads requests, answers as the test says, remembers everything.
import { bytesOf } from '../../src/base/bytes.ts';
import type { Address, Conn, ConnectionHandler, Listener } from '../../src/io/engine.ts';
import { End } from '../engines/end.ts';
import { listening, type Stage } from './stage.ts';
import { type WireMessage, WireReader } from './wire-reader.ts';

/** One request that came, and the connection on which it is answered. */
export interface PeerRequest extends WireMessage {
  readonly connection: PeerTalk;
}

/** Says what a request is answered: the bytes, a body for a plain 200, or nothing because it has seen to it by itself. */
export type PeerAnswer = (request: PeerRequest) => string | { readonly body: string } | undefined;

export class PeerTalk {
  readonly end: End;
  readonly reader: WireReader;

  constructor(end: End, reader: WireReader) {
    this.end = end;
    this.reader = reader;
  }

  send(bytes: string | Uint8Array): void {
    this.end.write(typeof bytes === 'string' ? bytesOf(bytes) : bytes);
  }

  /** Answers 101; what follows is in `raw`. */
  upgrade(headers = 'Connection: upgrade\r\nUpgrade: websocket\r\n'): void {
    this.reader.upgrade();
    this.send(`HTTP/1.1 101 Switching Protocols\r\n${headers}\r\n`);
  }

  /** What came behind the upgrade. */
  get raw(): string {
    return this.reader.raw;
  }

  get isOpen(): boolean {
    return this.end.isOpen;
  }

  shutdown(): void {
    this.end.shutdown();
  }

  close(): void {
    if (this.end.isOpen) this.end.close();
  }

  reset(): void {
    if (this.end.isOpen) this.end.reset();
  }
}

export class TestPeer {
  /** Whole requests, all connections together, in the order in which they ended. */
  readonly requests: PeerRequest[] = [];
  /** All connections that ever came. */
  readonly connections: PeerTalk[] = [];
  /** Answers each whole request. */
  answer: PeerAnswer;
  /** Sees each head, before the body has come. */
  onHead: ((request: PeerRequest) => void) | undefined;
  private readonly stage: Stage;
  private listener: Listener | undefined;

  constructor(stage: Stage, answer: PeerAnswer) {
    this.stage = stage;
    this.answer = answer;
  }

  async listen(address: Address): Promise<void> {
    const handler = { accepted: (conn: Conn) => this.accepted(conn), acceptFailed: () => undefined };
    this.listener = await listening(this.stage.outside, address, handler, this.stage.until);
  }

  /** Waits for the request with this number, counted from 1, and returns it. */
  async request(number: number = this.requests.length + 1): Promise<PeerRequest> {
    await this.stage.until(() => this.requests.length >= number, `request ${number} at the peer`);
    return this.requests[number - 1] as PeerRequest;
  }

  get openConnections(): PeerTalk[] {
    return this.connections.filter(({ isOpen }) => isOpen);
  }

  /** Refuses from now on; what is open stays. */
  stopListening(): void {
    this.listener?.close();
    this.listener = undefined;
  }

  close(): void {
    this.stopListening();
    for (const connection of this.connections) connection.close();
  }

  private accepted(conn: Conn): ConnectionHandler {
    const withTalk = (message: WireMessage): PeerRequest => Object.assign(message, { connection: talk });
    const reader = new WireReader('requests', {
      head: (message) => this.onHead?.(withTalk(message)),
      end: (message) => {
        if (message.state === 'complete') this.asked(withTalk(message));
      },
    });
    const end = new End(this.stage.outside, {
      received: (_end, bytes, start, stop) => reader.push(bytes, start, stop),
      ended: () => {
        reader.closed();
        if (end.isOpen) end.close();
      },
      failed: () => reader.closed(),
    });
    end.conn = conn;
    const talk = new PeerTalk(end, reader);
    this.connections.push(talk);
    return end;
  }

  private asked(request: PeerRequest): void {
    this.requests.push(request);
    const answer = this.answer(request);
    if (answer === undefined || !request.connection.isOpen) return;
    request.connection.send(
      typeof answer === 'string'
        ? answer
        : `HTTP/1.1 200 OK\r\nContent-Length: ${answer.body.length}\r\n\r\n${answer.body}`,
    );
  }
}
