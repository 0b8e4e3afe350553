// Holdfast inside somebody's own program: one process without a master, on an engine of its own, that opens no log which nobody named
// and leaves the process alone. The public face over it is src/index.ts.
import { availableParallelism, hostname } from 'node:os';
import { resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { utf8ByteString } from '../base/bytes.ts';
import { ConfigError } from '../config/config-error.ts';
import { chooseEngine } from '../io/choose.ts';
import type { Engine } from '../io/engine.ts';
import type { LogOutput } from '../observe/log-writer.ts';
import type { CompileResult } from '../plan/compile.ts';
import type { Plan } from '../plan/plan.ts';
import { PRODUCT } from '../version.ts';
import type { Invocation } from './bundle.ts';
import { after, logClock, nameClock } from './delay.ts';
import { disk, lookup } from './disk.ts';
import { LogFiles } from './log-files.ts';
import { nodeCodecs } from './ports/codecs.ts';
import { nodeFiles } from './ports/files.ts';
import { dnsNames } from './ports/names.ts';
import { changeText, planFacts } from './reload-report.ts';
import { SingleProcess, type TakeOverProblem } from './single.ts';
import { MappedZones } from './zones.ts';

export interface EmbeddedOptions {
  /** A file, or else text under a name for messages. */
  readonly source: EmbeddedSource;
  readonly prefix: string;
  readonly engine: 'epoll' | 'portable' | undefined;
  /** Lines of the error log, where the configuration names none. */
  readonly log: (line: string) => void;
}

export type EmbeddedSource = { readonly file: string } | { readonly text: string };

export interface Bound {
  readonly host: string;
  readonly port: number;
  readonly path: string | undefined;
}

/** What a program that is somebody else's does not do for us. */
const REFUSED = ['user', 'daemon', 'master_process', 'worker_processes', 'pid', 'env'] as const;

/** A log without a path of its own. */
const DEFAULT_LOG = 'the log event';
const SWALLOW: LogOutput = { write: (text) => text.length };

export class Embedded {
  readonly engine: Engine;
  private readonly program: SingleProcess;
  private readonly logs: LogFiles;
  private readonly virtual: Map<string, LogOutput>;
  private readonly prefix: string;
  private source: { readonly file: string; readonly text: string | undefined };

  constructor({ source, prefix, engine, log }: EmbeddedOptions) {
    // A match is bounded as PCRE's is; set before any pattern is compiled.
    setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');
    this.prefix = `${utf8ByteString(resolve(prefix))}/`.replace(/\/\/$/, '/');
    this.source = this.read(source);
    this.engine = chooseEngine(engine).engine;
    this.virtual = new Map([[DEFAULT_LOG, linesTo(log)]]);
    this.logs = new LogFiles(logClock(this.engine), DEFAULT_LOG, this.virtual);
    this.program = new SingleProcess(this.world(), this.invocation());
  }

  /** Takes the source over, another one where it is given; what that changes, or why it cannot be. */
  async load(
    source?: EmbeddedSource,
  ): Promise<TakeOverProblem | { readonly number: number; readonly changes: string }> {
    const { source: kept, program } = this;
    const before = program.plan;
    if (source !== undefined) this.source = this.read(source);
    program.invocation = this.invocation();
    const loaded = await program.load((result) => this.allowed(result));
    if (loaded.problem !== undefined) {
      this.source = kept;
      return loaded.problem;
    }
    const { plan } = loaded;
    const number = this.program.worker.generation?.number ?? 0;
    return { number, changes: before === undefined ? '' : changeText(planFacts(before), planFacts(plan)) };
  }

  bound(): readonly Bound[] {
    return (this.program.plan?.listeners ?? []).map(({ key, address }) => {
      if (address.family === 'unix') return { host: '', port: 0, path: address.path };
      return { host: address.host, port: this.program.worker.portOf(key) ?? address.port, path: undefined };
    });
  }

  get plan(): Plan | undefined {
    return this.program.plan;
  }

  /** How many clients are connected. */
  get clients(): number {
    return this.program.worker.driver?.openCount ?? 0;
  }

  /** Takes no more clients; resolves when those that are there have ended, or after `drainMs`. */
  async close(drainMs: number): Promise<void> {
    if (drainMs > 0) {
      await new Promise<void>((done) => {
        const cancel = Number.isFinite(drainMs) ? after(this.engine, drainMs, done) : undefined;
        this.program.drain(() => {
          cancel?.();
          done();
        });
      });
    }
    this.program.closeListeners(() => true);
    this.logs.flush();
    this.engine.destroy();
    this.logs.closeAll();
  }

  private read(source: EmbeddedSource): { readonly file: string; readonly text: string | undefined } {
    return 'file' in source
      ? { file: utf8ByteString(resolve(source.file)), text: undefined }
      : { file: `${this.prefix}configuration`, text: utf8ByteString(source.text) };
  }

  private invocation(): Invocation {
    return {
      file: this.source.file,
      prefix: this.prefix,
      globals: undefined,
      errorLog: undefined,
      hostname: hostname().toLowerCase(),
      cores: availableParallelism(),
      anyPort: true,
    };
  }

  private world(): ConstructorParameters<typeof SingleProcess>[0] {
    const { engine } = this;
    return {
      engine,
      files: nodeFiles(),
      codecs: nodeCodecs(),
      names: dnsNames({
        clock: nameClock(engine),
        log: (text) => this.program.worker.generation?.errorLog.write('error', text),
      }),
      disk: { ...disk, read: (path) => this.readFile(path) },
      lookup,
      seed: process.pid,
      logs: this.logs,
      zones: new MappedZones(),
      bindTries: 1,
      facts: {
        pid: process.pid,
        hostname: hostname().toLowerCase(),
        product: PRODUCT,
        zoneMinutes: (wall) => -new Date(wall).getTimezoneOffset(),
        counters: { accepted: 0, active: 0, requests: 0 },
      },
    };
  }

  private readFile(path: string): ReturnType<typeof disk.read> {
    const { file, text } = this.source;
    return path === file && text !== undefined ? text : disk.read(path);
  }

  /** Refuses what concerns a program of its own; the access log that nginx writes unasked is not written. */
  private allowed(result: CompileResult): CompileResult {
    const { plan } = result;
    if (plan === undefined) return result;
    const unasked = `${this.prefix}logs/access.log`;
    if (result.written.has('access_log')) this.virtual.delete(unasked);
    else this.virtual.set(unasked, SWALLOW);
    const errors = REFUSED.flatMap((name) => {
      const place = plan.process.places[name];
      return place === undefined ? [] : [refusal(name, place)];
    });
    return errors.length === 0 ? result : { ...result, plan: undefined, errors };
  }
}

function refusal(name: string, place: string): ConfigError {
  const [, file = place, line = '0'] = /^(.*):(\d+)$/s.exec(place) ?? [];
  return new ConfigError({
    message: `"${name}" directive is not allowed here`,
    file,
    line: Number(line),
    column: 1,
    directive: name,
    hint: 'the balancer runs inside a program, whose processes are its own; start bin/holdfast for this',
  });
}

/** Whole lines, one by one. */
function linesTo(log: (line: string) => void): LogOutput {
  return {
    write(text) {
      for (const line of text.split('\n')) if (line !== '') log(line);
      return text.length;
    },
  };
}
