// Finds where frames end in a relayed stream and keeps each direction's tally (RFC 6455, 5). Sees header bytes alone, holds no bytes,
// allocates nothing. A row is one direction of one tunnel; whoever owns the tunnels says which rows are in use. A breach of the RFC is
// reported once and scanning goes on: whether the relay does is for the caller to say.
import { assert, DEBUG } from '../base/assert.ts';
import { NO_STATUS } from './close-code.ts';

/** 'boundary': a frame has just ended at `at`. 'violation': see `violation`; call again to go on. */
export type Step = 'more' | 'boundary' | 'violation';

/** What a sender did that RFC 6455 forbids, by the number that `violation` gives. */
export const VIOLATIONS = [
  '',
  'reserved bit set',
  'reserved opcode',
  'fragmented control frame',
  'control frame longer than 125 bytes',
  'continuation without a message',
  'new message within a fragmented one',
  'frame of a client not masked',
  'frame of a server masked',
  'length not in its shortest form',
  'length of 2^63 or more',
  'close frame with a payload of one byte',
  'frame after a close frame',
] as const;

const FLAGS = 0;
const LENGTH = 1;
const EXTENDED = 2;
const MASK = 3;
const PAYLOAD = 4;
const CODE_HIGH = 5; // the two bytes of a close frame's code
const CODE_LOW = 6;
// a row of zeros is a fresh machine: a server's direction without extensions

// bits of `traits`
const MASKED = 1; // this direction's sender masks
const OPEN = 2; // a fragmented message is under way
const CODED = 4; // the close frame has a code
const CLOSED = 8; // a close frame has ended
const RESERVED = 0x70; // reserved bits that the extensions in use have given a meaning

// bits of a frame's first two bytes
const FIN = 0x80;
const CONTROL = 0x08;
const OPCODE = 0x0f;
const MASK_BIT = 0x80;
const CLOSE = 8;

// bits of `want`
const EXTENDED_LEFT = 0x0f; // bytes of the extended length to come
const MASK_LEFT = 0x70; // bytes of the masking key to come, in units of 0x10
const LONG = 0x80; // the extended length is one of eight bytes

export class FrameScanner {
  /** Cursor into the current read; the caller sets it before the read's first call. */
  at = 0;
  /** After `skim`: where the last frame that ended in this call ends, -1 where none did. */
  boundaryAt = -1;
  private readonly state: Uint8Array;
  private readonly traits: Uint8Array;
  /** First byte of the frame last begun. */
  private readonly first: Uint8Array;
  /** Header bytes to come. */
  private readonly want: Uint8Array;
  /** Payload bytes to come; while EXTENDED the length as far as it is read. Exact to 2^53. */
  private readonly left: Float64Array;
  private readonly payload: Float64Array;
  private readonly finished: Uint32Array;
  private readonly code: Uint16Array;
  private readonly breach: Uint8Array;

  /** A row costs 27 bytes. */
  constructor(rowsMax: number) {
    this.state = new Uint8Array(rowsMax);
    this.traits = new Uint8Array(rowsMax);
    this.first = new Uint8Array(rowsMax);
    this.want = new Uint8Array(rowsMax);
    this.left = new Float64Array(rowsMax);
    this.payload = new Float64Array(rowsMax);
    this.finished = new Uint32Array(rowsMax);
    this.code = new Uint16Array(rowsMax);
    this.breach = new Uint8Array(rowsMax);
  }

  /** A fresh stream in `row`. `reservedBits`: what the extensions in use may set (extension.ts). */
  open(row: number, sender: 'client' | 'server', reservedBits = 0): void {
    if (DEBUG) assert(row < this.state.length && (reservedBits & ~RESERVED) === 0);
    this.state[row] = FLAGS;
    this.traits[row] = (sender === 'client' ? MASKED : 0) | reservedBits;
    this.first[row] = 0;
    this.want[row] = 0;
    this.left[row] = 0;
    this.payload[row] = 0;
    this.finished[row] = 0;
    this.code[row] = 0;
    this.breach[row] = 0;
  }

  /** Runs to the end of `row`'s next frame or of the read. A tunnel is paused, moved or written into only at a boundary. */
  next(row: number, bytes: Uint8Array, end: number): Step {
    return this.run(row, bytes, end, true);
  }

  /** Runs through all frames of the read, at less cost than `next` for each. 'boundary': the read ends where a frame does. */
  skim(row: number, bytes: Uint8Array, end: number): Step {
    this.boundaryAt = -1;
    return this.run(row, bytes, end, false);
  }

  /** No frame is under way: bytes of our own may be put in here, a control frame even within a fragmented message. */
  atBoundary(row: number): boolean {
    return this.state[row] === FLAGS;
  }

  /** Neither a frame nor a fragmented message is under way. */
  betweenMessages(row: number): boolean {
    return this.state[row] === FLAGS && (this.traits[row]! & OPEN) === 0;
  }

  /** Of the frame last begun. */
  opcode(row: number): number {
    return this.first[row]! & OPCODE;
  }

  /** Messages that have ended; wraps at 2^32. */
  messages(row: number): number {
    return this.finished[row]!;
  }

  /** Payload bytes of data frames so far, as they are on the wire. */
  payloadBytes(row: number): number {
    return this.payload[row]!;
  }

  /** The close frame's code, 1005 for one without, 0 before one has ended. */
  closeCode(row: number): number {
    return (this.traits[row]! & CLOSED) === 0 ? 0 : this.code[row]!;
  }

  /** The first breach of the RFC, an index of VIOLATIONS; 0 for none. */
  violation(row: number): number {
    return this.breach[row]!;
  }

  private run(row: number, bytes: Uint8Array, end: number, once: boolean): Step {
    if (DEBUG) assert(row < this.state.length && this.at <= end && end <= bytes.length);
    if (this.at === end) return 'more';
    let at = this.at;
    let state = this.state[row]!;
    let want = this.want[row]!;
    let left = this.left[row]!;
    let first = this.first[row]!;
    let content = 0; // payload bytes of data frames in this call
    let breach = false;
    while (at < end) {
      switch (state) {
        case FLAGS:
          first = bytes[at++]!;
          state = LENGTH;
          continue;
        case LENGTH: {
          const byte = bytes[at++]!;
          const length = byte & 0x7f;
          want = (byte & MASK_BIT ? 0x40 : 0) | (length < 126 ? 0 : length === 126 ? 2 : LONG | 8);
          left = length < 126 ? length : 0;
          if (this.unusual(row, first, byte)) breach = this.judge(row, first, byte);
          if (length > 125) {
            state = EXTENDED;
            if (breach) break;
            continue;
          }
          break;
        }
        case EXTENDED:
          left = left * 256 + bytes[at++]!;
          want--;
          if ((want & EXTENDED_LEFT) !== 0) continue;
          breach = this.judgeLength(row, left, want);
          want &= MASK_LEFT;
          break;
        case MASK:
          if ((first & OPCODE) === CLOSE && want > 0x20) this.code[row] = (this.code[row]! << 8) | bytes[at]!;
          at++;
          want -= 0x10;
          break;
        case PAYLOAD: {
          const taken = Math.min(left, end - at);
          at += taken;
          left -= taken;
          if ((first & CONTROL) === 0) content += taken;
          break;
        }
        case CODE_HIGH:
          this.code[row] = this.code[row]! ^ (bytes[at++]! << 8);
          left--;
          state = CODE_LOW;
          continue;
        default: // CODE_LOW
          this.code[row] = this.code[row]! ^ bytes[at++]!;
          this.traits[row] = this.traits[row]! | CODED;
          left--;
          state = PAYLOAD;
          break;
      }
      if (state === EXTENDED && (want & EXTENDED_LEFT) !== 0) break; // a breach before the length is read
      if (want !== 0) state = MASK;
      else if (left !== 0) {
        if (state !== PAYLOAD) state = (first & OPCODE) === CLOSE && left > 1 ? CODE_HIGH : PAYLOAD;
      } else {
        state = FLAGS;
        this.boundaryAt = at;
        if ((first & CONTROL) === 0) {
          if ((first & FIN) !== 0) this.finished[row] = this.finished[row]! + 1;
        } else if ((first & OPCODE) === CLOSE) this.closed(row);
        if (once) break;
      }
      if (breach) break;
    }
    this.at = at;
    this.state[row] = state;
    this.want[row] = want;
    this.left[row] = left;
    this.first[row] = first;
    if (content !== 0) this.payload[row] = this.payload[row]! + content;
    return breach ? 'violation' : state === FLAGS ? 'boundary' : 'more';
  }

  /** Anything but a whole text or binary message with the mask that is due. */
  private unusual(row: number, first: number, second: number): boolean {
    const traits = this.traits[row]!;
    const opcode = first & (OPCODE | FIN);
    return (
      (opcode !== (FIN | 1) && opcode !== (FIN | 2)) ||
      (first & ~traits & RESERVED) !== 0 ||
      (traits & (OPEN | CLOSED)) !== 0 ||
      second >> 7 !== (traits & MASKED)
    );
  }

  /** Is the frame that begins so the row's first breach? Keeps track of fragments. */
  private judge(row: number, first: number, second: number): boolean {
    const traits = this.traits[row]!;
    const opcode = first & OPCODE;
    const breach = breachOf(traits, first, second);
    if ((first & CONTROL) === 0) {
      this.traits[row] = (first & FIN) === 0 ? traits | OPEN : traits & ~OPEN;
    } else if (opcode === CLOSE) {
      this.code[row] = 0;
      this.traits[row] = traits & ~CODED;
    }
    return this.note(row, breach);
  }

  private judgeLength(row: number, length: number, want: number): boolean {
    const shortest = (want & LONG) !== 0 ? 65_536 : 126;
    if (length < shortest) return this.note(row, 9);
    return length >= 2 ** 63 && this.note(row, 10);
  }

  private note(row: number, breach: number): boolean {
    if (breach === 0 || this.breach[row] !== 0) return false;
    this.breach[row] = breach;
    return true;
  }

  private closed(row: number): void {
    const traits = this.traits[row]!;
    if ((traits & CODED) === 0) this.code[row] = NO_STATUS;
    this.traits[row] = traits | CLOSED;
  }
}

/** The index in VIOLATIONS of what is wrong with a frame's first two bytes, 0 where nothing is. */
function breachOf(traits: number, first: number, second: number): number {
  const opcode = first & OPCODE;
  const length = second & 0x7f;
  const control = (first & CONTROL) !== 0;
  const reserved = first & RESERVED;
  if ((reserved & ~traits) !== 0) return 1;
  // RFC 7692, 6: the bit stands on a message's first frame alone. Of an extension that is not known nothing is asked.
  if (reserved !== 0 && (control || opcode === 0) && (traits & RESERVED) !== RESERVED) return 1;
  if ((opcode & 7) > 2) return 2;
  if (control && (first & FIN) === 0) return 3;
  if (control && length > 125) return 4;
  if (opcode === 0 && (traits & OPEN) === 0) return 5;
  if (!control && opcode !== 0 && (traits & OPEN) !== 0) return 6;
  if (second >> 7 !== (traits & MASKED)) return (traits & MASKED) !== 0 ? 7 : 8;
  if (opcode === CLOSE && length === 1) return 11;
  return (traits & CLOSED) !== 0 ? 12 : 0;
}
