// One end of an upgraded connection: says its numbered messages, checks every byte of the other's, and ends as its plan says.
import { headerOf, WireReader } from '../support/wire-reader.ts';
import { BALANCER, type Cast } from './cast.ts';
import { PLACES } from './config.ts';
import { closeFrame, frames } from './content.ts';
import type { SocketRecord } from './ledger.ts';
import type { SocketPlan } from './script.ts';
import type { Wire, WireOwner } from './wire.ts';

const PAUSES_MAX = 12;

/** What each side will have said in the end. */
export function streamOf(plan: SocketPlan, side: 'client' | 'peer'): string {
  const masked = side === 'client';
  const sizes = masked ? plan.up : plan.down;
  return frames(plan.id * 64 + (masked ? 0 : 32), sizes, masked) + closeFrame(masked);
}

export class SocketSide {
  private readonly cast: Cast;
  private readonly record: SocketRecord;
  private readonly side: 'client' | 'peer';
  private readonly wire: Wire;
  private readonly mine: string;
  private readonly theirs: string;
  private sent = 0;
  private got = 0;
  private otherEnded = false;
  private finished = false;
  private pauses = 0;

  /** The peer's side answers 101 first; the client's has sent its request. `sent`: bytes of its stream that went ahead. */
  constructor(cast: Cast, record: SocketRecord, side: 'client' | 'peer', wire: Wire, sent = 0) {
    this.cast = cast;
    this.record = record;
    this.side = side;
    this.wire = wire;
    this.sent = sent;
    const other = side === 'client' ? 'peer' : 'client';
    this.mine = streamOf(record.plan, side);
    this.theirs = streamOf(record.plan, other);
    record.links.add(wire.link.number);
    if (side === 'client') record.upTotal = this.mine.length;
    else record.downTotal = this.mine.length;
    if (side === 'peer') {
      const { webSocket } = record.plan;
      wire.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: ${webSocket ? 'websocket' : 'echo'}\r\n\r\n`,
      );
    }
    this.touch();
    this.say();
  }

  private get step(): number {
    const { up, down } = this.record.plan;
    const count = (this.side === 'client' ? up : down).length + 1;
    return Math.max(1, Math.ceil(this.mine.length / count));
  }

  /** Message by message, or nearly so: cuts do not fall on their ends, which must make no difference. */
  private say(): void {
    const { plan } = this.record;
    if (!this.wire.isOpen || this.finished) return;
    const breaksOff = plan.ending === `${this.side} resets` || plan.ending === `${this.side} closes`;
    if (breaksOff && this.sent >= this.mine.length / 2) {
      this.finished = true;
      this.trace(plan.ending);
      if (plan.ending.endsWith('resets')) return this.wire.reset();
      return this.wire.finish('close');
    }
    if (this.sent < this.mine.length) {
      const piece = this.mine.slice(this.sent, this.sent + this.step);
      this.sent += piece.length;
      this.wire.write(piece);
      this.touch();
      return this.cast.after(plan.gapMs, () => this.say());
    }
    this.endTurn();
  }

  /** All is said. */
  private endTurn(): void {
    const { ending } = this.record.plan;
    if (this.finished || this.sent < this.mine.length) return;
    if (ending === this.side || this.otherEnded) {
      this.finished = true;
      this.trace('has said all and half-closes');
      this.wire.finish('shutdown');
      if (this.otherEnded) this.leaveSoon();
    }
  }

  receive(bytes: string): void {
    const { theirs, got, record } = this;
    if (theirs.slice(got, got + bytes.length) !== bytes) {
      this.cast.ledger.problem(
        `the ${this.side} of socket r${record.plan.id} was told something else at byte ${got}`,
      );
      return this.wire.reset();
    }
    this.got += bytes.length;
    if (this.side === 'client') record.downReceived = this.got;
    else record.upReceived = this.got;
    this.touch();
    if (record.plan.slow !== this.side || this.pauses >= PAUSES_MAX) return;
    this.pauses++;
    this.wire.pause();
    this.cast.after(5 + ((this.pauses * 151) % 600), () => this.wire.resume());
  }

  ended(): void {
    this.otherEnded = true;
    this.markEnd();
    this.trace('sees the end');
    this.endTurn();
    if (this.finished) this.leaveSoon();
  }

  failed(): void {
    this.markEnd();
    this.trace('is told of a break');
  }

  /** Closes when all that was written is taken; half-closed both ways, nothing more can come. */
  private leaveSoon(): void {
    this.wire.finish('close');
  }

  private markEnd(): void {
    if (this.side === 'client') this.record.clientEndedAt = this.cast.now();
    else this.record.peerEndedAt = this.cast.now();
  }

  private touch(): void {
    this.record.activeAt = this.cast.now();
  }

  private trace(text: string): void {
    if (this.cast.tracing) {
      this.cast.trace(
        `socket r${this.record.plan.id}`,
        `${this.side} ${text} (link ${this.wire.link.number})`,
      );
    }
  }
}

/** The client's half until its 101 has come. */
export class SocketClient implements WireOwner {
  private readonly cast: Cast;
  private readonly record: SocketRecord;
  private wire: Wire | undefined;
  private side: SocketSide | undefined;
  private ahead = 0;
  private early = '';
  private readonly reader: WireReader;

  constructor(cast: Cast, plan: SocketPlan) {
    this.cast = cast;
    this.record = cast.ledger.addSocket(plan);
    this.reader = new WireReader('answers', {
      head: ({ status, wireBytes }) => {
        this.record.status = status;
        this.record.headBytes = wireBytes;
        if (cast.tracing) cast.trace(`socket r${plan.id}`, `is answered ${status}`);
      },
      end: ({ status }) => {
        if (status !== 101) this.wire?.close(); // what went ahead would be read as another request
      },
      raw: (bytes) => {
        if (this.side === undefined) this.early += bytes;
        else this.side.receive(bytes);
      },
    });
    cast.after(plan.startMs, () => this.begin());
  }

  private begin(): void {
    const { cast, record } = this;
    const { plan } = record;
    if (cast.now() >= cast.drainedAt) {
      record.lost = 'never sent';
      return;
    }
    this.wire = cast.dial(plan.rough, BALANCER, this);
    record.clientLink = this.wire.link;
    record.startedAt = cast.now();
    if (cast.tracing)
      cast.trace(`socket r${plan.id}`, `connects, link ${this.wire.link.number}; ${describe(plan)}`);
    const stream = streamOf(plan, 'client');
    this.ahead = plan.eager ? Math.ceil(stream.length / 3) : 0;
    const upgrade = plan.webSocket
      ? 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n'
      : 'Upgrade: echo\r\n';
    this.reader.expect('GET');
    this.wire.write(
      `GET ${PLACES.socket.path}r${plan.id} HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\n${upgrade}\r\n${stream.slice(0, this.ahead)}`,
    );
  }

  received(bytes: Uint8Array, start: number, end: number): void {
    const { record, wire } = this;
    this.reader.push(bytes, start, end);
    const { fault } = this.reader;
    const refused = record.status !== 0 && record.status !== 101; // its frames have been read as a request
    if (fault !== '' && !refused)
      this.cast.ledger.problem(`socket r${record.plan.id} was sent what is no answer: ${fault}`);
    if (this.side !== undefined || wire === undefined || record.status !== 101) return;
    const [head] = this.reader.messages;
    const wanted = record.plan.webSocket ? 'websocket' : 'echo';
    if (
      head === undefined ||
      headerOf(head, 'upgrade') !== wanted ||
      headerOf(head, 'connection') !== 'upgrade'
    ) {
      this.cast.ledger.problem(`socket r${record.plan.id} was not upgraded to ${wanted}`);
    }
    this.side = new SocketSide(this.cast, record, 'client', wire, this.ahead);
    if (this.early !== '') this.side.receive(this.early);
    this.early = '';
  }

  ended(): void {
    if (this.side !== undefined) return this.side.ended();
    this.record.clientEndedAt = this.cast.now();
    this.wire?.close();
  }

  failed(): void {
    if (this.side !== undefined) return this.side.failed();
    this.record.clientEndedAt = this.cast.now();
  }
}

function describe({ up, down, gapMs, ending, slow, eager }: SocketPlan): string {
  return `${up.length} up, ${down.length} down, a gap of ${gapMs} ms, ${eager ? 'eager, ' : ''}slow: ${slow}, ending: ${ending}`;
}
