// The main error log of a plan, and where it goes when the file names none.
import type { Level } from '../base/failures.ts';
import { LogTime } from '../http/date.ts';
import { ErrorLog } from '../observe/error-log.ts';
import type { Plan } from '../plan/plan.ts';
import type { Invocation } from './bundle.ts';
import type { LogFiles } from './log-files.ts';

/** `-e`, else the built-in path. */
export function defaultLog({ errorLog, prefix }: Invocation): string {
  return errorLog ?? `${prefix}logs/error.log`;
}

/** Where the main error log of a plan is: the first, where there are several. */
export function mainLogPath({ process, logs }: Plan, invocation: Invocation): string {
  const [first] = process.errorLogs;
  const path = first === undefined ? '' : (logs[first.log]?.path ?? '');
  return path === '' ? defaultLog(invocation) : path;
}

/** For who has no driver: the master. */
export function mainLog(plan: Plan, logs: LogFiles): ErrorLog {
  const targets = plan.process.errorLogs.flatMap(({ log, level }) => {
    const each = plan.logs[log];
    return each === undefined ? [] : [{ level: level as Level, sink: logs.writer(each) }];
  });
  return new ErrorLog(targets, wallStamp(), process.pid);
}

/** "2026/11/24 22:40:25", now. */
export function wallStamp(): () => string {
  const time = new LogTime();
  return () => {
    const now = Date.now();
    return time.timeError(now / 1000, -new Date(now).getTimezoneOffset());
  };
}
