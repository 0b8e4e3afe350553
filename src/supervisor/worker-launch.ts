// The process of a worker: with which flags and environment Node.js runs it. One is started ahead, before the program itself is loaded
// and the configuration read, so that both Nodes begin side by side; it waits for its orders as every other does.
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { unicodeOf } from '../base/bytes.ts';
import { CHANNEL_FD } from './messages.ts';

/** The worker's bundle lies beside ours: the checked one beside the checked one. */
const WORKER_FILE = fileURLToPath(new URL('./worker.js', import.meta.url));
const TITLE = 'holdfast: worker process';

/**
 * The two halves of a worker's young generation grow to 8 MB each under load, half of what V8 lets them by itself: with 2 MB it is
 * collected so often that what is under way counts, and a plain request pays 3 µs for that. garbage.ts makes it small again. One thread
 * collects it, since a second one costs more than it takes over; one thread helps compiling (each has an allocator's arena of its own).
 * What NODE_OPTIONS says of a flag counts.
 */
const NODE_FLAGS = ['--max-semi-space-size=8', '--no-parallel-scavenge', '--v8-pool-size=1'];

/**
 * The process, or why there is none: Node.js throws some of the system's errors (ENOMEM) and tells others by an event (EAGAIN).
 * `terminal`: where the worker's own standard error goes, if not where ours does. `channel`: its end, or a pipe is made for it.
 */
export function launchWorker(
  environment: NodeJS.ProcessEnv,
  terminal: 'inherit' | number,
  channel: number | 'pipe',
): ChildProcess | string {
  try {
    const child = spawn(process.execPath, [...nodeFlags(), WORKER_FILE], {
      argv0: TITLE,
      env: environment,
      stdio: ['ignore', terminal === 'inherit' ? 'inherit' : 'ignore', terminal, channel],
    });
    if (child.pid !== undefined) return child;
    child.on('error', () => undefined);
    return `a process of ${process.execPath} could not be started`;
  } catch (error) {
    return (error as Error).message;
  }
}

function nodeFlags(): string[] {
  const said = (process.env.NODE_OPTIONS ?? '').replaceAll('_', '-'); // V8 takes both
  return NODE_FLAGS.filter((flag) => !said.includes(flag.replace(/^--(no-)?|=.*/g, '')));
}

/**
 * What a worker keeps of the master's environment, as ngx_set_environment(): TZ, what `env` names, and what steers Node.js itself. Not
 * NODE_EXTRA_CA_CERTS: a worker trusts nobody by Node's list, and Node.js 20 reads it at every start, 30 ms for Debian's.
 */
export function workerEnvironment(written: readonly string[]): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {};
  const keep = (name: string): void => {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  };
  for (const name of ['TZ', 'NODE_OPTIONS', 'HOLDFAST_COUNT_PLANS']) keep(name);
  for (const each of written) {
    const equals = each.indexOf('=');
    if (equals === -1) keep(unicodeOf(each));
    else environment[unicodeOf(each.slice(0, equals))] = unicodeOf(each.slice(equals + 1));
  }
  // A process with io_uring may not change its user (CVE-2024-22017), and nothing here would gain by it.
  environment.UV_USE_IO_URING = '0';
  return environment;
}

interface Spare {
  readonly child: ChildProcess;
  readonly environment: string;
}

let spare: Spare | undefined;

/** Starts a worker that nobody may want in the end: it is ended with this process, or when another environment or terminal is asked for. */
export function launchSpare(): void {
  const environment = workerEnvironment([]);
  const child = launchWorker(environment, 'inherit', 'pipe');
  if (typeof child === 'string') return; // the start that wants one says why
  spare = { child, environment: JSON.stringify(environment) };
  process.on('exit', dropSpare);
}

/** The worker that was started ahead, once and where it is what `launchWorker` would start; with the number of our end of its channel. */
export function takeSpare(
  environment: NodeJS.ProcessEnv,
  terminal: 'inherit' | number,
): { readonly child: ChildProcess; readonly fd: number } | undefined {
  if (spare === undefined) return undefined;
  const { child } = spare;
  const fd = channelOf(child);
  const fits =
    terminal === 'inherit' &&
    spare.environment === JSON.stringify(environment) &&
    child.exitCode === null &&
    child.signalCode === null;
  if (fd === undefined || !fits) {
    dropSpare();
    return undefined;
  }
  spare = undefined;
  return { child, fd };
}

export function dropSpare(): void {
  spare?.child.kill('SIGKILL');
  spare = undefined;
}

/** libuv has made the pair of sockets: native calls, which could, are loaded after the start. */
function channelOf(child: ChildProcess): number | undefined {
  const pipe = child.stdio[CHANNEL_FD] as { readonly _handle?: { readonly fd?: number } | null } | undefined;
  const fd = pipe?._handle?.fd;
  return fd !== undefined && fd > 2 ? fd : undefined;
}
