// A client of the simulation: sends the requests of its plan over one connection as long as that lasts, and over new ones after that.
import { headerOf, type WireMessage, WireReader } from '../support/wire-reader.ts';
import { BALANCER, type Cast } from './cast.ts';
import { FILE_BYTES, PLACES } from './config.ts';
import { content } from './content.ts';
import type { Exchange } from './ledger.ts';
import { malformedOf } from './malformed.ts';
import type { ClientPlan, RequestPlan } from './script.ts';
import type { Wire, WireOwner } from './wire.ts';

/** How long a client waits for 100 Continue before it sends its body all the same. */
const CONTINUE_MS = 1000;
/** A slow reader's pauses on one connection. */
const PAUSES_MAX = 12;

export class HttpClient {
  private readonly cast: Cast;
  private readonly plan: ClientPlan;
  private readonly name: string;
  private readonly left: RequestPlan[];
  private awaiting: Exchange[] = [];
  private wire: Wire | undefined;
  private reader = new WireReader('answers');
  private pauses = 0;
  /** Sends what waits for 100 Continue. */
  private goOn: (() => void) | undefined;
  /** An answer said that the connection ends with it. */
  private closing = false;
  /** The next request is thought about. */
  private scheduled = false;

  constructor(cast: Cast, plan: ClientPlan) {
    this.cast = cast;
    this.plan = plan;
    this.name = `client ${plan.number}`;
    this.left = [...plan.requests];
    for (const request of plan.requests) cast.ledger.addExchange(request, plan);
    cast.after(plan.startMs, () => this.next());
  }

  // Sending.

  private next(): void {
    const { left } = this;
    if (this.scheduled) return;
    const [first] = left;
    if (first === undefined) return this.rest();
    const group = left.splice(0, first.misdeed === 'none' && !first.expects ? this.plan.ahead : 1);
    const alone = group.findIndex(
      ({ misdeed, expects }, index) => index > 0 && (misdeed !== 'none' || expects),
    );
    if (alone > 0) left.unshift(...group.splice(alone));
    this.scheduled = true;
    this.cast.after(first.thinkMs, () => {
      this.scheduled = false;
      this.send(group);
    });
  }

  private send(group: readonly RequestPlan[]): void {
    const { cast } = this;
    if (this.wire === undefined || !this.wire.isOpen) {
      if (cast.now() >= cast.drainedAt) return; // nobody listens any more
      this.begin();
    }
    const { wire } = this;
    if (wire === undefined) return;
    for (const plan of group) {
      const exchange = cast.ledger.exchanges.get(plan.id)!;
      exchange.wire = wire;
      exchange.sentAt = cast.now();
      this.awaiting.push(exchange);
      this.request(exchange, wire);
    }
  }

  private begin(): void {
    this.pauses = 0;
    this.closing = false;
    this.reader = new WireReader('answers', { end: (message) => this.answered(message) });
    this.wire = this.dial();
    if (this.cast.tracing) this.cast.trace(this.name, `connects, link ${this.wire.link.number}`);
  }

  /** A connection that was left, and still has something to send, is heard no more. */
  private dial(): Wire {
    const isCurrent = (): boolean => this.wire === wire;
    const owner: WireOwner = {
      received: (bytes, start, end) => {
        if (isCurrent()) this.received(bytes, start, end);
      },
      ended: () => (isCurrent() ? this.ended() : wire.close()),
      failed: () => {
        if (isCurrent()) this.failed();
      },
    };
    const wire = this.cast.dial(this.plan.rough, BALANCER, owner);
    return wire;
  }

  private request(exchange: Exchange, wire: Wire): void {
    const { plan } = exchange;
    const { misdeed } = plan;
    if (this.cast.tracing) this.cast.trace(this.name, `sends r${plan.id} ${describeRequest(plan)}`);
    if (misdeed === 'malformed') return this.sendMalformed(exchange, wire);
    this.reader.expect(plan.method);
    const head = headOf(plan);
    exchange.headEnd = wire.queued + head.length;
    exchange.lastPieceAt = this.cast.now();
    if (misdeed === 'stops in head' || misdeed === 'closes in head') {
      wire.write(head.slice(0, Math.floor(head.length / 2)));
      if (misdeed === 'closes in head') this.leave(exchange, 'close');
      return;
    }
    wire.write(head);
    if (misdeed === 'deaf') wire.pause();
    if (misdeed === 'closes waiting' || misdeed === 'resets waiting') {
      this.cast.after(20 + 37 * (plan.id % 40), () => {
        if (exchange.answer === undefined && this.wire === wire) {
          this.leave(exchange, misdeed === 'closes waiting' ? 'close' : 'reset');
        }
      });
    }
    if (!plan.expects) return this.sendBody(exchange, wire);
    let sent = false;
    this.goOn = () => {
      if (!sent) this.sendBody(exchange, wire);
      sent = true;
    };
    this.cast.after(CONTINUE_MS, this.goOn);
  }

  private sendMalformed(exchange: Exchange, wire: Wire): void {
    const text = malformedOf(exchange).text(targetOf(exchange.plan));
    this.reader.expect(text.slice(0, text.indexOf(' ')));
    exchange.headEnd = wire.queued + text.indexOf('\r\n\r\n') + 4;
    wire.write(text);
    exchange.bodyEnd = wire.queued;
    exchange.written = true;
  }

  /** In pieces, with pauses between them. */
  private sendBody(exchange: Exchange, wire: Wire): void {
    const { plan } = exchange;
    const body = wireBody(plan);
    const { misdeed } = plan;
    const whole = misdeed !== 'stops in body' && misdeed !== 'closes in body' && misdeed !== 'resets in body';
    const length = whole ? body.length : Math.floor(body.length / 2);
    const size = Math.max(1, Math.ceil(length / plan.pieces));
    let at = 0;
    const piece = (): void => {
      if (!wire.isOpen) return;
      wire.write(body.slice(at, Math.min(at + size, length)));
      at += size;
      exchange.lastPieceAt = this.cast.now();
      if (at < length) return this.cast.after(plan.pieceMs, piece);
      if (misdeed === 'closes in body') return this.leave(exchange, 'close');
      if (misdeed === 'resets in body') return this.leave(exchange, 'reset');
      if (!whole) return;
      exchange.bodyEnd = wire.queued;
      exchange.written = true;
      if (misdeed === 'half-closes') wire.finish('shutdown');
      if (exchange.answer !== undefined && this.awaiting.length === 0 && !this.closing) this.next();
    };
    piece();
  }

  private leave(exchange: Exchange, how: 'close' | 'reset'): void {
    const { wire } = this;
    if (this.cast.tracing) this.cast.trace(this.name, `${how}s, r${exchange.plan.id} under way`);
    wire?.finish(how);
    this.over('left');
  }

  // Receiving.

  private received(bytes: Uint8Array, start: number, end: number): void {
    const { wire } = this;
    this.reader.push(bytes, start, end);
    if (this.reader.fault !== '') {
      this.cast.ledger.problem(
        `${this.name} (${this.onPath()}) was sent what is no answer: ${this.reader.fault}`,
      );
      wire?.reset();
      return this.over('fault');
    }
    if (!this.plan.slowReader || wire === undefined || this.pauses >= PAUSES_MAX) return;
    this.pauses++;
    wire.pause();
    this.cast.after(5 + ((this.pauses * 131) % 400), () => wire.resume());
  }

  private answered(message: WireMessage): void {
    const { cast } = this;
    const [exchange] = this.awaiting;
    if (exchange === undefined) return;
    if (message.status < 200 && message.status !== 101) {
      exchange.interim++;
      if (!exchange.plan.expects)
        cast.ledger.problem(`r${exchange.plan.id} was sent an unasked ${message.status}`);
      return this.goOn?.();
    }
    exchange.answer = message;
    exchange.answeredAt = cast.now();
    if (cast.tracing) {
      const { status, state, body } = message;
      cast.trace(this.name, `got r${exchange.plan.id} ${status} ${state}, ${body.length} bytes of body`);
    }
    if (message.state === 'cut') return;
    this.awaiting.shift();
    this.goOn?.();
    this.goOn = undefined;
    const connection = headerOf(message, 'connection')?.toLowerCase() ?? '';
    // Behind a malformed request nothing can be read: its connection is closed, whatever its answer said.
    if (connection.includes('close') || exchange.plan.misdeed === 'malformed' || mayBeLast(exchange.plan))
      this.closing = true;
    if (exchange.plan.misdeed === 'half-closes') {
      this.wire?.close();
      return this.over('left');
    }
    if (this.awaiting.length > 0 || this.closing) return; // the rest of them, or the end, is to come
    if (exchange.written) this.next();
  }

  private ended(): void {
    if (this.cast.tracing) this.cast.trace(this.name, `sees the end of ${this.onPath()}`);
    const { wire } = this;
    this.reader.closed();
    if (this.reader.fault !== '') this.cast.ledger.problem(`${this.name}: ${this.reader.fault}`);
    wire?.close();
    this.over('ended');
  }

  private failed(): void {
    if (this.cast.tracing) this.cast.trace(this.name, `is told that ${this.onPath()} broke`);
    this.reader.closed('broken');
    this.over('broken');
  }

  /** The connection is gone: what was not answered on it never will be. */
  private over(how: string): void {
    const { awaiting, wire } = this;
    if (wire === undefined) return;
    this.wire = undefined;
    this.awaiting = [];
    this.goOn = undefined;
    for (const exchange of awaiting) {
      // What has become of the first is judged; nothing more can have become of those behind it.
      const isBehind = exchange !== awaiting[0] || (this.closing && exchange.answer === undefined);
      exchange.lost = isBehind ? 'after the last answer' : how;
      exchange.lostAt = this.cast.now();
    }
    if (this.idleSince >= 0 && !this.closing && !this.plan.slowReader) {
      this.cast.idleEnds.push({
        link: wire.link,
        since: Math.max(this.idleSince, wire.activeAt),
        at: this.cast.now(),
      });
    }
    this.idleSince = -1;
    this.next();
  }

  // The end.

  private idleSince = -1;

  /** All has been answered. */
  private rest(): void {
    const { wire } = this;
    if (wire === undefined || this.resting) return;
    this.resting = true;
    if (this.plan.ending === 'wait') {
      this.idleSince = this.cast.now();
      return;
    }
    if (this.plan.ending === 'close') wire.close();
    else wire.reset();
    this.wire = undefined;
  }

  private resting = false;

  private onPath(): string {
    return this.wire === undefined ? 'no link' : `link ${this.wire.link.number}`;
  }
}

export function targetOf({ place, id, answers }: RequestPlan): string {
  const { path } = PLACES[place];
  return `${path}r${id}${answers.length > 0 && id % 4 === 0 ? `?a=${id}` : ''}`;
}

function headOf(plan: RequestPlan): string {
  const { method, version, keeps, framing, bodyBytes, expects } = plan;
  let head = `${method} ${targetOf(plan)} HTTP/${version}\r\nHost: a.test\r\nX-Number: ${plan.id}\r\n`;
  if (version === '1.0' && keeps) head += 'Connection: keep-alive\r\n';
  if (version === '1.1' && !keeps) head += 'Connection: close\r\n';
  if (framing === 'length') head += `Content-Length: ${bodyBytes}\r\n`;
  if (framing === 'chunked') head += 'Transfer-Encoding: chunked\r\n';
  if (plan.unpacks) head += 'Accept-Encoding: gzip\r\n';
  if (expects) head += 'Expect: 100-continue\r\n';
  return `${head}\r\n`;
}

/** The body as it goes over the wire. */
function wireBody(plan: RequestPlan): string {
  const { id, bodyBytes, framing } = plan;
  const bytes = content(id, bodyBytes);
  if (framing === 'none') return '';
  if (framing === 'length') return bytes;
  let wire = '';
  const size = 1 + ((id * 7919) % Math.max(1, Math.min(bodyBytes, 5000)));
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = bytes.slice(at, at + size);
    const extension = id % 5 === 0 ? ';a=b' : '';
    wire += `${chunk.length.toString(16)}${extension}\r\n${chunk}\r\n`;
  }
  return `${wire}0\r\n${id % 7 === 0 ? 'X-Trailer: t\r\n' : ''}\r\n`;
}

function describeRequest(plan: RequestPlan): string {
  const { method, place, version, bodyBytes, framing, misdeed, expects } = plan;
  const body =
    framing === 'none' ? '' : `, ${bodyBytes} bytes by ${framing}${expects ? ', expects 100' : ''}`;
  return `${method} ${place} ${version}${body}${misdeed === 'none' ? '' : `, ${misdeed}`}`;
}

/** What a file that is served holds. */
export function fileContent(id: number): string {
  return content(id, (id * 9973) % (id % 3 === 0 ? FILE_BYTES : 2000));
}

/** An answer that comes before a streamed body's end is its connection's last, and its head does not say so, as with nginx. */
function mayBeLast({ place, bodyBytes, answers }: RequestPlan): boolean {
  const streams = place === 'stream' || place === 'passing';
  return streams && bodyBytes > 0 && answers.some(({ early, deed }) => early || deed !== 'good');
}
