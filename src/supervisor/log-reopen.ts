// USR1: all logs anew, by whoever opened them. As ngx_reopen_files().
import type { IoError } from '../io/engine.ts';
import { ioErrorText, isIoError } from '../io/io-error.ts';
import { closeLogFile, type LogFiles, openLogFile, ownLogFile } from './log-files.ts';
import type { Report } from './report.ts';

/** The new descriptors by path. A log that cannot be opened again keeps its old file. `uid`: whose they shall be. */
export function reopenLogs(
  logs: LogFiles,
  uid: number | undefined,
  report: Report,
): ReadonlyMap<string, number> {
  const fresh = new Map<string, number>();
  for (const path of logs.paths()) {
    const fd = openLogFile(path);
    const error = isIoError(fd) ? fd : owned(path, fd, uid);
    if (error !== undefined) {
      report.say('emerg', `${error.call}() "${path}" failed (${ioErrorText(error)})`);
      continue;
    }
    if (isIoError(fd)) continue;
    logs.give(path, fd);
    fresh.set(path, fd);
  }
  return fresh;
}

function owned(path: string, fd: number, uid: number | undefined): IoError | undefined {
  const error = uid === undefined ? undefined : ownLogFile(path, fd, uid);
  if (error !== undefined) closeLogFile(fd);
  return error;
}
