// A log's file as its writers see it: lines gathered and written once a turn, or when a buffer is full or old. A write never throws and
// never waits: what a full disk or a slow pipe does not take is kept up to a limit, then dropped and counted.
import { LOG_PENDING_BYTES_MAX } from '../base/limits.ts';
import type { LogOptions } from '../plan/scope.ts';

/** Writes bytes of a byte string to a descriptor; how many were taken, or the errno's name. */
export interface LogOutput {
  write(text: string): number | { readonly code: string };
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
  private output: LogOutput;
  private readonly options: LogOptions;
  private readonly clock: LogClock;
  private readonly pack: ((text: string) => string) | undefined;
  /** Lines; where they are packed, those that are not yet. */
  private pending = '';
  /** Packed bytes that the file has not taken. */
  private packed = '';
  private asked = false;
  private timed = false;
  private retrying = false;

  /** `pack` makes a gzip member of what is written at once, where the options ask for it. */
  constructor(output: LogOutput, options: LogOptions, clock: LogClock, pack?: (text: string) => string) {
    this.output = output;
    this.options = options;
    this.clock = clock;
    this.pack = options.gzipLevel > 0 ? pack : undefined;
  }

  /** `line` ends with its line feed. */
  write(line: string): void {
    if (this.pending.length + this.packed.length + line.length > LOG_PENDING_BYTES_MAX) {
      this.dropped++;
      return;
    }
    this.pending += line;
    const { bufferBytes, flushMs } = this.options;
    if (bufferBytes === 0 || this.pending.length >= bufferBytes) this.ask();
    else if (flushMs > 0 && !this.timed) {
      this.timed = true;
      this.clock.after(flushMs, () => {
        this.timed = false;
        this.flush();
      });
    }
  }

  /** Another file from the next line on (USR1, a reload). */
  reopen(output: LogOutput): void {
    this.flush();
    this.output = output;
  }

  flush(): void {
    if (this.packed !== '') this.packed = this.push(this.packed);
    if (this.packed === '' && this.pending !== '') {
      const { pending } = this;
      this.pending = '';
      if (this.pack === undefined) this.pending = this.push(pending);
      else this.packed = this.push(this.pack(pending));
    }
    if ((this.pending !== '' || this.packed !== '') && !this.retrying) {
      this.retrying = true;
      this.clock.after(RETRY_MS, () => {
        this.retrying = false;
        this.flush();
      });
    }
  }

  /** What is left of `text`. */
  private push(text: string): string {
    const taken = this.output.write(text);
    return typeof taken === 'number' ? text.slice(taken) : text;
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

const RETRY_MS = 100;
