// `daemon on`: Node cannot fork, so the program starts itself anew in a session of its own and leaves when that one listens. What the
// new one has to say it says on the terminal that both share; it hands back an exit code if it cannot start.
import { spawn } from 'node:child_process';
import { closeSync, openSync, writeSync } from 'node:fs';
import { openLog } from './open-log.ts';

/** Names the launcher to the program that it starts; the pid keeps an inherited one from being taken for our own. */
const LAUNCHER = 'HOLDFAST_LAUNCHER';
const PIPE_FD = 3;

const isLaunched = process.env[LAUNCHER] === String(process.ppid);
delete process.env[LAUNCHER];

/** Whether this is the program that a launcher waits for. */
export function launched(): boolean {
  return isLaunched;
}

/** Starts the program in the background; resolves to the exit code of this one. */
export function launch(): Promise<number> {
  const [, script = '', ...args] = process.argv;
  const child = spawn(process.execPath, [...process.execArgv, script, ...args], {
    // Room for the title, which cannot be longer than what the program was started with.
    argv0: `holdfast: master process ${script} ${args.join(' ')}`,
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, [LAUNCHER]: String(process.pid) },
  });
  const stop = (): void => void child.kill('SIGTERM');
  process.removeAllListeners('SIGHUP');
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, stop);
  return new Promise((resolve) => {
    child.once('error', () => resolve(1));
    child.once('exit', (code) => resolve(code ?? 1));
    child.stdio[PIPE_FD]?.once('data', () => {
      child.unref();
      resolve(0);
    });
  });
}

/** Lets the launcher go and the terminal with it, but for what a log is written to. As ngx_daemon() and ngx_log_redirect_stderr(). */
export function leaveTerminal(logs: ReadonlySet<string>, errorLog: string | undefined): void {
  if (!logs.has('/dev/stdout')) replace(1, '/dev/null');
  const usesStderr = logs.has('stderr') || logs.has('/dev/stderr');
  if (!usesStderr) replace(2, errorLog ?? '/dev/null');
  try {
    writeSync(PIPE_FD, '.');
    closeSync(PIPE_FD);
  } catch {
    // The launcher has been killed: nobody waits.
  }
}

/** A new file takes the lowest free number, and all lower ones are in use. */
function replace(fd: number, path: string): void {
  try {
    closeSync(fd);
    openLog(path);
  } catch {
    openSync('/dev/null', 'a');
  }
}
