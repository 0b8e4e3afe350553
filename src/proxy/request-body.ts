// The request's half of an exchange: whether its body is waited for, stored, streamed or thrown away. Pure; the client's connection
// feeds it, passing.ts asks it. Every byte of content passes `content` once.
import { assert } from '../base/assert.ts';
import { BodyDecoder, INVALID_CHUNKED_BODY } from '../http/body.ts';
import type { RequestHead } from '../http/head.ts';
import type { HeadError } from '../http/head-error.ts';
import type { HeaderList } from '../http/header-list.ts';
import type { Ahead } from './ahead.ts';
import type { BodyStore } from './body-store.ts';
import type { BodySink } from './filters.ts';

/**
 * 'waiting': nobody has asked for it; the client's bytes are left where they are. 'storing': kept whole before anyone gets it.
 * 'streaming': handed on as it comes. 'discarding': read away. 'complete' and 'failed' are ends.
 */
export type BodyPhase = 'waiting' | 'storing' | 'streaming' | 'discarding' | 'complete' | 'failed';

export const BODY_MOVES: Readonly<Record<BodyPhase, readonly BodyPhase[]>> = {
  waiting: ['storing', 'streaming', 'discarding', 'failed'],
  storing: ['complete', 'discarding', 'failed'],
  streaming: ['complete', 'discarding', 'failed'],
  discarding: ['complete', 'failed'],
  complete: ['complete'],
  failed: ['failed'],
};

export class RequestBody {
  phase: BodyPhase;
  /** Content bytes so far. */
  bytes = 0;
  /** Bytes of body and framing taken from the connection, for `$request_length`. */
  wireBytes = 0;
  store: BodyStore | undefined;
  /** Where content goes while streaming; undefined while no peer takes it. */
  stream: BodySink | undefined;
  /** After `push`: how much of what it was given was the body's. */
  consumed = 0;
  /** The client waits for `100 Continue`. */
  expectsContinue: boolean;
  private readonly decoder: BodyDecoder;
  private readonly ahead: Ahead | undefined;
  private readonly contentLength: number;
  private readonly chunked: boolean;
  /** Some of it went to a peer and was not kept. */
  private spent = false;
  /** Some of it was read away: what is complete then is not whole. */
  private thrownAway = false;

  constructor(head: RequestHead, ahead?: Ahead) {
    this.ahead = ahead;
    this.chunked = head.chunked;
    this.contentLength = head.contentLength;
    this.decoder = new BodyDecoder(head.chunked ? 'chunked' : 'length', Math.max(head.contentLength, 0));
    this.phase = this.decoder.ended ? 'complete' : 'waiting';
    this.expectsContinue = head.expectContinue;
  }

  get complete(): boolean {
    return this.phase === 'complete';
  }

  get discarded(): boolean {
    return this.phase === 'discarding' || this.phase === 'failed';
  }

  /** Known length, or -1 while a chunked body has not ended. */
  get length(): number {
    if (!this.chunked) return Math.max(this.contentLength, 0);
    return this.store !== undefined && this.complete ? this.bytes : -1;
  }

  get trailers(): HeaderList {
    return this.decoder.trailers;
  }

  /**
   * Whether a request may be sent to a peer now: the whole body is here, is being streamed, or will never be sent. What was once begun
   * as a stream goes on as one, whatever a location further on asks for, as in nginx.
   */
  get ready(): boolean {
    return this.phase !== 'waiting' && this.phase !== 'storing';
  }

  /** It is not to be had any more, whole or at all: read away, refused, or spent on a peer whose answer led elsewhere. */
  get gone(): boolean {
    return this.discarded || this.thrownAway || this.spent;
  }

  /** Its end has come, and nothing of it was thrown away. */
  get whole(): boolean {
    return this.complete && !this.thrownAway;
  }

  /** Nothing that a peer has had is lost: another peer can be given all of it. */
  get replayable(): boolean {
    return !this.spent && !this.thrownAway;
  }

  begin(how: 'buffer' | 'stream', store: BodyStore): void {
    if (this.complete) return;
    this.store = store;
    this.move(how === 'buffer' ? 'storing' : 'streaming');
  }

  /**
   * Its bytes are of no use any more, but must be read before the next request of the connection. Those that are here already are read
   * away at once, and may turn out to be broken. As ngx_http_discard_request_body().
   */
  discard(): HeadError | undefined {
    if (this.complete || this.phase === 'failed') return undefined;
    if (this.phase !== 'discarding') this.move('discarding');
    this.thrownAway = true;
    this.stream = undefined;
    const { ahead } = this;
    if (ahead === undefined || ahead.start === ahead.end) return undefined;
    const verdict = this.push(ahead.bytes, ahead.start, ahead.end);
    ahead.start += this.consumed;
    return typeof verdict === 'object' ? verdict : undefined;
  }

  /** It will not be read at all: the connection ends with this exchange. */
  refuse(): void {
    if (!this.complete) this.move('failed');
  }

  /** Takes bytes from the connection, up to the body's end at most. */
  push(bytes: Uint8Array, start: number, end: number): 'more' | 'end' | HeadError {
    let at = start;
    for (;;) {
      const step = this.decoder.next(bytes, at, end);
      if (step === 'data') {
        this.content(bytes, this.decoder.dataStart, this.decoder.dataEnd);
        at += this.decoder.consumed;
        continue;
      }
      at += this.decoder.consumed;
      this.consumed = at - start;
      if (this.phase !== 'discarding') this.wireBytes += this.consumed;
      if (step === 'more') return 'more';
      if (step === 'invalid') {
        this.move('failed');
        return INVALID_CHUNKED_BODY;
      }
      const streaming = this.phase === 'streaming' ? this.stream : undefined;
      this.move('complete');
      streaming?.push(bytes, end, end, true);
      return 'end';
    }
  }

  private content(bytes: Uint8Array, start: number, end: number): void {
    this.bytes += end - start;
    if (this.phase === 'storing') this.store?.append(bytes, start, end);
    else if (this.phase === 'streaming') {
      if (this.stream === undefined) this.store?.append(bytes, start, end);
      else {
        this.spent = true;
        this.stream.push(bytes, start, end, false);
      }
    }
  }

  private move(phase: BodyPhase): void {
    assert(BODY_MOVES[this.phase].includes(phase), `request body: no move from ${this.phase} to ${phase}`);
    this.phase = phase;
  }
}
