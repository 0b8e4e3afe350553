// A client of a balancer under test: raw bytes in, parsed answers out.
import { bytesOf } from '../../src/base/bytes.ts';
import type { Address, IoError } from '../../src/io/engine.ts';
import { End } from '../engines/end.ts';
import type { Stage } from './stage.ts';
import { type WireMessage, WireReader } from './wire-reader.ts';

export interface RequestOptions {
  readonly method?: string;
  /** "1.1" by default. */
  readonly version?: string;
  /** "Host" is added where it is absent: "localhost". */
  readonly headers?: Readonly<Record<string, string>>;
  /** A byte string; Content-Length is added unless the headers frame it. */
  readonly body?: string;
}

export class TestClient {
  readonly end: End;
  private readonly stage: Stage;
  private readonly reader = new WireReader('answers');
  private taken = 0;
  private finished = false;

  constructor(stage: Stage, address: Address) {
    this.stage = stage;
    this.end = new End(stage.outside, {
      received: (_end, bytes, start, stop) => this.reader.push(bytes, start, stop),
      ended: () => this.finish(),
      failed: () => this.finish('broken'),
    });
    this.end.conn = stage.outside.connect(address, {}, this.end);
  }

  /** Bytes as they are. Say with `expect` what requests are in them, if answers shall be read. */
  send(bytes: string | Uint8Array): this {
    this.end.write(typeof bytes === 'string' ? bytesOf(bytes) : bytes);
    return this;
  }

  /** Answers to requests with these methods will come. */
  expect(...methods: string[]): this {
    for (const method of methods) this.reader.expect(method);
    return this;
  }

  /** Sends a request; `answer` waits for what it is answered. */
  request(target: string, options: RequestOptions = {}): this {
    const { method = 'GET', version = '1.1', body } = options;
    const headers: Record<string, string> = { Host: 'localhost', ...options.headers };
    if (body !== undefined && headers['Content-Length'] === undefined && !headers['Transfer-Encoding']) {
      headers['Content-Length'] = String(body.length);
    }
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    this.expect(method);
    return this.send(`${method} ${target} HTTP/${version}\r\n${lines.join('')}\r\n${body ?? ''}`);
  }

  /** The next answer, whole or cut; 1xx are answers too. */
  async answer(): Promise<WireMessage> {
    const number = this.taken++;
    await this.stage.until(
      () => {
        const message = this.reader.messages[number];
        return (
          (message !== undefined && message.state !== 'open') || this.finished || this.reader.fault !== ''
        );
      },
      `answer ${number + 1}`,
    );
    const message = this.reader.messages[number];
    if (message === undefined || this.reader.fault !== '') {
      const why = this.reader.fault || this.error?.code || 'the connection ended';
      throw new Error(`no answer ${number + 1}: ${why} after ${JSON.stringify(this.text.slice(-200))}`);
    }
    return message;
  }

  /** `request` and `answer`. */
  async get(target: string, options: RequestOptions = {}): Promise<WireMessage> {
    return this.request(target, options).answer();
  }

  /** Waits until everything has been sent that was to be sent. */
  async flushed(): Promise<void> {
    await this.stage.until(() => this.end.flushed, 'the end of sending');
  }

  /** Waits until the balancer has ended or broken the connection. */
  async closed(): Promise<void> {
    await this.stage.until(() => this.finished, "the connection's end");
  }

  /** Waits until so many bytes have come behind a 101. */
  async tunneled(count: number): Promise<string> {
    await this.stage.until(() => this.reader.raw.length >= count, `${count} bytes through the tunnel`);
    return this.reader.raw;
  }

  get isClosed(): boolean {
    return this.finished;
  }

  get error(): IoError | undefined {
    return this.end.error;
  }

  /** Everything that came, as a byte string. */
  get text(): string {
    return this.end.text();
  }

  /** What is wrong with what came, '' for nothing. */
  get fault(): string {
    return this.reader.fault;
  }

  /** Half-closes. */
  shutdown(): void {
    this.end.shutdown();
  }

  close(): void {
    if (this.end.isOpen) this.end.close();
  }

  reset(): void {
    if (this.end.isOpen) this.end.reset();
  }

  private finish(how: 'closed' | 'broken' = 'closed'): void {
    this.finished = true;
    this.reader.closed(how);
  }
}
