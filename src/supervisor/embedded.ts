// Holdfast inside somebody's own program: one process without a master, on an engine of its own. It opens no file that the
// configuration does not name and leaves the process alone. The public face over it is src/index.ts.
import { randomBytes, randomInt } from 'node:crypto';
import { availableParallelism, hostname, tmpdir } from 'node:os';
import { resolve, sep } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { utf8ByteString } from '../base/bytes.ts';
import type { Level } from '../base/failures.ts';
import { printWord } from '../config/print.ts';
import type { EngineChoice } from '../io/choose.ts';
import type { Engine, Ms } from '../io/engine.ts';
import { startImmediate } from '../io/portable/host-clock.ts';
import { closeOpenLogs } from '../modules/http-log-files.ts';
import type { LogOutput } from '../observe/log-writer.ts';
import type { CompileResult } from '../plan/compile.ts';
import { PRODUCT } from '../version.ts';
import type { Invocation } from './bundle.ts';
import { after, logClock, nameClock } from './delay.ts';
import { disk, lookup } from './disk.ts';
import {
  type EmbeddedMistake,
  mistakeOf,
  type NamedSource,
  objectMistakes,
  plainText,
} from './embedded-mistakes.ts';
import { type EmbeddedSource, readSource } from './embedded-source.ts';
import { removeEmptyFolders } from './folders.ts';
import { LogFiles } from './log-files.ts';
import { nodeCodecs } from './ports/codecs.ts';
import { nodeFiles } from './ports/files.ts';
import { type DnsNames, dnsNames } from './ports/names.ts';
import { changeText, planFacts } from './reload-report.ts';
import { LogReport, sayNoEffect } from './report.ts';
import { SingleProcess, type TakeOverProblem } from './single.ts';
import { zoneMinutes } from './zone-minutes.ts';
import { MappedZones } from './zones.ts';

export interface EmbeddedOptions {
  readonly chosen: EngineChoice & { readonly engine: Engine };
  /** Absolute. */
  readonly prefix: string;
  readonly logLevel: Level;
  /** Lines of logs that are events, byte strings without their line feed. */
  readonly errorLine: (line: string) => void;
  readonly accessLine: (line: string) => void;
}

export interface EmbeddedChange {
  readonly kind: 'taken over';
  readonly number: number;
  /** "listens on 127.0.0.1:81"; '' the first time. */
  readonly changes: string;
}

export type EmbeddedProblem =
  | { readonly kind: 'closed' }
  | { readonly kind: 'config'; readonly mistakes: readonly EmbeddedMistake[]; readonly dropped: number }
  | Exclude<TakeOverProblem, { readonly kind: 'config' }>;

export interface BoundAddress {
  readonly host: string;
  readonly port: number;
  /** A byte string. */
  readonly path: string | undefined;
}

/** Logs that are no files: what is written to them becomes events. Where the configuration says nothing, both are. */
const ERROR_EVENTS = '/dev/holdfast/error-log';
const ACCESS_EVENTS = '/dev/holdfast/access-log';

export class Embedded {
  private readonly options: EmbeddedOptions;
  private readonly engine: Engine;
  private readonly program: SingleProcess;
  private readonly logs: LogFiles;
  private readonly files = nodeFiles();
  private readonly names: DnsNames;
  /** For bodies that do not fit into memory; made when it is needed. */
  private readonly temporary: string;
  private source: EmbeddedSource | undefined;
  private reading: NamedSource = { name: '', file: '', text: undefined, paths: undefined };
  /** Settled when no load is under way. */
  private tail: Promise<unknown> = Promise.resolve();
  private closing: Promise<void> | undefined;
  /** Names that a load waits for: an end does not. */
  private readonly lookups = new Set<(addresses: readonly string[]) => void>();
  private readonly cut = signal();
  private over = false;

  constructor(options: EmbeddedOptions) {
    // A match is bounded as PCRE's is. Set before any pattern of a configuration is compiled, and only where there will be one.
    setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');
    const { engine } = options.chosen;
    this.options = options;
    this.engine = engine;
    this.names = dnsNames({
      clock: nameClock(engine),
      log: (text) => this.program.worker.generation?.errorLog.write('error', text),
    });
    this.temporary = `${slashed(tmpdir())}holdfast-${process.pid}-${randomBytes(8).toString('hex')}`;
    this.logs = new LogFiles(
      logClock(engine),
      ERROR_EVENTS,
      new Map([
        [ERROR_EVENTS, linesTo(options.errorLine)],
        [ACCESS_EVENTS, linesTo(options.accessLine)],
      ]),
    );
    this.program = new SingleProcess(this.world(), this.invocation());
    this.logs.alert = (text) => this.program.worker.generation?.errorLog.write('alert', text);
  }

  /** Takes a source over, or the one before as it is now; what that changes, or why it cannot be. One load follows the other. */
  load(source?: EmbeddedSource): Promise<EmbeddedChange | EmbeddedProblem> {
    const loaded = this.tail.then(() => this.loadNow(source ?? this.source));
    this.tail = loaded.then(ignore, ignore);
    return loaded;
  }

  bound(): readonly BoundAddress[] {
    if (this.over) return [];
    const { plan, worker } = this.program;
    return (plan?.listeners ?? []).map(({ key, address }) => {
      if (address.family === 'unix') return { host: '', port: 0, path: address.path };
      return { host: address.host, port: worker.portOf(key) ?? address.port, path: undefined };
    });
  }

  /** How many clients are connected. */
  get clients(): number {
    return this.over ? 0 : (this.program.worker.driver?.openCount ?? 0);
  }

  /** Takes no more clients; what those that are there have under way may end within `drainMs`. A later call may shorten that. */
  close(drainMs: Ms): Promise<void> {
    this.closing ??= this.end();
    if (drainMs <= 0) this.cut.raise();
    else if (Number.isFinite(drainMs) && !this.over) after(this.engine, drainMs, () => this.cut.raise());
    return this.closing;
  }

  private async end(): Promise<void> {
    for (const answer of this.lookups) answer([]);
    await this.tail;
    const { program, engine } = this;
    const drained = new Promise<void>((done) => program.drain('close', done));
    await Promise.race([drained, this.cut.raised]);
    this.over = true;
    program.worker.driver?.endOlderThan(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
    this.logs.finish(ignore);
    this.names.close();
    engine.destroy();
    this.logs.closeAll();
    closeOpenLogs(this.files);
    removeEmptyFolders(this.temporary);
    await new Promise<void>((done) => void startImmediate(done)); // Node has let go of the sockets then
  }

  private async loadNow(source: EmbeddedSource | undefined): Promise<EmbeddedChange | EmbeddedProblem> {
    if (this.closing !== undefined || source === undefined) return { kind: 'closed' };
    const { program, reading: before } = this;
    const read = readSource(source, this.prefix);
    if (read.mistakes.length > 0) return { kind: 'config', mistakes: objectMistakes(read), dropped: 0 };
    const plan = program.plan;
    this.reading = read;
    program.invocation = this.invocation();
    const loaded = await program.load((result) => this.unlessClosed(result));
    if (this.closing !== undefined) return { kind: 'closed' };
    if (loaded.problem !== undefined) {
      this.reading = before;
      return problemOf(loaded.problem, read);
    }
    this.source = source;
    this.report(loaded.result, plan === undefined);
    const number = program.worker.generation?.number ?? 0;
    const changes = plan === undefined ? '' : changeText(planFacts(plan), planFacts(loaded.plan));
    return { kind: 'taken over', number, changes };
  }

  private unlessClosed(result: CompileResult): CompileResult {
    return this.closing !== undefined ? { ...result, plan: undefined } : result;
  }

  /** What is to be said of a configuration that holds. */
  private report(result: CompileResult, first: boolean): void {
    const { reading } = this;
    const { kind, reason, degraded } = this.options.chosen;
    const log = new LogReport(() => {
      const errorLog = this.program.worker.generation?.errorLog;
      return errorLog && { write: (level, text) => errorLog.write(level, plainText(text, reading)) };
    });
    if (first) log.say(degraded ? 'warn' : 'notice', `using the ${kind} engine: ${reason}`);
    log.configuration(result);
    if (first) sayNoEffect(result, log);
  }

  private lookup(host: string): Promise<readonly string[]> {
    return new Promise((resolve) => {
      const answer = (addresses: readonly string[]): void => {
        this.lookups.delete(answer);
        resolve(addresses);
      };
      this.lookups.add(answer);
      void lookup(host).then(answer);
    });
  }

  private get prefix(): string {
    return slashed(this.options.prefix);
  }

  private invocation(): Invocation {
    const { temporary } = this;
    return {
      file: this.reading.file,
      prefix: this.prefix,
      globals: undefined,
      errorLog: undefined,
      hostname: hostname().toLowerCase(),
      cores: availableParallelism(),
      embedding: {
        defaults: {
          error_log: `${ERROR_EVENTS} ${this.options.logLevel}`,
          access_log: `${ACCESS_EVENTS} combined`,
          client_body_temp_path: printWord(`${temporary}/client_body_temp`),
          proxy_temp_path: `${printWord(`${temporary}/proxy_temp`)} 1 2`,
        },
      },
    };
  }

  private world(): ConstructorParameters<typeof SingleProcess>[0] {
    const { engine, files, names, logs } = this;
    return {
      engine,
      files,
      names,
      logs,
      codecs: nodeCodecs(),
      disk: {
        ...disk,
        read: (path) => (path === this.reading.file ? this.reading.text : undefined) ?? disk.read(path),
      },
      lookup: (host) => this.lookup(host),
      seed: randomInt(2 ** 32),
      zones: new MappedZones(),
      bindTries: 1,
      facts: {
        pid: process.pid,
        hostname: hostname().toLowerCase(),
        product: PRODUCT,
        zoneMinutes,
        counters: { accepted: 0, active: 0, requests: 0 },
      },
    };
  }
}

function problemOf(problem: TakeOverProblem, source: NamedSource): EmbeddedProblem {
  if (problem.kind !== 'config') return problem;
  const { errors, errorsDropped } = problem.result;
  return {
    kind: 'config',
    mistakes: errors.map((mistake) => mistakeOf(mistake, source)),
    dropped: errorsDropped,
  };
}

interface Signal {
  readonly raised: Promise<void>;
  raise(): void;
}

function signal(): Signal {
  let raise: () => void = ignore;
  const raised = new Promise<void>((done) => {
    raise = done;
  });
  return { raised, raise };
}

/** Whole lines, one by one: a log's writer hands over no others. */
function linesTo(take: (line: string) => void): LogOutput {
  return {
    write(text) {
      for (const line of text.split('\n')) if (line !== '') take(line);
      return text.length;
    },
  };
}

/** A folder as a byte string with its slash. */
function slashed(folder: string): string {
  return `${utf8ByteString(resolve(folder)).replaceAll(sep, '/')}/`.replace(/\/\/$/, '/');
}

function ignore(): void {}
