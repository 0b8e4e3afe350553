// Starts the program as a person would (bin/holdfast, the checked bundle) in a folder of its own, and ends it by its pid.
// HOLDFAST_BINARY puts another program in its place: nginx must pass the same tests. Linux only where /proc is read.
import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
} from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const BINARY = process.env.HOLDFAST_BINARY ?? join(ROOT, 'bin', 'holdfast');
export const IS_NGINX = basename(BINARY) === 'nginx';
const START_MS = 15_000;
const STOP_MS = 10_000;
const POLL_MS = 10;
const FIRST_PORT = 11_000;
const PORTS = 20_000;
let portsTried = 0;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Program {
  /** Its prefix: the configuration, `logs/` and whatever it makes. */
  readonly folder: string;
  readonly pid: number;
  /** The master and its workers. */
  processes(): readonly number[];
  signal(name: NodeJS.Signals): void;
  /** A file under the prefix as it stands now, '' while it is missing. */
  read(path: string): string;
  /** Replaces the configuration; it counts from the next HUP on. */
  configure(text: string): Promise<void>;
  /** TERM, then waits until nothing of it runs. Called at the end of the test by itself. */
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly flags?: readonly string[];
  /** As a person starts it in an empty folder: `-c nginx.conf` alone, and no folder for the logs (nginx needs both). */
  readonly bare?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

/** An empty folder, removed at the end of the test; workers of another user may enter it. */
export function emptyFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-e2e-')));
  chmodSync(folder, 0o755);
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts in the background with `text` as nginx.conf; resolves once it listens. */
export async function startProgram(text: string, options: StartOptions = {}): Promise<Program> {
  const folder = emptyFolder();
  const bare = options.bare === true && !IS_NGINX;
  if (!bare) mkdirSync(join(folder, 'logs'));
  await writeFile(join(folder, 'nginx.conf'), withEvents(text));
  const flags = [...(bare ? [] : ['-p', `${folder}/`]), '-c', 'nginx.conf', ...(options.flags ?? [])];
  const started = await runProgram(flags, folder, options.env);
  const said = (): string => `${started.stderr}\n${readIfThere(join(folder, 'logs', 'error.log'))}`;
  if (started.code !== 0) throw new Error(`ended with ${started.code}: ${said()}`);
  const pidFile = join(folder, 'logs', 'nginx.pid');
  await until(() => existsSync(pidFile), `a pid file; ${said()}`, START_MS);
  const program = running(folder, Number(readFileSync(pidFile, 'utf8')));
  onTestFinished(program.stop);
  return program;
}

/** Runs the program to its end (`-t`, `-v`, or until it has gone to the background). */
export function runProgram(
  flags: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const viaNode = BINARY.endsWith('holdfast');
  const command = viaNode ? [process.execPath, BINARY] : [BINARY];
  const child = spawn(command[0] ?? '', [...command.slice(1), ...flags], {
    cwd,
    env: { ...process.env, HOLDFAST_CHECKED: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return endOf(child);
}

/** Waits for a condition, looking often; never longer than `ms`. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  what: string,
  ms = START_MS,
): Promise<void> {
  const end = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited ${ms} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/**
 * The first of `count` ports in a row that were free a moment ago. Below the range from which the system takes the ports of clients,
 * so that no connection of another test sits on one; each test process begins at a place of its own.
 */
export async function freePort(count = 1): Promise<number> {
  for (let tried = 0; tried < PORTS; tried++) {
    const first = FIRST_PORT + ((process.pid * 331 + portsTried++) % PORTS);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const free = await Promise.all(ports.map(canBind));
    portsTried += count - 1;
    if (free.every(Boolean)) return first;
  }
  throw new Error('no free port');
}

/** Whether `port` can be bound now: not in use, and allowed to this user. */
export function canBind(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** What a child that was started elsewhere writes and how it ends. */
export function endOf(child: ChildProcess): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('latin1').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('latin1').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    // Not 'close': a program that went to the background may keep the pipe open.
    child.once('exit', (code) => resolve({ code, stdout, stderr }));
  });
}

/** The children of `parent` and theirs, by /proc. */
export function descendantsOf(parent: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of existsSync('/proc') ? readdirSync('/proc') : []) {
    if (!/^\d+$/.test(name)) continue;
    const stat = readIfThere(`/proc/${name}/stat`);
    // "123 (a name) S 1 …": the parent stands after the state; the name may hold anything.
    const ppid = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    children.set(ppid, [...(children.get(ppid) ?? []), Number(name)]);
  }
  const below = (pid: number): number[] =>
    (children.get(pid) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(parent);
}

/** A zombie counts as gone. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return !/^State:\s+Z/m.test(readIfThere(`/proc/${pid}/status`));
}

/** Of all its processes: memory that no other process shares. */
export function privateBytesOf(program: Program): number {
  return program.processes().reduce((sum, pid) => {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
    const kilobytes = [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB/gm)].map((row) =>
      Number(row[1]),
    );
    return sum + kilobytes.reduce((a, b) => a + b, 0) * 1024;
  }, 0);
}

function running(folder: string, pid: number): Program {
  const seen = new Set<number>([pid]);
  const processes = (): readonly number[] => {
    const now = [pid, ...descendantsOf(pid)].filter(isAlive);
    for (const one of now) seen.add(one);
    return now;
  };
  const stop = async (): Promise<void> => {
    if (processes().length === 0) return;
    process.kill(pid, 'SIGTERM');
    const left = (): number[] => [...seen].filter(isAlive);
    await until(() => left().length === 0, `the end of process ${left().join(', ')}`, STOP_MS).catch(
      (error) => {
        for (const one of left()) process.kill(one, 'SIGKILL');
        throw error;
      },
    );
  };
  return {
    folder,
    pid,
    processes,
    signal: (name) => void process.kill(pid, name),
    read: (path) => readIfThere(join(folder, path)),
    configure: async (text) => {
      // At once: a reload that is under way must not read half of it.
      await writeFile(join(folder, 'nginx.conf.new'), withEvents(text));
      await rename(join(folder, 'nginx.conf.new'), join(folder, 'nginx.conf'));
    },
    stop,
  };
}

/** nginx itself will not start without `events {}`. */
function withEvents(text: string): string {
  return IS_NGINX && !/^\s*events\b/m.test(text) ? `events {}\n${text}` : text;
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
