// `-t` beyond the syntax: whether what the configuration names can be opened and bound here. As ngx_init_cycle() does it when it tests:
// the pid file, folders for temporary files and logs are made, an address in use is no mistake.
import { existsSync } from 'node:fs';
import { chooseEngine } from '../io/choose.ts';
import type { Engine, IoError, Listener } from '../io/engine.ts';
import { isIoError } from '../io/io-error.ts';
import type { ListenerPlan, Plan } from '../plan/plan.ts';
import { bindHelp, bindText } from './bind-help.ts';
import type { Invocation } from './bundle.ts';
import { createPaths, type PathProblem, pathText } from './folders.ts';
import { listenOptions } from './listen-options.ts';
import { removeSocketFile } from './listening-sockets.ts';
import { closeLogFile, openLogFiles } from './log-files.ts';
import { defaultLog } from './main-log.ts';
import { testPidFile } from './pid-file.ts';
import type { Report } from './report.ts';
import { systemPath } from './system-path.ts';

/** True, or the report has said what is in the way. */
export async function dryRun(
  plan: Plan,
  options: {
    readonly invocation: Invocation;
    readonly report: Report;
    /** The workers', where it may be chosen. */
    readonly uid: number | undefined;
  },
): Promise<boolean> {
  const { uid, invocation, report } = options;
  const problem = testPaths(plan, invocation, uid);
  if (problem !== undefined) {
    report.say('emerg', pathText(problem));
    return false;
  }
  const { engine } = chooseEngine();
  let fine = true;
  for (const listener of plan.listeners) {
    const error = await bindError(engine, listener);
    if (error === undefined || error.code === 'EADDRINUSE') continue;
    report.say('emerg', bindText(listener, error), bindHelp(listener, error));
    fine = false;
  }
  engine.destroy();
  return fine;
}

function testPaths(plan: Plan, invocation: Invocation, uid: number | undefined): PathProblem | undefined {
  const { pidFile } = plan.process;
  const pidError = testPidFile(pidFile);
  if (pidError !== undefined) return { path: pidFile, error: pidError };
  const folder = createPaths(plan.folders, uid);
  if (folder !== undefined) return folder;
  const logs = openLogFiles(plan.logs.map(({ path }) => (path === '' ? defaultLog(invocation) : path)));
  if (!(logs instanceof Map)) return logs;
  for (const fd of logs.values()) closeLogFile(fd);
  return undefined;
}

async function bindError(engine: Engine, listener: ListenerPlan): Promise<IoError | undefined> {
  const { address } = listener;
  const isPath = address.family === 'unix' && !address.path.startsWith('\0');
  if (isPath && existsSync(systemPath(address.path))) return undefined;
  const nobody = {
    accepted: () => {
      throw new Error('bug: a client in a dry run');
    },
    acceptFailed: () => undefined,
  };
  const bound = await new Promise<Listener | IoError>((resolve) =>
    engine.listen(address, listenOptions(listener), nobody, (result) => {
      if (!isIoError(result)) result.close();
      resolve(result);
    }),
  );
  if (isIoError(bound)) return bound;
  if (isPath) removeSocketFile(address.path);
  return undefined;
}
