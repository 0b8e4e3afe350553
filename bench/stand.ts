// What runs while something is measured: the upstream, the contenders, the load. Each in a folder and on ports of its own,
// each ended by its own pid.
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ConfigFile } from './config-text.ts';
import type { Contender } from './contenders.ts';
import { Meter } from './meter.ts';
import type { Native } from './native.ts';

const START_MS = 30_000;
const STOP_MS = 10_000;
const RELOAD_MS = 30_000;
const LOAD_MS = 180_000;
const POLL_MS = 5;
/** Below the ports that the system gives to connections. */
const FIRST_PORT = 11_000;
const PORTS = 20_000;
let portsTried = 0;

export interface Upstream {
  readonly ports: readonly [number, number];
  stop(): Promise<void>;
}

/** A contender that runs. */
export interface Stand {
  readonly contender: Contender;
  readonly port: number;
  readonly pid: number;
  readonly folder: string;
  readonly meter: Meter;
  /** Sends a HUP and waits until what it asked for is in force. */
  reload(): Promise<void>;
  stop(): Promise<void>;
}

export interface StandOptions {
  readonly workers?: number;
  /** Where folders are made. */
  readonly folder: string;
}

export type LoadOptions = Readonly<Record<string, string | number>>;
export type LoadLine = Readonly<Record<string, number>>;

/** A load that has been started: `opened`, then `go`, then its `figures`; what it has open stays so until `end`. */
export interface Load {
  readonly opened: Promise<LoadLine>;
  go(): void;
  readonly figures: Promise<LoadLine>;
  /** Also when it failed. */
  end(): Promise<void>;
}

export async function startUpstream(native: Native): Promise<Upstream> {
  const ports = [await freePort(), await freePort()] as const;
  const child = spawn(native.echo, ports.map(String), { stdio: ['ignore', 'ignore', 'inherit'] });
  await listening(child, ports[1], () => 'the upstream does not start');
  return { ports, stop: () => stopped(child, 'SIGTERM') };
}

/** Starts it; undefined where it has no word for what the file says. */
export async function startStand(
  contender: Contender,
  file: ConfigFile,
  upstream: Upstream,
  options: StandOptions,
): Promise<Stand | undefined> {
  const folder = mkdtempSync(join(options.folder, `${contender.name}-`));
  chmodSync(folder, 0o755); // workers may be of another user
  mkdirSync(join(folder, 'logs'));
  const port = await freePort();
  const launch = contender.launch(file, { port, peers: upstream.ports, folder }, options.workers ?? 1);
  if (launch === undefined) return undefined;
  const output = join(folder, 'output.log');
  const fd = openSync(output, 'w');
  const child = spawn(launch.command, launch.flags, {
    cwd: folder,
    stdio: ['ignore', fd, fd],
    env: { ...process.env, ...launch.env },
  });
  closeSync(fd);
  await listening(
    child,
    port,
    () => `${contender.title} does not start: ${readFileSync(output, 'utf8').slice(-500)}`,
  );
  const pid = child.pid ?? 0;
  const meter = new Meter(pid);
  const reload = (): Promise<void> => reloaded(contender, pid, join(folder, 'logs', 'error.log'));
  return { contender, port, pid, folder, meter, reload, stop: () => stopped(child, 'SIGTERM') };
}

async function reloaded({ title, reloaded: line }: Contender, pid: number, log: string): Promise<void> {
  if (line === undefined) throw new Error(`${title} does not say when a reload has ended`);
  const count = (): number => readFileSync(log, 'utf8').match(line)?.length ?? 0;
  const before = count();
  process.kill(pid, 'SIGHUP');
  const end = performance.now() + RELOAD_MS;
  while (count() === before) {
    if (performance.now() > end) throw new Error(`${title} does not come to the end of a reload`);
    await pause(POLL_MS);
  }
}

export function startLoad(native: Native, mode: string, options: LoadOptions): Load {
  const flags = Object.entries(options).map(([name, value]) => `${name}=${value}`);
  const child = spawn(native.load, [mode, ...flags], { stdio: ['pipe', 'pipe', 'pipe'] });
  const timer = setTimeout(() => child.kill('SIGKILL'), LOAD_MS);
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  child.stdin.on('error', () => undefined); // it ended before its input did: the promises say so
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<LoadLine> => {
    const line = await lines.next();
    if (line.done !== true) return JSON.parse(line.value);
    await ended;
    throw new Error(said.trim() || `the load ended with ${child.exitCode ?? child.signalCode}`);
  };
  const opened = next();
  const figures = opened.then(next);
  for (const promise of [opened, figures]) promise.catch(() => undefined); // whoever asks for it hears of it
  return {
    opened,
    figures,
    go: () => child.stdin.write('\n'),
    end: async () => {
      child.stdin.end();
      await ended;
      clearTimeout(timer);
    },
  };
}

/** A port that nothing listens on, on either family. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + ((process.pid * 61 + portsTried++) % PORTS);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
      .once('error', () => resolve(false))
      .listen(port, () => server.close(() => resolve(true)));
  });
}

async function listening(child: ChildProcess, port: number, complaint: () => string): Promise<void> {
  let failure: Error | undefined;
  child.once('error', (error) => {
    failure = error;
  });
  const end = performance.now() + START_MS;
  while (!(await accepts(port))) {
    if (failure !== undefined || child.exitCode !== null || performance.now() > end) {
      child.kill('SIGKILL');
      throw new Error(failure?.message ?? complaint());
    }
    await pause(POLL_MS);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function stopped(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
