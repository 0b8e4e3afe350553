// Where a body ends and which bytes of a read are its content (RFC 9112, 6 and 7), for requests and answers alike. Content is pointed
// at, never copied. Pulled several times per read. Chunk framing is strict: no bare line feed, nothing but extensions after a size.
import { byteString } from '../base/bytes.ts';
import { headError } from './head-error.ts';
import { HeaderList } from './header-list.ts';
import { CONNECTION, CONTENT_LENGTH, HOST, isToken, knownName, TRANSFER_ENCODING } from './header-name.ts';

export type Framing = 'none' | 'length' | 'chunked' | 'close';

/** What a client is told of 'invalid'. */
export const INVALID_CHUNKED_BODY = headError(400, 'client sent invalid chunked body');

/** A chunk's line, its size and extensions, may be this long: what nobody reads must not be endless. */
export const CHUNK_LINE_BYTES_MAX = 4096;
/** All trailer lines of a body together. */
export const TRAILER_BYTES_MAX = 8192;

const SIZE_START = 0;
const SIZE = 1;
const AFTER_SIZE = 2; // spaces, then an extension or the line's end
const EXTENSION = 3;
const SIZE_LF = 4;
const CONTENT = 5;
const CONTENT_CR = 6;
const CONTENT_LF = 7;
const TRAILER = 8;
const ENDED = 9;
const UNTIL_CLOSE = 10;
const INVALID = 11;

const CR = 13;
const LF = 10;

/** Nobody adds to it. */
const NO_LINES = new HeaderList();

export class BodyDecoder {
  /** After 'data': where in `bytes` the content lies. */
  dataStart = 0;
  dataEnd = 0;
  /** How many bytes of what it was given the last `next` used up. */
  consumed = 0;
  /** After 'invalid': what was wrong, for the log. */
  detail = '';
  /** After 'end' of a chunked body. Lines that would speak of framing, routing or the connection are left out (RFC 9110, 6.5.1). */
  get trailers(): HeaderList {
    return this.trailerLines ?? NO_LINES;
  }

  private trailerLines: HeaderList | undefined;
  private readonly chunked: boolean;
  private state: number;
  /** Content to come, of the body or of the chunk at hand. */
  private left: number;
  private lineBytes = 0;
  private kept = '';
  private trailerBytes = 0;

  /** `length` with the framing 'length' only. */
  constructor(framing: Framing, length = 0) {
    this.chunked = framing === 'chunked';
    this.left = framing === 'length' ? length : 0;
    if (framing === 'chunked') this.state = SIZE_START;
    else if (framing === 'close') this.state = UNTIL_CLOSE;
    else this.state = this.left > 0 ? CONTENT : ENDED;
  }

  get ended(): boolean {
    return this.state === ENDED;
  }

  /** Content bytes that are announced and still to come: all of them with a length, those of the chunk at hand otherwise. */
  get expected(): number {
    return this.state === CONTENT ? this.left : 0;
  }

  /**
   * 'data': content from `dataStart` to `dataEnd`; call again from `start + consumed`. 'more': all was used up. 'end': the body is over,
   * what is left is not its own. 'invalid': the framing is broken, nothing after it can be trusted.
   */
  next(bytes: Uint8Array, start: number, end: number): 'data' | 'more' | 'end' | 'invalid' {
    let at = start;
    for (;;) {
      switch (this.state) {
        case ENDED:
          this.consumed = at - start;
          return 'end';
        case INVALID:
          this.consumed = 0;
          return 'invalid';
        case UNTIL_CLOSE:
        case CONTENT:
          if (at === end) {
            this.consumed = at - start;
            return 'more';
          }
          this.takeContent(at, end);
          this.consumed = this.dataEnd - start;
          return 'data';
        default:
          if (at === end) {
            this.consumed = at - start;
            return 'more';
          }
          at = this.state === TRAILER ? this.trailerLine(bytes, at, end) : this.frame(bytes, at, end);
      }
    }
  }

  /** The sender has closed its side: is this where the body ends? */
  closed(): 'end' | 'cut' {
    if (this.state === UNTIL_CLOSE) this.state = ENDED;
    return this.state === ENDED ? 'end' : 'cut';
  }

  private takeContent(at: number, end: number): void {
    this.dataStart = at;
    if (this.state === UNTIL_CLOSE) {
      this.dataEnd = end;
      return;
    }
    const taken = Math.min(this.left, end - at);
    this.dataEnd = at + taken;
    this.left -= taken;
    if (this.left === 0) this.state = this.chunked ? CONTENT_CR : ENDED;
  }

  /** Framing bytes up to content, a trailer or the read's end; returns where it stopped. As ngx_http_parse_chunked(), stricter in extensions. */
  private frame(bytes: Uint8Array, from: number, end: number): number {
    let at = from;
    while (at < end) {
      const byte = bytes[at++]!;
      switch (this.state) {
        case SIZE_START:
        case SIZE: {
          const digit = hexDigit(byte);
          if (digit !== -1) {
            this.left = this.state === SIZE_START ? digit : this.left * 16 + digit;
            this.state = SIZE;
            if (this.left > Number.MAX_SAFE_INTEGER) return this.fail('chunk size too large', end);
          } else if (this.state === SIZE_START || !this.afterSize(byte)) {
            return this.fail('chunk size expected', end);
          }
          break;
        }
        case AFTER_SIZE:
          if (!this.afterSize(byte)) return this.fail('unexpected byte after chunk size', end);
          break;
        case EXTENSION:
          if (byte === CR) this.state = SIZE_LF;
          else if (byte < 32 && byte !== 9) return this.fail('invalid chunk extension', end);
          break;
        case SIZE_LF:
          if (byte !== LF) return this.fail('line feed expected after chunk size', end);
          this.lineBytes = 0;
          this.state = this.left === 0 ? TRAILER : CONTENT;
          return at;
        case CONTENT_CR:
          if (byte !== CR) return this.fail('chunk longer than its size', end);
          this.state = CONTENT_LF;
          continue;
        default:
          if (byte !== LF) return this.fail('line feed expected after chunk', end);
          this.state = SIZE_START;
          continue;
      }
      if (++this.lineBytes > CHUNK_LINE_BYTES_MAX) return this.fail('chunk extension too long', end);
    }
    return at;
  }

  private afterSize(byte: number): boolean {
    if (byte === CR) this.state = SIZE_LF;
    else if (byte === 59)
      this.state = EXTENSION; // ;
    else if (byte === 32 || byte === 9) this.state = AFTER_SIZE;
    else return false;
    return true;
  }

  /** One trailer line, or as much of it as there is. */
  private trailerLine(bytes: Uint8Array, from: number, end: number): number {
    const feed = bytes.indexOf(LF, from);
    const stop = feed === -1 || feed >= end ? end : feed + 1;
    this.trailerBytes += stop - from;
    if (this.trailerBytes > TRAILER_BYTES_MAX) return this.fail('trailer too large', end);
    this.kept += byteString(bytes, from, stop);
    if (feed === -1 || feed >= end) return stop;
    const line = this.kept;
    this.kept = '';
    if (line === '\r\n') {
      this.state = ENDED;
      return stop;
    }
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0));
    if (!line.endsWith('\r\n') || !isToken(name) || /[\r\0]/.test(line.slice(0, -2))) {
      return this.fail('invalid trailer line', end);
    }
    this.addTrailer(name, line.slice(colon + 1, -2).replace(/^[ \t]+|[ \t]+$/g, ''));
    return stop;
  }

  private addTrailer(name: string, value: string): void {
    const kind = (knownName(name) ?? knownName(name.toLowerCase()))?.kind;
    if (kind === CONTENT_LENGTH || kind === TRANSFER_ENCODING || kind === HOST || kind === CONNECTION) return;
    this.trailerLines ??= new HeaderList();
    this.trailerLines.add(name, value);
  }

  private fail(detail: string, end: number): number {
    this.state = INVALID;
    this.detail = detail;
    return end;
  }
}

/** A chunk's line; its content and CHUNK_END follow. A length of 0 would end the body: use `lastChunk`. */
export function chunkHead(length: number): string {
  return `${length.toString(16)}\r\n`;
}

export const CHUNK_END = '\r\n';

/** The end of a chunked body. */
export function lastChunk(trailers?: HeaderList): string {
  return trailers === undefined || trailers.length === 0 ? '0\r\n\r\n' : `0\r\n${trailers.render()}\r\n`;
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
