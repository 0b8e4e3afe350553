// The error log: nginx's lines, to every log whose level lets them through.
import type { Level } from '../base/failures.ts';

const GRAVITY: Readonly<Record<Level, number>> = {
  emerg: 0,
  alert: 1,
  crit: 2,
  error: 3,
  warn: 4,
  notice: 5,
  info: 6,
  debug: 7,
};

export interface ErrorLogTarget {
  readonly level: Level;
  readonly sink: {
    write(line: string): void;
    /** Where lines are gathered: writes what there is. */
    flush?(): void;
  };
}

export class ErrorLog {
  private readonly targets: readonly ErrorLogTarget[];
  private readonly stamp: () => string;
  private readonly least: number;
  private readonly pid: number;

  /** `stamp` gives "2026/11/24 22:40:25" now; `pid` is this process's. */
  constructor(targets: readonly ErrorLogTarget[], stamp: () => string, pid: number) {
    this.pid = pid;
    this.targets = targets;
    this.stamp = stamp;
    this.least = Math.max(-1, ...targets.map(({ level }) => GRAVITY[level]));
  }

  /** Whether both write the same lines to the same logs. */
  sameAs(other: object): boolean {
    if (!(other instanceof ErrorLog) || other.targets.length !== this.targets.length) return false;
    return this.targets.every(({ level, sink }, i) => {
      const target = other.targets[i];
      return target?.level === level && target.sink === sink;
    });
  }

  wants(level: Level): boolean {
    return GRAVITY[level] <= this.least;
  }

  write(level: Level, text: string): void {
    if (!this.wants(level)) return;
    const line = `${this.stamp()} [${level}] ${this.pid}#${this.pid}: ${oneLine(text)}\n`;
    const wanting = this.targets.filter((target) => GRAVITY[level] <= GRAVITY[target.level]);
    for (const { sink } of wanting) sink.write(line);
    // At once, as ngx_log_error_core(): whoever was answered finds the reason in the log, and so does whoever looks after a crash.
    for (const { sink } of wanting) sink.flush?.();
  }
}

/** What a client sent may stand in a line; it cannot begin another. */
function oneLine(text: string): string {
  return /[\0-\x1f\x7f]/.test(text)
    ? text.replace(
        /[\0-\x1f\x7f]/g,
        (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`,
      )
    : text;
}
