// Where the program says what is wrong: on the terminal while it starts, in the error log always. As ngx_log_error_core().
import { closeSync, writeSync } from 'node:fs';
import { bytesOf, unicodeOf } from '../base/bytes.ts';
import type { Level } from '../base/failures.ts';
import type { Mistake } from '../config/config-error.ts';
import { renderMistake, renderMistakes } from '../config/explain.ts';
import type { IoError } from '../io/engine.ts';
import { ioErrorOfNode, ioErrorText, isIoError } from '../io/io-error.ts';
import { ErrorLog } from '../observe/error-log.ts';
import type { CompileResult } from '../plan/compile.ts';
import type { Invocation } from './bundle.ts';
import { openLogFile } from './log-files.ts';
import { defaultLog, wallStamp } from './main-log.ts';
import { openLog } from './open-log.ts';

/** Whoever listens to what the supervisor has to say; texts are byte strings. */
export interface Report {
  /** nginx's line; `help` is for a person who can do something about it. */
  say(level: Level, text: string, help?: string): void;
  /** Warnings and errors of a configuration. */
  configuration(result: CompileResult): void;
}

/** "unknown directive "x" in /etc/nginx.conf:3" */
function mistakeLine({ message, file, line }: Mistake): string {
  if (file === '') return message;
  return line === 0 ? `${message} in ${file}` : `${message} in ${file}:${line}`;
}

/** Said once, when the program starts. */
export function sayNoEffect({ noEffect }: CompileResult, report: Report): void {
  for (const { name, place, why } of noEffect)
    report.say('info', `"${name}" has no effect ${why}, in ${place}`);
}

/** Where a bug of ours was met, in one line. */
export function bugText(error: unknown): string {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return text.replace(/\s*\n\s*/g, ' | ');
}

/** The error log of the configuration in force. */
export class LogReport implements Report {
  private readonly log: () => { write(level: Level, text: string): void } | undefined;

  constructor(log: () => { write(level: Level, text: string): void } | undefined) {
    this.log = log;
  }

  say(level: Level, text: string, help?: string): void {
    this.log()?.write(level, help === undefined ? text : `${text} (${help})`);
  }

  configuration({ warnings, errors, errorsDropped }: CompileResult): void {
    for (const mistake of warnings) this.say('warn', mistakeLine(mistake));
    for (const mistake of errors) this.say('emerg', mistakeLine(mistake));
    if (errorsDropped > 0) this.say('emerg', `and ${errorsDropped} more errors`);
  }
}

const TO_TERMINAL: ReadonlySet<Level> = new Set(['emerg', 'alert', 'crit', 'error', 'warn']);

/** Before the configuration's own log is open: the terminal, and the log of the command line where it is there. */
export class StartReport implements Report {
  private readonly write: (text: string) => void;
  private readonly path: string | undefined;
  private readonly asked: boolean;
  private log: ErrorLog | undefined;
  private fd = -1;

  /** `write` writes to the terminal. Without `-e` the folder of the built-in log is not made: a file that is only tested leaves no trace. */
  constructor(write: (text: string) => void, invocation: Invocation) {
    this.write = write;
    this.asked = invocation.errorLog !== undefined;
    this.path = invocation.errorLog === 'stderr' ? undefined : defaultLog(invocation);
  }

  say(level: Level, text: string, help?: string): void {
    if (TO_TERMINAL.has(level)) {
      const more = help === undefined ? '' : `  ${help}\n`;
      this.write(`holdfast: [${level}] ${unicodeOf(text)}\n${more}`);
    }
    this.logFile()?.write(level, text);
  }

  configuration({ warnings, errors, errorsDropped }: CompileResult): void {
    for (const mistake of warnings) this.write(`${renderMistake(mistake, 'warn')}\n`);
    if (errors.length === 0) return; // warnings stand in the configuration's own log
    this.write(`${renderMistakes(errors, errorsDropped)}\n`);
    for (const mistake of errors) this.logFile()?.write('emerg', mistakeLine(mistake));
  }

  close(): void {
    if (this.fd > 2) closeSync(this.fd);
    this.fd = -1;
    this.log = undefined;
  }

  private logFile(): ErrorLog | undefined {
    if (this.log !== undefined || this.path === undefined) return this.log;
    const fd = this.asked ? openLogFile(this.path) : openWhereFolderIs(this.path);
    if (isIoError(fd)) {
      if (this.asked) {
        const text = `could not open error log file: open() "${this.path}" failed (${ioErrorText(fd)})`;
        this.write(`holdfast: [alert] ${unicodeOf(text)}\n`);
      }
      this.log = new ErrorLog([], () => '', process.pid);
      return this.log;
    }
    this.fd = fd;
    const sink = { write: (line: string): void => writeLine(fd, line) };
    this.log = new ErrorLog([{ level: 'notice', sink }], wallStamp(), process.pid);
    return this.log;
  }
}

function openWhereFolderIs(path: string): number | IoError {
  try {
    return openLog(path);
  } catch (error) {
    return ioErrorOfNode('open', error);
  }
}

function writeLine(fd: number, line: string): void {
  try {
    writeSync(fd, bytesOf(line));
  } catch {
    // A full disk: the terminal has the line.
  }
}
