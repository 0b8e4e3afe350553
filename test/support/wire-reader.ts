// Reads HTTP/1 from the wire as a client or a peer of the balancer sees it: an implementation of its own and stricter than any server's,
// so that what the balancer lets through is judged by somebody else. Never throws; what is wrong stands in `fault`.
import { byteString } from '../../src/base/bytes.ts';

export interface WireMessage {
  /** "GET / HTTP/1.1", "HTTP/1.1 200 OK" */
  readonly startLine: string;
  /** Of a request. */
  readonly method: string;
  readonly target: string;
  /** Of an answer; 0 of a request. */
  readonly status: number;
  /** 9 for an answer without a head. */
  readonly version: number;
  /** In order, names as they were written. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** With all its line ends. */
  readonly head: string;
  /** The content as a byte string, framing taken off. */
  body: string;
  trailers: readonly (readonly [name: string, value: string])[];
  /** All of it on the wire so far, framing among it. */
  wireBytes: number;
  /** 'open': more is to come; 'cut': the connection ended within it. */
  state: 'open' | 'complete' | 'cut';
}

/** All values of a header, joined by ", "; undefined where it is absent. */
export function headerOf(message: WireMessage, name: string): string | undefined {
  const lower = name.toLowerCase();
  const values = message.headers.filter(([each]) => each.toLowerCase() === lower).map(([, value]) => value);
  return values.length === 0 ? undefined : values.join(', ');
}

type Stage = 'head' | 'length' | 'size' | 'chunk' | 'chunk end' | 'trailers' | 'close' | 'raw' | 'broken';

export interface WireHooks {
  /** A head is whole; its body follows. */
  head?(message: WireMessage): void;
  /** A message is whole, or was cut by the end of the connection. */
  end?(message: WireMessage): void;
  /** Bytes behind an upgrade. */
  raw?(bytes: string): void;
}

export class WireReader {
  /** Every message whose head has come. */
  readonly messages: WireMessage[] = [];
  /** What is wrong with what came, '' for nothing; nothing is read any more then. */
  fault = '';
  /** What came behind an upgrade, unless a hook takes it. */
  raw = '';
  private readonly kind: 'requests' | 'answers';
  private readonly hooks: WireHooks;
  /** Of the requests whose answers are awaited. */
  private readonly methods: string[] = [];
  private stage: Stage = 'head';
  private pending = '';
  private left = 0;
  private message: WireMessage | undefined;

  constructor(kind: 'requests' | 'answers', hooks: WireHooks = {}) {
    this.kind = kind;
    this.hooks = hooks;
  }

  /** An answer to a request with this method will come. */
  expect(method: string): void {
    this.methods.push(method);
  }

  /** Bytes of a message have come, but not all. */
  get midway(): boolean {
    return this.message !== undefined || this.pending !== '';
  }

  /** What follows is no HTTP: the answer to an upgrade was, or will be, 101. */
  upgrade(): void {
    this.finish('complete');
    this.stage = 'raw';
    this.drain();
  }

  push(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    this.pending += byteString(bytes, start, end);
    this.drain();
  }

  /** The connection has ended, as one that was closed or as one that broke. */
  closed(how: 'closed' | 'broken' = 'closed'): void {
    if (this.stage === 'close' && how === 'closed') return this.finish('complete');
    if (this.message !== undefined) this.finish('cut');
  }

  private drain(): void {
    while (this.step());
  }

  /** One element; false when more bytes are needed. */
  private step(): boolean {
    switch (this.stage) {
      case 'head':
        return this.readHead();
      case 'length':
      case 'chunk':
        return this.readContent();
      case 'close':
        if (this.message !== undefined) this.message.body += this.take(this.pending.length);
        return false;
      case 'size':
        return this.readSize();
      case 'chunk end':
        return this.line((line) => {
          if (line !== '') return this.fail(`chunk ends with ${JSON.stringify(line)}`);
          this.stage = 'size';
        });
      case 'trailers':
        return this.line((line) => this.trailer(line));
      case 'raw': {
        const bytes = this.take(this.pending.length);
        if (bytes === '') return false;
        if (this.hooks.raw === undefined) this.raw += bytes;
        else this.hooks.raw(bytes);
        return false;
      }
      case 'broken':
        this.pending = '';
        return false;
    }
  }

  private readHead(): boolean {
    const end = this.pending.indexOf('\r\n\r\n');
    if (end === -1) {
      const bare = /(^|[^\r])\n/.exec(this.pending);
      if (bare !== null) this.fail('a bare line feed in a head');
      return false;
    }
    const head = this.take(end + 4);
    const [startLine = '', ...lines] = head.slice(0, -4).split('\r\n');
    const headers = lines.map((line) => this.header(line));
    const start = this.startOf(startLine);
    if (this.fault !== '') return false;
    const message: WireMessage = {
      ...start,
      startLine,
      headers,
      head,
      body: '',
      trailers: [],
      wireBytes: head.length,
      state: 'open',
    };
    this.message = message;
    this.messages.push(message);
    this.begin(message);
    return true;
  }

  private startOf(line: string): Pick<WireMessage, 'method' | 'target' | 'status' | 'version'> {
    if (this.kind === 'requests') {
      const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^\0-\x20\x7f]+) HTTP\/1\.([01])$/.exec(line);
      if (match === null) this.fail(`request line ${JSON.stringify(line)}`);
      const [, method = '', target = '', minor = '1'] = match ?? [];
      return { method, target, status: 0, version: minor === '1' ? 11 : 10 };
    }
    const match = /^HTTP\/1\.([01]) ([1-9]\d\d) [^\0-\x08\x0a-\x1f\x7f]*$/.exec(line);
    if (match === null) this.fail(`status line ${JSON.stringify(line)}`);
    const [, minor = '1', status = '0'] = match ?? [];
    return { method: '', target: '', status: Number(status), version: minor === '1' ? 11 : 10 };
  }

  private header(line: string): readonly [string, string] {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0\r\n]*?)[ \t]*$/.exec(line);
    if (match === null) this.fail(`header line ${JSON.stringify(line)}`);
    return [match?.[1] ?? '', match?.[2] ?? ''];
  }

  /** How the body is framed (RFC 9112, 6.3), with no mercy for what could be read in two ways. */
  private begin(message: WireMessage): void {
    const method = this.kind === 'requests' ? message.method : this.methods[0];
    if (this.kind === 'answers' && method === undefined && message.status >= 200) {
      return this.fail(`an answer that nobody asked for: ${message.startLine}`);
    }
    const lengths = message.headers.filter(([name]) => name.toLowerCase() === 'content-length');
    const coding = headerOf(message, 'transfer-encoding');
    if (lengths.length > 1) return this.fail('two Content-Length lines');
    if (lengths.length === 1 && coding !== undefined)
      return this.fail('Content-Length and Transfer-Encoding');
    if (coding !== undefined && coding.toLowerCase() !== 'chunked') return this.fail(`coding ${coding}`);
    const length = lengths[0]?.[1];
    if (length !== undefined && !/^\d+$/.test(length)) return this.fail(`Content-Length ${length}`);
    const interim = this.kind === 'answers' && message.status < 200 && message.status !== 101;
    if (this.kind === 'answers' && !interim) this.methods.shift();
    this.hooks.head?.(message);
    if (this.stage !== 'head') return; // the hook has upgraded
    if (interim) return this.finish('complete');
    if (message.status === 101) return this.upgrade();
    const { status } = message;
    if (status === 204 || status === 304 || (this.kind === 'answers' && method === 'HEAD')) {
      return this.finish('complete');
    }
    if (coding !== undefined) this.stage = 'size';
    else if (length !== undefined) {
      this.left = Number(length);
      this.stage = 'length';
    } else if (this.kind === 'requests') this.finish('complete');
    else this.stage = 'close';
  }

  private readContent(): boolean {
    const piece = this.take(Math.min(this.left, this.pending.length));
    this.left -= piece.length;
    if (this.message !== undefined) this.message.body += piece;
    if (this.left > 0) return false;
    if (this.stage === 'chunk') this.stage = 'chunk end';
    else this.finish('complete');
    return true;
  }

  private readSize(): boolean {
    return this.line((line) => {
      if (!/^[0-9a-f]{1,13}$/i.test(line)) return this.fail(`chunk size ${JSON.stringify(line)}`);
      this.left = Number.parseInt(line, 16);
      this.stage = this.left === 0 ? 'trailers' : 'chunk';
    });
  }

  private trailer(line: string): void {
    if (line === '') return this.finish('complete');
    const trailer = this.header(line);
    if (this.message !== undefined) this.message.trailers = [...this.message.trailers, trailer];
  }

  private line(read: (line: string) => void): boolean {
    const end = this.pending.indexOf('\n');
    if (end === -1) return false;
    const line = this.take(end + 1);
    if (line.endsWith('\r\n')) read(line.slice(0, -2));
    else this.fail('a bare line feed in chunk framing');
    return true;
  }

  private finish(state: 'complete' | 'cut'): void {
    const { message } = this;
    this.message = undefined;
    if (this.stage !== 'broken') this.stage = 'head';
    if (message === undefined) return;
    message.state = state;
    this.hooks.end?.(message);
  }

  private take(count: number): string {
    const taken = this.pending.slice(0, count);
    this.pending = this.pending.slice(count);
    if (this.message !== undefined) this.message.wireBytes += count;
    return taken;
  }

  private fail(fault: string): void {
    this.fault ||= fault;
    this.stage = 'broken';
  }
}
