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
  /** After 'too large': the chunk that was one too many. */
  chunkBytes = 0;
  /** The client waits for `100 Continue`. */
  expectsContinue: boolean;
  private readonly decoder: BodyDecoder;
  private readonly ahead: Ahead | undefined;
  private readonly contentLength: number;
  private readonly chunked: boolean;
  /** `client_max_body_size`, which a body in chunks meets while it comes. */
  private bytesMax = Number.POSITIVE_INFINITY;
  /** What came with the head has not been looked at. */
  private first: boolean;
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
    this.first = ahead !== undefined && ahead.length > 0;
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

  /**
   * What its content has turned out to be, where no header tells; -1 while nobody knows. As ngx_http_variable_content_length(): what was
   * read away is nothing.
   */
  get foundBytes(): number {
    if (this.complete && this.thrownAway) return 0;
    return this.store === undefined || this.phase === 'streaming' || this.phase === 'discarding'
      ? -1
      : this.bytes;
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

  begin(how: 'buffer' | 'stream', store: BodyStore, bytesMax = Number.POSITIVE_INFINITY): void {
    if (this.complete) return;
    this.store = store;
    this.bytesMax = bytesMax;
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

  /** Takes bytes from the connection, up to the body's end at most. 'too large': a chunk goes beyond the limit, nothing of it is taken. */
  push(bytes: Uint8Array, start: number, end: number): 'more' | 'end' | 'too large' | HeadError {
    const { decoder, first } = this;
    this.first = false;
    let at = start;
    for (;;) {
      const step = decoder.next(bytes, at, end);
      if (step === 'invalid' || this.exceeds(step)) {
        // as nginx counts: what came with the head not at all, a later read as a whole
        if (!first && this.phase !== 'discarding') this.wireBytes += end - start;
        this.move('failed');
        return step === 'invalid' ? INVALID_CHUNKED_BODY : 'too large';
      }
      at += decoder.consumed;
      if (step === 'data') {
        this.content(bytes, decoder.dataStart, decoder.dataEnd);
        continue;
      }
      this.consumed = at - start;
      if (this.phase !== 'discarding') this.wireBytes += this.consumed;
      if (step === 'more') return 'more';
      const streaming = this.phase === 'streaming' ? this.stream : undefined;
      this.move('complete');
      streaming?.push(bytes, end, end, true);
      return 'end';
    }
  }

  /** As ngx_http_request_body_chunked_filter(): a chunk's announced size decides. */
  private exceeds(step: 'data' | 'more' | 'end'): boolean {
    if (!this.chunked || step === 'end' || this.phase === 'discarding') return false;
    const { decoder } = this;
    this.chunkBytes = decoder.expected + (step === 'data' ? decoder.dataEnd - decoder.dataStart : 0);
    return this.bytes + this.chunkBytes > this.bytesMax;
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
    if (!BODY_MOVES[this.phase].includes(phase))
      assert(false, `request body: no move from ${this.phase} to ${phase}`);
    this.phase = phase;
  }
}
