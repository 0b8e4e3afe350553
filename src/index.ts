// Holdfast as a library: a balancer inside your own program or test. All that a caller sees is declared here.
//
//   const balancer = await createBalancer('http { server { listen 127.0.0.1:0; location / { proxy_pass http://localhost:3000; } } }');
//   try { await fetch(balancer.url); } finally { await balancer.close(); }
import { EventEmitter } from 'node:events';
import { fileURLToPath } from 'node:url';
import { unicodeOf } from './base/bytes.ts';
import { chooseEngine } from './io/choose.ts';
import { startImmediate } from './io/portable/host-clock.ts';
import { bindHelp, bindText } from './supervisor/bind-help.ts';
import type {
  ConfigBlocks,
  ConfigKeyed,
  ConfigLines,
  ConfigStatements,
  ConfigurationObject,
  ConfigWord,
  EventsBlock,
  HttpBlock,
  LocationBlock,
  ServerBlock,
  UpstreamBlock,
} from './supervisor/configuration-types.ts';
import { type BoundAddress, Embedded, type EmbeddedProblem } from './supervisor/embedded.ts';
import type { EmbeddedSource } from './supervisor/embedded-source.ts';
import { pathText } from './supervisor/folders.ts';
import { VERSION } from './version.ts';

export type {
  ConfigBlocks,
  ConfigKeyed,
  ConfigLines,
  ConfigStatements,
  ConfigurationObject,
  ConfigWord,
  EventsBlock,
  HttpBlock,
  LocationBlock,
  ServerBlock,
  UpstreamBlock,
};

/** Text as it would stand in an `nginx.conf`, a file with it, or an object that mirrors its directives. */
export type Configuration = string | ConfigurationFile | ConfigurationObject;

export interface ConfigurationFile {
  /** A path, or a URL of a file: `new URL('nginx.conf', import.meta.url)`. */
  readonly file: string | { readonly href: string };
}

export interface BalancerOptions {
  /** What relative paths of the configuration stand under: nginx's prefix. Default: the current folder. */
  readonly prefix?: string | undefined;
  /**
   * Linux's epoll, or Node's own sockets. Default: epoll where it can run (not in a worker thread), else portable; the environment's
   * HOLDFAST_ENGINE comes before that.
   */
  readonly engine?: 'epoll' | 'portable' | undefined;
  /** The least grave lines that become 'error-log' events. Default: warn. A configuration with an `error_log` decides for itself. */
  readonly logLevel?: LogLevel | undefined;
}

export type LogLevel = 'emerg' | 'alert' | 'crit' | 'error' | 'warn' | 'notice' | 'info' | 'debug';

/** Where clients may connect. */
export interface ListenAddress {
  /** `127.0.0.1`, `0.0.0.0`, `::1`; empty for a Unix socket. */
  readonly host: string;
  /** The port that the system chose where the configuration says 0; 0 for a Unix socket. */
  readonly port: number;
  /** Of a Unix socket. */
  readonly path: string | undefined;
  /** `http://127.0.0.1:38213`; undefined for a Unix socket. */
  readonly url: string | undefined;
}

export interface Reloaded {
  /** 1 at the start, more with each reload. */
  readonly number: number;
  /** What differs, in words: `listens on 127.0.0.1:8081; other peers in app`. */
  readonly changes: string;
}

export interface ErrorLine {
  readonly level: LogLevel;
  readonly message: string;
  /** As it would stand in the file, with time and process. */
  readonly line: string;
}

export interface CloseOptions {
  /**
   * How long clients may take to end what they have under way, in milliseconds; true: as long as it takes. Default: all end at once.
   * Idle connections are closed in any case.
   */
  readonly drain?: number | boolean | undefined;
}

export interface BalancerEvents {
  /** A line of the error log, unless the configuration has an `error_log` of its own. */
  'error-log': [line: ErrorLine];
  /** A line of the access log, unless the configuration has an `access_log` of its own. */
  'access-log': [line: string];
  /** A configuration has been taken over. */
  reload: [reloaded: Reloaded];
  /** Nothing is open any more. */
  close: [];
}

export interface Balancer {
  readonly engine: 'epoll' | 'portable';
  /** Where it listens, in the order of the configuration. Servers that write the same `listen` share one. */
  readonly addresses: readonly ListenAddress[];
  /** Of the first address that is no Unix socket: `http://127.0.0.1:38213`. Throws where there is none. */
  readonly url: string;
  /** Of the same address. */
  readonly port: number;
  /** Clients that are connected, idle and upgraded connections included. */
  readonly clients: number;
  /**
   * Takes over a changed file, or another configuration. Connections stay. One that cannot be taken over changes nothing, and the
   * promise is rejected with a HoldfastError.
   */
  reload(configuration?: Configuration): Promise<Reloaded>;
  /** Resolves when nothing is open any more. May be called again, also to end a drain. */
  close(options?: CloseOptions): Promise<void>;
  /** `await using balancer = …`: close(). */
  [Symbol.asyncDispose](): Promise<void>;
  on<E extends keyof BalancerEvents>(event: E, listener: (...args: BalancerEvents[E]) => void): this;
  once<E extends keyof BalancerEvents>(event: E, listener: (...args: BalancerEvents[E]) => void): this;
  off<E extends keyof BalancerEvents>(event: E, listener: (...args: BalancerEvents[E]) => void): this;
}

export type HoldfastErrorCode =
  | 'ERR_HOLDFAST_ARGUMENT'
  | 'ERR_HOLDFAST_BIND'
  | 'ERR_HOLDFAST_CLOSED'
  | 'ERR_HOLDFAST_CONFIG'
  | 'ERR_HOLDFAST_ENGINE'
  | 'ERR_HOLDFAST_LOG'
  | 'ERR_HOLDFAST_NO_ADDRESS';

/** A mistake in a configuration, and where it stands. */
export interface ConfigMistake {
  /** nginx's own wording. */
  readonly message: string;
  /** Empty where it stands in no file; "configuration text" and "configuration object" for those. */
  readonly file: string;
  /** From 1; 0 where there is none. Of an object: in the text that it stands for. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  readonly directive: string;
  /** The near spelling, what is allowed there. */
  readonly hint: string | undefined;
  /** Where in an object: `http.server[0].location["/"].proxy_pass`. */
  readonly path: string | undefined;
}

export class HoldfastError extends Error {
  override readonly name = 'HoldfastError';
  readonly code: HoldfastErrorCode;
  /** All mistakes of a configuration that is refused (ERR_HOLDFAST_CONFIG). */
  readonly mistakes: readonly ConfigMistake[];
  /** The system's word where it refused something: "EADDRINUSE", "EACCES". */
  readonly systemCode: string | undefined;

  constructor(
    code: HoldfastErrorCode,
    message: string,
    details: { readonly mistakes?: readonly ConfigMistake[]; readonly systemCode?: string } = {},
  ) {
    super(message);
    this.code = code;
    this.mistakes = details.mistakes ?? [];
    this.systemCode = details.systemCode;
  }
}

export const version: string = VERSION;

/** Starts a balancer inside this process; resolves when it listens on all of its addresses. Rejects with a HoldfastError. */
export async function createBalancer(
  configuration: Configuration,
  options: BalancerOptions = {},
): Promise<Balancer> {
  const source = sourceOf(configuration);
  const balancer = new RunningBalancer(checked(options));
  await balancer.start(source);
  return balancer as Balancer;
}

type Event = { [E in keyof BalancerEvents]: [E, ...BalancerEvents[E]] }[keyof BalancerEvents];

class RunningBalancer extends EventEmitter {
  readonly engine: 'epoll' | 'portable';
  private readonly embedded: Embedded;
  /** Events wait for an immediate of their own: a listener that throws must not break what happens within the engine's turn. */
  private readonly events: Event[] = [];
  private started = false;
  private asked = false;
  private closing: Promise<void> | undefined;
  /** Only where this Node has the symbol. */
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  constructor({ prefix = '.', engine, logLevel = 'warn' }: BalancerOptions) {
    super();
    const chosen = chooseEngine(engine);
    if (engine !== undefined && chosen.kind !== engine)
      throw new HoldfastError('ERR_HOLDFAST_ENGINE', chosen.reason);
    this.engine = chosen.kind;
    this.embedded = new Embedded({
      chosen,
      prefix,
      logLevel,
      errorLine: (line) => {
        if (this.isHeard('error-log')) this.tell(['error-log', errorLine(unicodeOf(line))]);
      },
      accessLine: (line) => {
        if (this.isHeard('access-log')) this.tell(['access-log', unicodeOf(line)]);
      },
    });
  }

  async start(source: EmbeddedSource): Promise<void> {
    try {
      const loaded = await this.embedded.load(source);
      if (loaded.kind !== 'taken over') throw errorOf(loaded);
    } catch (error) {
      await this.embedded.close(0);
      throw error;
    }
    // What there is to say of the start comes once the caller has had the time to listen.
    this.started = true;
    this.ask();
  }

  get addresses(): readonly ListenAddress[] {
    return this.embedded.bound().map(addressOf);
  }

  get url(): string {
    return this.address().url;
  }

  get port(): number {
    return this.address().port;
  }

  get clients(): number {
    return this.embedded.clients;
  }

  async reload(configuration?: Configuration): Promise<Reloaded> {
    const source = configuration === undefined ? undefined : sourceOf(configuration);
    const loaded = await this.embedded.load(source);
    if (loaded.kind !== 'taken over') throw errorOf(loaded);
    const { number, changes } = loaded;
    await this.told(['reload', { number, changes }]);
    return { number, changes };
  }

  async close({ drain = false }: CloseOptions = {}): Promise<void> {
    const drainMs = typeof drain === 'number' ? drain : drain === true ? Number.POSITIVE_INFINITY : 0;
    if (!(drainMs >= 0) || !['number', 'boolean'].includes(typeof drain)) {
      throw argumentError('"drain" is a number of milliseconds, or true');
    }
    const closed = this.embedded.close(drainMs);
    this.closing ??= closed.then(() => this.told(['close']));
    return this.closing;
  }

  private address(): { readonly port: number; readonly url: string } {
    for (const { port, url } of this.addresses) if (url !== undefined) return { port, url };
    throw this.closing === undefined
      ? new HoldfastError(
          'ERR_HOLDFAST_NO_ADDRESS',
          'the configuration listens on no port: "addresses" has its Unix sockets',
        )
      : errorOf({ kind: 'closed' });
  }

  /** Nobody can listen before the start is over; what is said until then is kept. */
  private isHeard(event: keyof BalancerEvents): boolean {
    return !this.started || this.listenerCount(event) > 0;
  }

  /** Resolves when the listeners have been called. */
  private told(event: Event): Promise<void> {
    this.tell(event);
    return new Promise((done) => void startImmediate(done));
  }

  private tell(event: Event): void {
    this.events.push(event);
    this.ask();
  }

  private ask(): void {
    if (this.asked || !this.started || this.events.length === 0) return;
    this.asked = true;
    startImmediate(this.emitAll);
  }

  /** An exception of a listener is its program's own; the events behind it come later. */
  private readonly emitAll = (): void => {
    this.asked = false;
    try {
      for (let event = this.events.shift(); event !== undefined; event = this.events.shift())
        this.emit(...(event as [string, ...unknown[]]));
    } finally {
      this.ask();
    }
  };
}

if (typeof Symbol.asyncDispose === 'symbol') {
  Object.defineProperty(RunningBalancer.prototype, Symbol.asyncDispose, {
    value(this: RunningBalancer): Promise<void> {
      return this.close();
    },
  });
}

function checked(options: BalancerOptions): BalancerOptions {
  const { prefix, engine, logLevel } = options;
  if (prefix !== undefined && typeof prefix !== 'string')
    throw argumentError('"prefix" is the path of a folder');
  if (engine !== undefined && engine !== 'epoll' && engine !== 'portable') {
    throw argumentError('"engine" is "epoll" or "portable"');
  }
  if (logLevel !== undefined && !LEVELS.includes(logLevel)) {
    throw argumentError(`"logLevel" is one of ${LEVELS.join(', ')}`);
  }
  return options;
}

const LEVELS: readonly LogLevel[] = ['emerg', 'alert', 'crit', 'error', 'warn', 'notice', 'info', 'debug'];

function sourceOf(configuration: Configuration): EmbeddedSource {
  if (typeof configuration === 'string') {
    if (/^[^\s{};#]+$/.test(configuration)) {
      throw argumentError(
        `"${configuration}" is no configuration; a file is given as { file: "${configuration}" }`,
      );
    }
    return { text: configuration };
  }
  if (typeof configuration !== 'object' || configuration === null) {
    throw argumentError('a configuration is a text, { file } or an object that mirrors its directives');
  }
  if (!('file' in configuration) || Object.keys(configuration).length > 1) return { object: configuration };
  const { file } = configuration as ConfigurationFile;
  if (typeof file === 'string') return { file };
  const href = typeof file === 'object' && file !== null ? file.href : undefined;
  if (typeof href === 'string' && href.startsWith('file:')) return { file: fileURLToPath(href) };
  throw argumentError('"file" is a path or a URL of a file');
}

function argumentError(message: string): HoldfastError {
  return new HoldfastError('ERR_HOLDFAST_ARGUMENT', message);
}

function addressOf({ host, port, path }: BoundAddress): ListenAddress {
  if (path !== undefined) return { host, port, path: unicodeOf(path), url: undefined };
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return {
    host,
    port,
    path,
    url: `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`,
  };
}

function errorOf(problem: EmbeddedProblem): HoldfastError {
  switch (problem.kind) {
    case 'closed':
      return new HoldfastError('ERR_HOLDFAST_CLOSED', 'the balancer is closed');
    case 'bind': {
      const { listener, error } = problem;
      const help = bindHelp(listener, error);
      const text = bindText(listener, error);
      const message = unicodeOf(help === undefined ? text : `${text}: ${help}`);
      return new HoldfastError('ERR_HOLDFAST_BIND', message, { systemCode: error.code });
    }
    case 'path':
      return new HoldfastError('ERR_HOLDFAST_LOG', unicodeOf(pathText(problem)), {
        systemCode: problem.error.code,
      });
    case 'config': {
      const mistakes = problem.mistakes.map(({ text: _text, ...mistake }) => mistake);
      const lines = problem.mistakes.map(({ text }) => text);
      if (problem.dropped > 0) lines.push(`and ${problem.dropped} more`);
      return new HoldfastError('ERR_HOLDFAST_CONFIG', lines.join('\n'), { mistakes });
    }
  }
}

/** "2026/11/24 22:40:25 [error] 12#12: text" */
function errorLine(line: string): ErrorLine {
  const [, level, message = line] = /^\S+ \S+ \[(\w+)\] \d+#\d+: (.*)$/s.exec(line) ?? [];
  return { level: LEVELS.find((each) => each === level) ?? 'error', message, line };
}
