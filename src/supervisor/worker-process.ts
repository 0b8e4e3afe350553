// One worker as its master sees it: the process, the channel to it, what it has been given, and its answers.

import type { ChildProcess } from 'node:child_process';
import { WORKER_ANSWER_MS } from '../base/limits.ts';
import type { IoError } from '../io/engine.ts';
import { closeDescriptor, duplicate, socketPair } from '../io/epoll/descriptors.ts';
import type { EpollEngine } from '../io/epoll/epoll-engine.ts';
import { CHANNEL_FDS_MAX, FdChannel, type FdChannelHandler } from '../io/epoll/fd-channel.ts';
import { isIoError } from '../io/io-error.ts';
import type { DrainKind } from '../proxy/driver.ts';
import type { Bundle } from './bundle.ts';
import type { SocketHandle } from './listening-sockets.ts';
import {
  type Answer,
  CHANNEL_FD,
  decodeMessage,
  encodeMessage,
  type Order,
  type WorkerRole,
  type ZoneLabel,
} from './messages.ts';
import { launchWorker, takeSpare } from './worker-launch.ts';

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
    const ahead = launchedAhead(environment, terminal);
    if (ahead !== undefined) return new WorkerProcess(engine, ahead.fd, role, ahead.child, events);
    const pair = socketPair();
    if (isIoError(pair)) return pair;
    const [ours, theirs] = pair;
    const child = launchWorker(environment, terminal, theirs);
    closeDescriptor(theirs);
    if (typeof child !== 'string') return new WorkerProcess(engine, ours, role, child, events);
    closeDescriptor(ours);
    return child;
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

/** The worker that was started ahead, with an end of the channel that is ours alone: Node's own is closed with its object. */
function launchedAhead(
  environment: NodeJS.ProcessEnv,
  terminal: 'inherit' | number,
): { readonly child: ChildProcess; readonly fd: number } | undefined {
  const spare = takeSpare(environment, terminal);
  if (spare === undefined) return undefined;
  const { child } = spare;
  const fd = duplicate(spare.fd);
  child.stdio[CHANNEL_FD]?.destroy();
  if (!isIoError(fd)) return { child, fd };
  child.kill('SIGKILL');
  return undefined;
}

/** A message carries so many descriptors at most. */
function* pieces<T>(all: readonly T[]): Iterable<readonly T[]> {
  for (let at = 0; at < all.length; at += CHANNEL_FDS_MAX) yield all.slice(at, at + CHANNEL_FDS_MAX);
}
