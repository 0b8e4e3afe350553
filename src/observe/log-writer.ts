// A log's file as its writers see it: lines gathered and written once a turn, or when a buffer is full or old. A write never throws and
// never waits: what a full disk or a slow pipe does not take is kept up to a limit, then dropped and counted.
import { LOG_PENDING_BYTES_MAX } from '../base/limits.ts';
import type { LogOptions } from '../plan/scope.ts';

/** What a file answers instead of taking bytes. */
export interface LogRefusal {
  readonly code: string;
  /** As nginx has it: "28: No space left on device". */
  readonly text: string;
}

/** Writes bytes of a byte string to a descriptor; how many were taken, or why none. */
export interface LogOutput {
  write(text: string): number | LogRefusal;
}

export interface LogWriterPorts {
  readonly clock: LogClock;
  /** Makes a gzip member of what is written at once, where the options ask for it. */
  readonly pack?: (text: string) => string;
  /** Lines are lost, or in danger: the file has refused for another reason than being slow. It must not write to this log at once. */
  readonly troubled?: () => void;
}

export interface LogClock {
  /** Runs `work` at the end of this turn. */
  atTurnEnd(work: () => void): void;
  /** Runs `work` once in so many milliseconds. */
  after(ms: number, work: () => void): void;
}

export class LogWriter {
  /** Lines that could not be kept. */
  dropped = 0;
  /** What the file said when it last took nothing. */
  refusal: LogRefusal | undefined;
  private output: LogOutput;
  private readonly options: LogOptions;
  private readonly clock: LogClock;
  private readonly pack: ((text: string) => string) | undefined;
  private readonly troubled: (() => void) | undefined;
  /** Lines; where they are packed, those that are not yet. */
  private pending = '';
  /** Packed bytes that the file has not taken, and of how many lines they are. */
  private packed = '';
  private packedLines = 0;
  /** It has taken some of them: the rest is no use to another file. */
  private packedCut = false;
  private asked = false;
  private timed = false;
  /** The file has not taken everything: it is asked again later, and not for each line. */
  private retrying = false;
  private retryMs = RETRY_MS;

  constructor(output: LogOutput, options: LogOptions, { clock, pack, troubled }: LogWriterPorts) {
    this.output = output;
    this.options = options;
    this.clock = clock;
    this.pack = options.gzipLevel > 0 ? pack : undefined;
    this.troubled = troubled;
  }

  /** Lines that the file has not taken, or not whole. */
  get unwritten(): number {
    return linesIn(this.pending) + (this.packed === '' ? 0 : this.packedLines);
  }

  /** `line` ends with its line feed. */
  write(line: string): void {
    if (this.pending.length + this.packed.length + line.length > LOG_PENDING_BYTES_MAX) {
      this.dropped++;
      this.troubled?.();
      return;
    }
    const { bufferBytes, flushMs } = this.options;
    // as ngx_http_log_handler(): what is there goes out before a line that has no room
    if (bufferBytes > 0 && this.pending !== '' && this.pending.length + line.length > bufferBytes)
      this.flush();
    this.pending += line;
    if (bufferBytes === 0 || this.pending.length > bufferBytes) this.ask();
    else if (flushMs > 0 && !this.timed) {
      this.timed = true;
      this.clock.after(flushMs, () => {
        this.timed = false;
        this.flush();
      });
    }
  }

  /** Another file from the next line on (USR1, a reload), and for what the one before has not taken. */
  reopen(output: LogOutput): void {
    this.finish();
    if (this.packedCut) {
      this.packed = '';
      this.packedCut = false;
      this.dropped += this.packedLines;
    }
    this.output = output;
    this.finish();
  }

  flush(): void {
    if (!this.retrying) this.finish();
  }

  /** Tries even where the file has just refused: nobody may come back. */
  finish(): void {
    if (this.packed !== '') this.pushPacked(this.packed);
    if (this.packed === '' && this.pending !== '') {
      const { pending } = this;
      this.pending = '';
      if (this.pack === undefined) this.pending = this.push(pending);
      else {
        this.packedLines = linesIn(pending);
        this.pushPacked(this.pack(pending));
      }
    }
    if ((this.pending !== '' || this.packed !== '') && !this.retrying) {
      this.retrying = true;
      this.clock.after(this.retryMs, () => {
        this.retrying = false;
        this.flush();
      });
    }
  }

  private pushPacked(bytes: string): void {
    this.packed = this.push(bytes);
    this.packedCut = this.packed !== '' && (this.packedCut || this.packed.length < bytes.length);
  }

  /** What is left of `text`. */
  private push(text: string): string {
    const taken = this.output.write(text);
    if (typeof taken === 'number') {
      this.retryMs = RETRY_MS;
      return text.slice(taken);
    }
    this.refusal = taken;
    this.retryMs = Math.min(2 * this.retryMs, RETRY_MS_MAX);
    if (taken.code !== 'EAGAIN') this.troubled?.();
    return text;
  }

  private ask(): void {
    if (this.asked) return;
    this.asked = true;
    this.clock.atTurnEnd(() => {
      this.asked = false;
      this.flush();
    });
  }
}

function linesIn(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

const RETRY_MS = 100;
/** Each try copies all that waits: a file that goes on refusing is asked less often. */
const RETRY_MS_MAX = 3200;
