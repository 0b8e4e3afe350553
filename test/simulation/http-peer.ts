// A peer of the simulation: judges every request that reaches it and answers as the request's plan says for this attempt.
import { INTERIM_ANSWERS_MAX } from '../../src/base/limits.ts';
import type { Conn, ConnectionHandler, Listener } from '../../src/io/engine.ts';
import { headerOf, type WireMessage, WireReader } from '../support/wire-reader.ts';
import type { Cast } from './cast.ts';
import { keptConnections, PLACES, type PlaceName } from './config.ts';
import { content } from './content.ts';
import { targetOf } from './http-client.ts';
import { type Exchange, isSocket, type Reception } from './ledger.ts';
import { malformedOf } from './malformed.ts';
import type { AnswerPlan } from './script.ts';
import { SocketSide } from './socket-side.ts';
import { Wire, type WireOwner } from './wire.ts';

const PAUSES_MAX = 12;
const EARLY_HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n';
/** So long after its answer a connection may be open that never got all of its request. */
const HALF_SENT_MS = 4000;

export class HttpPeer {
  private readonly cast: Cast;
  readonly port: number;

  constructor(cast: Cast, port: number) {
    this.cast = cast;
    this.port = port;
    const handler = {
      accepted: (conn: Conn, listener: Listener): ConnectionHandler => this.accepted(conn, listener),
      acceptFailed: () => undefined,
    };
    cast.peers.listen({ family: 4, host: '127.0.0.1', port }, {}, handler, () => undefined);
  }

  private accepted(conn: Conn, _listener: Listener): ConnectionHandler {
    const { cast } = this;
    const remote = cast.peers.remoteAddress(conn);
    const number = remote.family === 'unix' ? undefined : cast.linksByPort.get(remote.port);
    if (number === undefined) throw new Error('a peer was called by a stranger');
    const talk = new PeerTalk(cast, this.port);
    const wire = new Wire(cast.peers, cast.link(number), talk, true);
    wire.conn = conn;
    talk.wire = wire;
    cast.wires.push(wire);
    return wire;
  }
}

/** One connection from the balancer. */
class PeerTalk implements WireOwner {
  wire!: Wire;
  private readonly cast: Cast;
  private readonly port: number;
  private readonly reader: WireReader;
  /** The request that is read or answered. */
  private exchange: Exchange | undefined;
  private reception: Reception | undefined;
  private answering = false;
  /** The request said "Connection: close", and this peer does as it is told. */
  private closes = false;
  private saidTooMuch = false;
  private served = 0;
  private pauses = 0;
  private side: SocketSide | undefined;
  private readonly madeAt: number;

  constructor(cast: Cast, port: number) {
    this.cast = cast;
    this.port = port;
    this.madeAt = cast.now();
    this.reader = new WireReader('requests', {
      head: (message) => this.head(message),
      end: (message) => this.end(message),
      raw: (bytes) => this.side?.receive(bytes),
    });
  }

  received(bytes: Uint8Array, start: number, end: number): void {
    this.reader.push(bytes, start, end);
    if (this.reader.fault !== '') {
      this.problem(`was sent what is no request: ${this.reader.fault}`);
      return this.wire.reset();
    }
    const slow = this.reception?.answer.slowReader === true && this.reception.complete === false;
    if (!slow || this.pauses >= PAUSES_MAX) return;
    this.pauses++;
    this.wire.pause();
    this.cast.after(5 + ((this.pauses * 97) % 300), () => this.wire.resume());
  }

  ended(): void {
    if (this.side !== undefined) return this.side.ended();
    this.reader.closed();
    this.trace('sees the end');
    this.wire.close();
  }

  failed(): void {
    this.trace('is told of a break');
    if (this.side !== undefined) return this.side.failed();
    this.reader.closed();
  }

  // The request.

  private head(message: WireMessage): void {
    if (message.target === '/gate') return this.gate(message);
    const record = this.cast.ledger.find(message.target);
    if (record === undefined) return this.problem(`was asked for what nobody sent: ${message.startLine}`);
    if (this.reception !== undefined && this.reception.answeredAt < 0) {
      return this.problem(`was asked for r${record.plan.id} before it had answered`);
    }
    if (!isSocket(record) && record.plan.place === 'only' && this.served > 0 && record.plan.id % 3 === 0)
      return this.closeUnread(record);
    this.judgeReuse(isSocket(record) ? 'socket' : record.plan.place);
    if (this.saidTooMuch) this.problem('was asked again on a connection on which it had said too much');
    this.cast.ledger.speaking.add(this.wire.link.number);
    const attempt = record.receptions.length;
    if (isSocket(record)) {
      record.receptions.push(this.receptionOf(attempt, SOCKET_ANSWER));
      this.exchange = undefined;
      this.served++;
      this.reader.upgrade();
      this.side = new SocketSide(this.cast, record, 'peer', this.wire);
      return;
    }
    const { answers } = record.plan;
    const answer = answers[Math.min(attempt, answers.length - 1)];
    if (answer === undefined) return this.problem(`was asked for r${record.plan.id}, which is not for peers`);
    this.exchange = record;
    this.reception = this.receptionOf(attempt, answer);
    this.answering = false;
    this.pauses = 0;
    this.closes = record.plan.id % 3 > 0 && headerOf(message, 'connection')?.toLowerCase() === 'close';
    record.receptions.push(this.reception);
    record.links.add(this.wire.link.number);
    this.served++;
    if (this.cast.tracing) {
      this.trace(`is asked for r${record.plan.id}, attempt ${attempt}; will be ${JSON.stringify(answer)}`);
    }
    this.judgeHead(record, message);
    if (answer.early) this.answer();
  }

  /** As if it had closed its idle connection while the request was on its way. */
  private closeUnread(exchange: Exchange): void {
    const { number } = this.wire.link;
    this.trace(`closes its idle connection as r${exchange.plan.id} comes`);
    this.cast.ledger.idleClosed.add(number);
    exchange.links.add(number);
    this.exchange = undefined;
    this.wire.close();
  }

  /** keepalive_requests and keepalive_time: a connection is used so often, and is kept so young. */
  private judgeReuse(place: PlaceName): void {
    const { requestsMax, keptMs } = keptConnections(place, this.cast.script.variants);
    if (this.served >= requestsMax) this.problem(`is asked for the ${this.served + 1}th time`);
    const age = (this.reception?.answeredAt ?? -1) - this.madeAt;
    if (age > keptMs) this.problem(`is asked again, and its connection was kept at an age of ${age} ms`);
  }

  /** A subrequest asks whether another request may pass. */
  private gate(message: WireMessage): void {
    const { wire } = this;
    const exchange = this.cast.ledger.find(headerOf(message, 'x-original') ?? '');
    if (exchange === undefined || isSocket(exchange)) return this.problem('was asked about what nobody sent');
    if (headerOf(message, 'content-length') !== undefined || message.method !== 'GET')
      this.problem(`was asked about r${exchange.plan.id} by ${message.method}, with a body`);
    exchange.gates++;
    exchange.links.add(wire.link.number);
    this.exchange = undefined;
    this.served++;
    const { gate, answers } = exchange.plan;
    const { speaking } = this.cast.ledger;
    speaking.add(wire.link.number);
    this.trace(`is asked about r${exchange.plan.id}, and will say ${gate}`);
    this.cast.after(answers[0]?.thinkMs ?? 0, () => {
      if (gate === 0) return wire.finish('close');
      const body = gate === 200 ? '' : 'not you';
      if (body === '') speaking.delete(wire.link.number);
      wire.write(`HTTP/1.1 ${gate} Word\r\nContent-Length: ${body.length}\r\n\r\n`);
      if (body === '') return;
      // Nobody reads the body: its connection must not be another's before it has come.
      this.cast.after(30 * (exchange.plan.id % 3), () => {
        speaking.delete(wire.link.number);
        wire.write(body);
      });
    });
  }

  private receptionOf(attempt: number, answer: AnswerPlan): Reception {
    const { port } = this;
    return {
      port,
      link: this.wire.link,
      attempt,
      answer,
      at: this.cast.now(),
      complete: false,
      completeAt: -1,
      answeredAt: -1,
    };
  }

  private judgeHead(exchange: Exchange, message: WireMessage): void {
    const { plan } = exchange;
    const name = `r${plan.id}`;
    const { peers } = PLACES[plan.place];
    if (!(peers as readonly number[]).includes(this.port))
      this.problem(`of another location was asked for ${name}`);
    if (plan.misdeed === 'malformed') {
      if (malformedOf(exchange).inHead) this.problem(`was sent ${malformedOf(exchange).name} (${name})`);
      return;
    }
    if (message.method !== plan.method)
      this.problem(`was sent ${message.method} for ${name}, not ${plan.method}`);
    if (message.target !== targetOf(plan))
      this.problem(`was asked for ${message.target} and not ${targetOf(plan)}`);
    if (headerOf(message, 'host') !== 'a.test') this.problem(`was told a wrong host for ${name}`);
    if (headerOf(message, 'x-number') !== String(plan.id)) this.problem(`was sent another head with ${name}`);
    const framed = headerOf(message, 'content-length') ?? headerOf(message, 'transfer-encoding');
    if (plan.framing === 'none' && framed !== undefined) this.problem(`was announced a body for ${name}`);
    if (plan.framing !== 'none' && framed === undefined) this.problem(`was announced no body for ${name}`);
  }

  private end(message: WireMessage): void {
    const { exchange, reception } = this;
    if (exchange === undefined || reception === undefined || this.side !== undefined) return;
    const { plan } = exchange;
    const expected = content(plan.id, plan.bodyBytes);
    if (plan.misdeed === 'malformed') {
      if (message.state === 'complete')
        this.problem(`was sent r${plan.id}, ${malformedOf(exchange).name}, as a whole`);
    } else if (message.state === 'complete') {
      reception.complete = true;
      reception.completeAt = this.cast.now();
      if (message.body !== expected)
        this.problem(`was sent another body with r${plan.id}: ${differs(message.body, expected)}`);
      if (plan.misdeed.endsWith('in body'))
        this.problem(`was sent r${plan.id} whole, though its client ${plan.misdeed}`);
    } else if (!expected.startsWith(message.body)) {
      this.problem(
        `was sent another beginning of a body with r${plan.id}: ${differs(message.body, expected)}`,
      );
    }
    if (message.state === 'complete') {
      if (this.answering) this.afterBoth();
      else this.answer();
    }
  }

  // The answer.

  private answer(): void {
    const { exchange, reception } = this;
    if (exchange === undefined || reception === undefined || this.answering) return;
    this.answering = true;
    this.cast.after(reception.answer.thinkMs, () => this.speak(exchange, reception));
  }

  private speak(exchange: Exchange, reception: Reception): void {
    const { wire } = this;
    const { answer } = reception;
    if (!wire.isOpen) return;
    switch (answer.deed) {
      case 'close':
        return wire.finish('close');
      case 'reset':
        return wire.reset();
      case 'silent':
        return;
      case 'garbage':
        wire.write('220 mail.test ESMTP\r\n\r\n');
        return wire.finish('close');
      case 'huge':
        return wire.write(`HTTP/1.1 200 OK\r\nX-Huge: ${'z'.repeat(100_000)}\r\nContent-Length: 0\r\n\r\n`);
      case 'chatters':
        return wire.write(
          EARLY_HINTS.repeat(INTERIM_ANSWERS_MAX + 1) + answerHead(exchange, reception, true),
        );
      case 'unasked':
        return wire.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n');
    }
    if (answer.interim === 100) wire.write('HTTP/1.1 100 Continue\r\n\r\n');
    if (answer.interim === 103) wire.write(EARLY_HINTS.repeat(1 + (exchange.plan.id % 3)));
    const head = answerHead(exchange, reception, this.closes);
    const body = answerBody(exchange, reception);
    this.saidTooMuch = answer.deed === 'surplus' && body !== '';
    this.sendPieces(head + body, head.length, reception);
  }

  private sendPieces(text: string, headBytes: number, reception: Reception): void {
    const { wire } = this;
    const { deed, pieceMs } = reception.answer;
    const pieces = deed === 'surplus' ? 1 : reception.answer.pieces; // later it would be taken for the next answer
    const even = Math.max(1, Math.ceil(text.length / pieces));
    // A head has to come whole within proxy_read_timeout; a body may take its time.
    const size = pieces * pieceMs > 1000 ? Math.max(even, headBytes) : even;
    let at = 0;
    const piece = (): void => {
      if (!wire.isOpen) return;
      wire.write(text.slice(at, at + size));
      at += size;
      if (at < text.length) return this.cast.after(pieceMs, piece);
      this.spoken(reception);
    };
    piece();
  }

  private spoken(reception: Reception): void {
    const { wire } = this;
    const { deed } = reception.answer;
    const whole = deed === 'good' || deed === 'surplus';
    // The answer to HEAD is whole with its head, whatever its peer does then: the connection may be used again.
    if (whole || this.exchange?.plan.method === 'HEAD') {
      reception.answeredAt = this.cast.now();
      this.cast.ledger.speaking.delete(wire.link.number);
    }
    if (!whole && reception.answeredAt >= 0 && deed !== 'stalls')
      this.cast.ledger.idleClosed.add(wire.link.number);
    if (deed === 'torn') return this.cast.after(1, () => wire.reset());
    if (deed === 'cut' || deed === 'misframed') return wire.finish('close');
    if (reception.answeredAt < 0) return;
    if (!reception.complete) this.mustEndSoon(reception);
    this.trace(`has answered r${this.exchange?.plan.id}`);
    this.afterBoth();
  }

  /** Half a request was sent here, and its answer taken: nothing else may ever be sent on this connection. */
  private mustEndSoon(reception: Reception): void {
    const { wire, exchange, served } = this;
    this.cast.after(HALF_SENT_MS, () => {
      if (!wire.isOpen || reception.complete || this.served !== served) return;
      if (wire.link.stalledMs > 0 || exchange === undefined || exchange.answeredAt < 0) return;
      if (this.cast.now() - exchange.answeredAt > HALF_SENT_MS / 2)
        this.problem(`has answered half of r${exchange.plan.id}, and its connection is kept`);
    });
  }

  /** Both the request and the answer are over, or one of them. */
  private afterBoth(): void {
    const { reception, wire, served } = this;
    if (reception === undefined || reception.answeredAt < 0) return;
    const { answer } = reception;
    // Closing with some of the request unread would be a reset.
    if (!reception.complete)
      return answer.framing === 'close' || this.closes ? wire.finish('shutdown') : undefined;
    if (answer.framing === 'close' || this.closes) return wire.finish('close');
    if (answer.closesAfterMs < 0) return;
    this.cast.after(answer.closesAfterMs, () => {
      if (this.served !== served || !wire.isOpen) return;
      this.trace('closes its idle connection');
      this.cast.ledger.idleClosed.add(wire.link.number);
      wire.finish('close');
    });
  }

  private problem(text: string): void {
    this.cast.ledger.problem(`peer ${this.port} (link ${this.wire.link.number}) ${text}`);
  }

  private trace(text: string): void {
    if (this.cast.tracing) this.cast.trace(`peer ${this.port}`, `${text} (link ${this.wire.link.number})`);
  }
}

const SOCKET_ANSWER: AnswerPlan = {
  deed: 'good',
  status: 101,
  bodyBytes: 0,
  framing: 'length',
  thinkMs: 0,
  pieces: 1,
  pieceMs: 0,
  interim: 0,
  early: false,
  closesAfterMs: -1,
  slowReader: false,
};

/** What the body of an answer is, framing aside; none after some statuses and to HEAD. */
export function answerContent({ plan }: Exchange, { attempt, answer }: Reception): string {
  const { status } = answer;
  if (status === 204 || status === 304 || plan.method === 'HEAD') return '';
  return content(plan.id * 8 + attempt + 1, answer.bodyBytes);
}

function answerHead({ plan }: Exchange, { attempt, answer }: Reception, closes: boolean): string {
  const { status, framing, bodyBytes, deed } = answer;
  let head = `HTTP/1.1 ${status} Word\r\nX-Answer: ${plan.id}.${attempt}\r\n`;
  if (plan.place === 'accel' && status === 200) head += `X-Accel-Redirect: /inside/r${plan.id}\r\n`;
  if (status === 301) head += 'Location: http://elsewhere.test/\r\n';
  if (framing === 'close' || closes) head += 'Connection: close\r\n';
  if (framing === 'close') return `${head}\r\n`;
  if (status === 204) return `${head}\r\n`;
  else if (framing === 'length')
    head += `Content-Length: ${bodyBytes + (deed === 'good' || deed === 'surplus' ? 0 : 7)}\r\n`;
  else head += 'Transfer-Encoding: chunked\r\n';
  return `${head}\r\n`;
}

function answerBody(exchange: Exchange, reception: Reception): string {
  const { answer } = reception;
  const bytes = answerContent(exchange, reception);
  const bodiless = answer.status === 204 || answer.status === 304 || exchange.plan.method === 'HEAD';
  if (answer.deed === 'surplus') return `${bytes}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n`;
  if (bodiless) return '';
  if (answer.framing !== 'chunked') return bytes;
  let wire = '';
  const size = 1 + ((exchange.plan.id * 6007) % Math.max(1, Math.min(bytes.length, 4000)));
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = bytes.slice(at, at + size);
    wire += `${chunk.length.toString(16)}\r\n${chunk}\r\n`;
  }
  return answer.deed === 'misframed' ? `${wire}zz\r\nno chunk\r\n` : `${wire}0\r\n\r\n`;
}

function differs(got: string, expected: string): string {
  let at = 0;
  while (at < got.length && got[at] === expected[at]) at++;
  return `${got.length} bytes instead of ${expected.length}, the first difference at ${at}: ${JSON.stringify(got.slice(at, at + 30))} for ${JSON.stringify(expected.slice(at, at + 30))}, which is at ${expected.indexOf(got.slice(at, at + 20))}`;
}
