// One worker as its master sees it: the process, the channel to it, what it has been given, and its answers.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { unicodeOf } from '../base/bytes.ts';
import { WORKER_ANSWER_MS } from '../base/limits.ts';
import type { IoError } from '../io/engine.ts';
import { closeDescriptor, socketPair } from '../io/epoll/descriptors.ts';
import type { EpollEngine } from '../io/epoll/epoll-engine.ts';
import { CHANNEL_FDS_MAX, FdChannel, type FdChannelHandler } from '../io/epoll/fd-channel.ts';
import { isIoError } from '../io/io-error.ts';
import type { DrainKind } from '../proxy/driver.ts';
import type { Bundle } from './bundle.ts';
import type { SocketHandle } from './listening-sockets.ts';
import {
  type Answer,
  decodeMessage,
  encodeMessage,
  type Order,
  type WorkerRole,
  type ZoneLabel,
} from './messages.ts';

/** The worker's bundle lies beside ours: the checked one beside the checked one. */
const WORKER_FILE = fileURLToPath(new URL('./worker.js', import.meta.url));
const TITLE = 'holdfast: worker process';

/**
 * The two halves of a worker's young generation grow to 8 MB each under load, half of what V8 lets them by itself: with 2 MB it is
 * collected so often that what is under way counts, and a plain request pays 3 µs for that. garbage.ts makes it small again. One thread
 * collects it, since a second one costs more than it takes over; one thread helps compiling (each has an allocator's arena of its own).
 * The compiler between the quick and the good one, which Node.js 24 switched on, is off: it alone keeps 1,300 bytes for each of 8,000
 * sockets. What NODE_OPTIONS says of a flag counts.
 */
const NODE_FLAGS = ['--max-semi-space-size=8', '--no-parallel-scavenge', '--v8-pool-size=1', '--no-maglev'];

export interface WorkerEvents {
  /** The process has ended; all of its answers have come. */
  ended(worker: WorkerProcess, code: number | null, signal: string | null): void;
}

interface Awaited {
  readonly say: Answer['say'];
  readonly number: number;
  readonly done: (problem: string | undefined) => void;
}

export class WorkerProcess implements FdChannelHandler {
  readonly number: number;
  readonly pid: number;
  /** It was told to end: nobody takes its place. */
  leaving = false;
  /** The descriptors' numbers of the sockets that it accepts on. */
  held = new Set<number>();
  private readonly channel: FdChannel;
  private awaited: Awaited | undefined;
  private exited = false;

  private constructor(
    engine: EpollEngine,
    fd: number,
    role: WorkerRole,
    child: ChildProcess,
    events: WorkerEvents,
  ) {
    this.number = role.number;
    this.pid = child.pid ?? -1;
    const channel = FdChannel.open(engine, fd, this);
    if (isIoError(channel)) throw new Error(`bug: a channel that cannot be watched: ${channel.text}`);
    this.channel = channel;
    child.on('exit', (code, signal) => {
      this.exited = true;
      this.channel.close();
      this.settle('it has ended');
      events.ended(this, code, signal);
    });
    this.order({ do: 'begin', role });
  }

  /** Starts a worker process; it waits for what it is to do. `terminal`: where its own standard error goes, if not where ours does. */
  static start(
    engine: EpollEngine,
    role: WorkerRole,
    environment: NodeJS.ProcessEnv,
    terminal: 'inherit' | number,
    events: WorkerEvents,
  ): WorkerProcess | IoError | string {
    const pair = socketPair();
    if (isIoError(pair)) return pair;
    const [ours, theirs] = pair;
    const child = spawn(process.execPath, [...nodeFlags(), WORKER_FILE], {
      argv0: TITLE,
      env: environment,
      stdio: ['ignore', terminal === 'inherit' ? 'inherit' : 'ignore', terminal, theirs],
    });
    closeDescriptor(theirs);
    if (child.pid === undefined) {
      child.on('error', () => undefined);
      closeDescriptor(ours);
      return `a process of ${process.execPath} could not be started`;
    }
    return new WorkerProcess(engine, ours, role, child, events);
  }

  // What the master asks for.

  giveLogs(logs: Iterable<readonly [path: string, fd: number]>): void {
    for (const piece of pieces([...logs])) {
      this.order(
        { do: 'logs', paths: piece.map(([path]) => path) },
        piece.map(([, fd]) => fd),
      );
    }
  }

  giveZones(zones: readonly (ZoneLabel & { readonly memory: { readonly fd: number } })[]): void {
    for (const piece of pieces(zones)) {
      const labels = piece.map(({ name, kind, bytes }) => ({ name, kind, bytes }));
      this.order(
        { do: 'zones', zones: labels },
        piece.map(({ memory }) => memory.fd),
      );
    }
  }

  /** Resolves to why the worker cannot take the bundle over, or undefined. */
  prepare(bundle: Bundle): Promise<string | undefined> {
    this.order({ do: 'prepare', bundle });
    return this.wait('prepared', bundle.number);
  }

  /** Resolves when the worker serves under what it has prepared and accepts on `sockets`, and on no other of ours. */
  swap(number: number, sockets: readonly SocketHandle[]): Promise<string | undefined> {
    const fresh = sockets.filter(({ id }) => !this.held.has(id));
    for (const piece of pieces(fresh)) {
      this.order(
        { do: 'sockets', sockets: piece.map(({ id, key }) => ({ id, key })) },
        piece.map(({ fd }) => fd),
      );
    }
    const wanted = new Set(sockets.map(({ id }) => id));
    const leave = [...this.held].filter((id) => !wanted.has(id));
    this.held = wanted;
    this.order({ do: 'swap', leave });
    return this.wait('swapped', number);
  }

  forget(): void {
    this.order({ do: 'forget' });
  }

  reopen(logs: Iterable<readonly [path: string, fd: number]>): void {
    this.giveLogs(logs);
    this.order({ do: 'reopen' });
  }

  /** Nobody takes its place. */
  drain(how: DrainKind): void {
    this.leaving = true;
    this.order({ do: 'drain', how });
  }

  /** Nobody takes its place. */
  end(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.leaving = true;
    this.signal(signal);
  }

  /** It is of no use; another takes its place when it has ended. */
  replace(): void {
    this.signal('SIGTERM');
  }

  private signal(signal: NodeJS.Signals): void {
    if (this.exited) return;
    try {
      process.kill(this.pid, signal);
    } catch {
      // It has ended, and we hear of it in a moment.
    }
  }

  // FdChannelHandler.

  message(bytes: Uint8Array): void {
    const answer = decodeMessage(bytes) as Answer;
    const { awaited } = this;
    if (awaited?.say === answer.say && awaited.number === answer.number) this.settle(answer.problem);
  }

  /** Without a channel it is of no use, and ends by itself if it has not done so: what is awaited of it is settled by its end. */
  closed(): void {
    this.signal('SIGTERM');
  }

  private order(order: Order, fds: readonly number[] = []): void {
    if (!this.exited) this.channel.send(encodeMessage(order), fds);
  }

  private wait(say: Answer['say'], number: number): Promise<string | undefined> {
    if (this.exited) return Promise.resolve('it has ended');
    return new Promise((resolve) => {
      const late = setTimeout(
        () => this.settle(`it has not answered for ${WORKER_ANSWER_MS} ms`),
        WORKER_ANSWER_MS,
      );
      const done = (problem: string | undefined): void => {
        clearTimeout(late);
        resolve(problem);
      };
      this.awaited = { say, number, done };
    });
  }

  private settle(problem: string | undefined): void {
    const { awaited } = this;
    this.awaited = undefined;
    awaited?.done(problem);
  }
}

function nodeFlags(): string[] {
  const said = process.env.NODE_OPTIONS ?? '';
  return NODE_FLAGS.filter((flag) => !said.includes(flag.replace(/^--(no-)?|=.*/g, '')));
}

/** What a worker keeps of the master's environment, as ngx_set_environment(): TZ, what `env` names, and what steers Node.js itself. */
export function workerEnvironment(written: readonly string[]): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = {};
  const keep = (name: string): void => {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  };
  for (const name of ['TZ', 'NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'HOLDFAST_COUNT_PLANS']) keep(name);
  for (const each of written) {
    const equals = each.indexOf('=');
    if (equals === -1) keep(unicodeOf(each));
    else environment[unicodeOf(each.slice(0, equals))] = unicodeOf(each.slice(equals + 1));
  }
  // A process with io_uring may not change its user (CVE-2024-22017), and nothing here would gain by it.
  environment.UV_USE_IO_URING = '0';
  return environment;
}

/** A message carries so many descriptors at most. */
function* pieces<T>(all: readonly T[]): Iterable<readonly T[]> {
  for (let at = 0; at < all.length; at += CHANNEL_FDS_MAX) yield all.slice(at, at + CHANNEL_FDS_MAX);
}
