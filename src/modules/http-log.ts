// ngx_http_log_module: a line for each request. A tunnel's line is frozen at its 101, with gaps for what only its end knows, so that
// nothing of its exchange has to live as long as it does.
import { LOG_TROUBLE_MS } from '../base/limits.ts';
import { constantText } from '../config/template.ts';
import type { LogOptions, Render, Scope } from '../plan/scope.ts';
import type { Exchange } from '../proxy/exchange.ts';
import { rootExists, wantsLine } from './http-log-conditions.ts';
import { accessLog, logFormat, openLogFileCache, type WrittenLog } from './http-log-directives.ts';
import { type AppendProblem, appendLine, type LogCacheSettings } from './http-log-files.ts';
import { COMBINED, type FormatSource, LogFormat } from './http-log-format.ts';
import { freezeLines } from './http-log-frozen.ts';
import { logVariables } from './http-log-variables.ts';
import { defineModule, type Module } from './module.ts';

/** One `access_log`. */
export interface AccessLog {
  /** A log of the plan, or a path that each request fills in. */
  readonly target: LogFile | Render;
  readonly condition: Render | undefined;
  readonly format: LogFormat;
}

/** One fixed path, whoever logs to it; its number is right once the plan is complete. */
export interface LogFile {
  number: number;
  options: LogOptions;
}

export interface LogSlice {
  readonly logs: readonly AccessLog[];
  readonly cache: LogCacheSettings | undefined;
}

export const httpLog: Module<LogSlice> = defineModule<LogSlice>({
  name: 'http-log',
  directives: [accessLog, logFormat, openLogFileCache],
  variables: logVariables,
  declare: declareFormats,
  compile(scope, outer) {
    const cache = scope.get(openLogFileCache) || undefined;
    const logs = outer !== undefined && !scope.has(accessLog) ? outer.logs : logsOf(scope);
    return { logs, cache };
  },
  phases: [{ phase: 'log', applies: ({ logs }) => logs.length > 0, handler: writeLines }],
  freeze: (x) => freezeLines(x, httpLog.slice(x)),
});

/** What all blocks of one `http` share. */
interface Declared {
  /** By name in lower case; the first of a name counts. */
  readonly formats: Map<string, LogFormat>;
  readonly files: Map<string, LogFile>;
}

const declared = new WeakMap<Scope, Declared>();

function declareFormats(scope: Scope): void {
  const names = new Set([COMBINED.name]);
  const formats = new Map<string, LogFormat>();
  const files = new Map<string, LogFile>();
  declared.set(scope, { formats, files });
  for (const { directive, value, statement } of scope.entries) {
    if (directive !== logFormat) continue;
    const source = value as FormatSource;
    if (names.has(source.name)) {
      throw scope.error(`duplicate "log_format" name "${source.name}"`, statement.words[0]);
    }
    names.add(source.name);
    const lower = source.name.toLowerCase();
    const format = new LogFormat(source, scope);
    if (!formats.has(lower)) formats.set(lower, format);
  }
  scope.whenComplete(() => {
    for (const [path, file] of files) file.number = scope.logFile(path, file.options);
  });
}

function declaredFor(scope: Scope): Declared {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) {
    const found = declared.get(at);
    if (found !== undefined) return found;
  }
  throw new Error('bug: access_log was compiled before its http block');
}

function logsOf(scope: Scope): readonly AccessLog[] {
  const written = scope.all(accessLog);
  const shared = declaredFor(scope);
  const logs = written
    .filter(({ off }) => !off)
    .map((log) => ({
      target: targetOf(scope, shared, log),
      condition: log.condition && scope.render(log.condition),
      format: formatOf(scope, shared, log),
    }));
  return logs.length === written.length ? logs : [];
}

function formatOf(scope: Scope, { formats }: Declared, { format, formatWord }: WrittenLog): LogFormat {
  const lower = format.toLowerCase();
  const known = formats.get(lower);
  if (known !== undefined) return known;
  if (lower !== COMBINED.name)
    throw scope.error(`unknown log format "${format}"`, formatWord, 'log_format names one');
  const combined = new LogFormat(COMBINED, scope);
  formats.set(lower, combined);
  return combined;
}

/** A file that is buffered anywhere is buffered everywhere, as in nginx. */
function targetOf(
  scope: Scope,
  { files }: Declared,
  { path, pathWord, options }: WrittenLog,
): LogFile | Render {
  const fixed = constantText(path);
  if (fixed === undefined) return scope.render(path);
  const known = files.get(fixed);
  if (known === undefined) {
    const file = { number: -1, options };
    files.set(fixed, file);
    return file;
  }
  if (options.bufferBytes > 0) {
    if (known.options.bufferBytes > 0 && !sameOptions(known.options, options)) {
      const message = `access_log "${pathWord.text}" already defined with conflicting parameters`;
      throw scope.error(message, pathWord);
    }
    known.options = options;
  }
  return known;
}

function sameOptions(one: LogOptions, two: LogOptions): boolean {
  return (
    one.bufferBytes === two.bufferBytes && one.flushMs === two.flushMs && one.gzipLevel === two.gzipLevel
  );
}

/** As ngx_http_log_handler(). */
function writeLines(x: Exchange): 'next' {
  const { logs, cache } = httpLog.slice(x);
  for (const log of logs) {
    if (!wantsLine(x, log)) continue;
    const { target } = log;
    if (typeof target !== 'function') {
      x.generation.logs[target.number]?.write(`${log.format.line(x)}\n`);
      continue;
    }
    if (!rootExists(x)) continue;
    const path = target(x);
    const problem = appendLine(x.program.files, cache, path, `${log.format.line(x)}\n`, x.now);
    if (problem !== undefined) tellOf(x, log, path, problem);
  }
  return 'next';
}

/** When the log was last told that lines could not be written. */
const toldAt = new WeakMap<AccessLog, number>();

/** As ngx_http_log_write(): of lines that are not taken once a minute. */
function tellOf(x: Exchange, log: AccessLog, path: string, { call, error }: AppendProblem): void {
  const why = `failed (${error.errno}: ${error.text})`;
  if (call === 'open') return x.log('crit', `open() "${path}" ${why}`);
  if (x.now - (toldAt.get(log) ?? Number.NEGATIVE_INFINITY) < LOG_TROUBLE_MS) return;
  toldAt.set(log, x.now);
  x.log('alert', `write() to "${path}" ${why}`);
}
