// The log lines of a tunnel while it lasts: one string, and a shape that all tunnels of a location share.
import type { Exchange } from '../proxy/exchange.ts';
import type { LogSink } from '../proxy/generation.ts';
import type { Frozen, FrozenShape, LateFacts } from '../proxy/late.ts';
import type { Files } from '../proxy/ports.ts';
import type { AccessLog, LogSlice } from './http-log.ts';
import { rootExists, wantsLine } from './http-log-conditions.ts';
import { appendLine, type LogCacheSettings } from './http-log-files.ts';
import { type Gap, thawedLine } from './http-log-format.ts';

/** One log of a shape: a sink that outlives the plan, or a path that stands before the line's pieces. */
interface FrozenLog {
  readonly sink: LogSink | undefined;
  readonly gaps: readonly Gap[];
}

/** The logs that take a line of each of its tunnels. */
class Shape implements FrozenShape {
  private readonly logs: readonly FrozenLog[];
  private readonly files: Files;
  private readonly cache: LogCacheSettings | undefined;

  constructor(logs: readonly FrozenLog[], files: Files, cache: LogCacheSettings | undefined) {
    this.logs = logs;
    this.files = files;
    this.cache = cache;
  }

  /** `text`: the separator, then the pieces with it in between. */
  end(text: string, late: LateFacts): void {
    const pieces = text.slice(1).split(text.charAt(0));
    let at = 0;
    for (const { sink, gaps } of this.logs) {
      const path = sink === undefined ? pieces[at++] : undefined;
      const line = `${thawedLine(gaps, pieces, at, late)}\n`;
      at += 1 + 2 * gaps.length;
      if (sink !== undefined) sink.write(line);
      else if (path !== undefined) appendLine(this.files, this.cache, path, line, late.now);
    }
  }
}

/** By the logs of a generation, then by which of a location's logs take a line. */
const shapes = new WeakMap<LogSlice, WeakMap<readonly LogSink[], Map<string, Shape>>>();

export function freezeLines(x: Exchange, slice: LogSlice): Frozen | 'keep' | undefined {
  const { logs } = slice;
  if (logs.length === 0) return undefined;
  if (!logs.every(freezes)) return 'keep';
  const pieces: string[] = [];
  const chosen: AccessLog[] = [];
  let key = '';
  for (const [i, log] of logs.entries()) {
    const { target } = log;
    if (!wantsLine(x, log) || (typeof target === 'function' && !rootExists(x))) continue;
    chosen.push(log);
    key += `${i} `;
    if (typeof target === 'function') pieces.push(target(x));
    log.format.freeze(x, pieces);
  }
  if (chosen.length === 0) return undefined;
  const separator = SEPARATORS.find((char) => !pieces.some((piece) => piece.includes(char)));
  if (separator === undefined) return 'keep';
  return { text: separator + pieces.join(separator), shape: shapeFor(x, slice, chosen, key) };
}

/** Control characters: under escape=default and json no value has any, so the first will do. */
const SEPARATORS: readonly string[] = Array.from({ length: 32 }, (_, code) => String.fromCharCode(code));

function freezes({ target, condition, format }: AccessLog): boolean {
  const known = (parts: readonly (string | { readonly late: boolean })[]): boolean =>
    parts.every((part) => typeof part === 'string' || !part.late);
  return (
    format.freezes && known(condition?.parts ?? []) && (typeof target !== 'function' || known(target.parts))
  );
}

function shapeFor(x: Exchange, slice: LogSlice, chosen: readonly AccessLog[], key: string): Shape {
  const sinks = x.generation.logs;
  let ofSlice = shapes.get(slice);
  if (ofSlice === undefined) {
    ofSlice = new WeakMap();
    shapes.set(slice, ofSlice);
  }
  let ofSinks = ofSlice.get(sinks);
  if (ofSinks === undefined) {
    ofSinks = new Map();
    ofSlice.set(sinks, ofSinks);
  }
  let shape = ofSinks.get(key);
  if (shape === undefined) {
    const logs = chosen.map(({ target, format }) => ({
      sink: typeof target === 'function' ? undefined : sinks[target.number],
      gaps: format.gaps(),
    }));
    shape = new Shape(logs, x.program.files, slice.cache);
    ofSinks.set(key, shape);
  }
  return shape;
}
