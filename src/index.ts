// Holdfast as a library: a balancer inside your own program or test.
//
//   const balancer = await createBalancer('http { server { listen 127.0.0.1:0; location / { proxy_pass http://localhost:3000; } } }');
//   try { await fetch(balancer.url); } finally { await balancer.close(); }
import { EventEmitter } from 'node:events';
import { resolve } from 'node:path';
import { unicodeOf } from './base/bytes.ts';
import { ioErrorText } from './io/io-error.ts';
import { bindHelp, bindText } from './supervisor/bind-help.ts';
import {
  configurationText,
  type Directives,
  type DirectiveValue,
  type DirectiveWord,
} from './supervisor/configuration-object.ts';
import { Embedded, type EmbeddedSource } from './supervisor/embedded.ts';
import type { TakeOverProblem } from './supervisor/single.ts';
import { VERSION } from './version.ts';

export type { Directives, DirectiveValue, DirectiveWord };

/** Configuration text, a file of it, or an object that mirrors its directives. */
export type Configuration = string | { readonly file: string } | Directives;

export interface BalancerOptions {
  /** What relative paths stand under, nginx's prefix. Default: the current folder. */
  readonly prefix?: string;
  /** Default: epoll where it can run, else portable; HOLDFAST_ENGINE decides where it is set. */
  readonly engine?: 'epoll' | 'portable';
}

/** Where clients may connect. */
export interface Listening {
  /** "0.0.0.0", "127.0.0.1", "::1"; '' for a Unix socket. */
  readonly host: string;
  /** The port that the system chose where the configuration says 0. */
  readonly port: number;
  /** Of a Unix socket. */
  readonly path: string | undefined;
}

export interface Reloaded {
  /** 1 at the start, one more with each reload. */
  readonly number: number;
  /** What differs: "listens on 127.0.0.1:8081; other peers in app". */
  readonly changes: string;
}

/** A line of the error log. Comes as an event where the configuration has no `error_log` of its own. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  /** As it would stand in the file. */
  readonly line: string;
}

export interface CloseOptions {
  /** Waits for clients to end: true as long as it takes, a number at most so many milliseconds. Default: false, all end at once. */
  readonly drain?: boolean | number;
}

export interface BalancerEvents {
  reload: [reloaded: Reloaded];
  log: [line: LogLine];
  close: [];
}

export interface Balancer {
  readonly engine: 'epoll' | 'portable';
  /** In the order of the configuration. */
  readonly listening: readonly Listening[];
  /** Of the first listening address; 0 where that is a Unix socket. */
  readonly port: number;
  /** "http://127.0.0.1:38213" of the first listening address. */
  readonly url: string;
  /** Clients that are connected, tunnels included. */
  readonly clients: number;
  /**
   * Takes a changed file over, or another configuration. Connections stay. A configuration that cannot be taken over changes nothing
   * and rejects with a HoldfastError.
   */
  reload(configuration?: Configuration): Promise<Reloaded>;
  /** May be called again. */
  close(options?: CloseOptions): Promise<void>;
  on<E extends keyof BalancerEvents>(event: E, listener: (...args: BalancerEvents[E]) => void): this;
  once<E extends keyof BalancerEvents>(event: E, listener: (...args: BalancerEvents[E]) => void): this;
  off<E extends keyof BalancerEvents>(event: E, listener: (...args: BalancerEvents[E]) => void): this;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What is wrong in a configuration, and where. */
export interface Problem {
  readonly message: string;
  /** '' where it stands nowhere in particular. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  readonly directive: string;
  readonly hint: string | undefined;
}

export type HoldfastErrorCode =
  | 'ERR_HOLDFAST_CONFIGURATION'
  | 'ERR_HOLDFAST_BIND'
  | 'ERR_HOLDFAST_LOG'
  | 'ERR_HOLDFAST_CLOSED';

export class HoldfastError extends Error {
  override readonly name = 'HoldfastError';
  readonly code: HoldfastErrorCode;
  /** All mistakes of a configuration. */
  readonly problems: readonly Problem[];

  constructor(code: HoldfastErrorCode, message: string, problems: readonly Problem[] = []) {
    super(message);
    this.code = code;
    this.problems = problems;
  }
}

export const version: string = VERSION;

/** Starts a balancer; resolves when it listens on all of its addresses. */
export async function createBalancer(
  configuration: Configuration,
  options: BalancerOptions = {},
): Promise<Balancer> {
  const balancer = new RunningBalancer(configuration, options);
  await balancer.start();
  return balancer;
}

class RunningBalancer implements Balancer {
  private readonly events = new EventEmitter<BalancerEvents>();
  private readonly embedded: Embedded;
  private closing: Promise<void> | undefined;

  constructor(configuration: Configuration, { prefix = '.', engine }: BalancerOptions) {
    this.embedded = new Embedded({
      source: sourceOf(configuration),
      prefix,
      engine,
      log: (line) => this.events.emit('log', logLine(line)),
    });
  }

  async start(): Promise<void> {
    const loaded = await this.embedded.load();
    if (!('kind' in loaded)) return;
    await this.embedded.close(0);
    throw errorOf(loaded);
  }

  get engine(): 'epoll' | 'portable' {
    return this.embedded.engine.kind === 'epoll' ? 'epoll' : 'portable';
  }

  get listening(): readonly Listening[] {
    return this.embedded.bound().map(({ path, ...each }) => ({
      ...each,
      path: path === undefined ? undefined : unicodeOf(path),
    }));
  }

  get port(): number {
    return this.listening[0]?.port ?? 0;
  }

  get url(): string {
    const [first] = this.listening;
    if (first === undefined || first.path !== undefined) return '';
    const host = first.host === '0.0.0.0' ? '127.0.0.1' : first.host === '::' ? '::1' : first.host;
    return `http://${host.includes(':') ? `[${host}]` : host}:${first.port}`;
  }

  get clients(): number {
    return this.embedded.clients;
  }

  async reload(configuration?: Configuration): Promise<Reloaded> {
    if (this.closing !== undefined) throw new HoldfastError('ERR_HOLDFAST_CLOSED', 'the balancer is closed');
    const loaded = await this.embedded.load(
      configuration === undefined ? undefined : sourceOf(configuration),
    );
    if ('kind' in loaded) throw errorOf(loaded);
    this.events.emit('reload', loaded);
    return loaded;
  }

  close({ drain = false }: CloseOptions = {}): Promise<void> {
    const drainMs = drain === true ? Number.POSITIVE_INFINITY : drain === false ? 0 : drain;
    this.closing ??= this.embedded.close(drainMs).then(() => {
      this.events.emit('close');
    });
    return this.closing;
  }

  on<E extends keyof BalancerEvents>(event: E, listener: (...args: BalancerEvents[E]) => void): this {
    this.events.on(event, listener as never);
    return this;
  }

  once<E extends keyof BalancerEvents>(event: E, listener: (...args: BalancerEvents[E]) => void): this {
    this.events.once(event, listener as never);
    return this;
  }

  off<E extends keyof BalancerEvents>(event: E, listener: (...args: BalancerEvents[E]) => void): this {
    this.events.off(event, listener as never);
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function sourceOf(configuration: Configuration): EmbeddedSource {
  if (typeof configuration === 'string') return { text: configuration };
  const { file } = configuration;
  if (typeof file === 'string' && Object.keys(configuration).length === 1) return { file: resolve(file) };
  return { text: configurationText(configuration as Directives) };
}

function errorOf(problem: TakeOverProblem): HoldfastError {
  switch (problem.kind) {
    case 'bind': {
      const help = bindHelp(problem.listener, problem.error);
      const text = bindText(problem.listener, problem.error);
      return new HoldfastError(
        'ERR_HOLDFAST_BIND',
        unicodeOf(help === undefined ? text : `${text}: ${help}`),
      );
    }
    case 'log':
      return new HoldfastError(
        'ERR_HOLDFAST_LOG',
        unicodeOf(`open() "${problem.path}" failed (${ioErrorText(problem.error)})`),
      );
    case 'config': {
      const problems = problem.result.errors.map(({ message, file, line, column, directive, hint }) => ({
        message: unicodeOf(message),
        file: unicodeOf(file),
        line,
        column,
        directive,
        hint: hint === undefined ? undefined : unicodeOf(hint),
      }));
      const text = problems.map(({ message, file, line }) => `${message} in ${file}:${line}`).join('\n');
      return new HoldfastError('ERR_HOLDFAST_CONFIGURATION', text, problems);
    }
  }
}

/** "2026/11/24 22:40:25 [error] 12#12: text" */
function logLine(line: string): LogLine {
  const [, level = 'error', message = line] = /^\S+ \S+ \[(\w+)\] \d+#\d+: (.*)$/s.exec(line) ?? [];
  return { level, message: unicodeOf(message), line: unicodeOf(line) };
}
