// The bundle of a generation: everything that the master read and resolved for it, as plain data. Workers compile from it alone, so a
// respawned one sees what its siblings saw, whatever has changed on disk since.
import { finished, type Steps } from '../base/steps.ts';
import type { ConfigFiles, FileFailure } from '../config/files.ts';
import { compileProcess } from '../modules/core.ts';
import { modules } from '../modules/index.ts';
import { type CompileResult, compileSteps } from '../plan/compile.ts';
import { embeddedModules } from './embedded-modules.ts';

/** What the command line fixed for the life of the program. */
export interface Invocation {
  /** Absolute. */
  readonly file: string;
  /** Absolute, with its slash. */
  readonly prefix: string;
  readonly globals: string | undefined;
  /** `-e`: absolute, or "stderr". */
  readonly errorLog: string | undefined;
  readonly hostname: string;
  /** For `worker_processes auto`. */
  readonly cores: number;
  /** Of a server without `listen`; 80 when left out. */
  readonly defaultPort?: number;
  /** Set where the balancer is part of somebody's own program. */
  readonly embedding?: Embedding | undefined;
}

/** What is different inside somebody's own program: `listen 0` is allowed, what concerns the process is refused. */
export interface Embedding {
  /** Defaults in the file's own syntax, by directive: the program's folder is not ours to write into. */
  readonly defaults: Readonly<Record<string, string>>;
}

export interface Bundle extends Invocation {
  readonly number: number;
  readonly texts: Readonly<Record<string, string | FileFailure>>;
  readonly globs: Readonly<Record<string, readonly string[]>>;
  readonly names: Readonly<Record<string, readonly string[]>>;
}

/** All addresses of a host in the resolver's order, none where it has none. */
export type Lookup = (host: string) => Promise<readonly string[]>;

export interface LoadOptions {
  /** The one in force: hosts that its files still name are asked for at once, which saves compiling a second time. */
  readonly before?: Bundle | undefined;
  readonly run?: (steps: Steps<CompileResult>) => CompileResult | Promise<CompileResult>;
}

/** Reads the configuration and everything that it names, resolves its hosts, and compiles it once to know that it is right. */
export async function loadBundle(
  invocation: Invocation,
  disk: ConfigFiles,
  lookup: Lookup,
  number: number,
  { before, run = finished }: LoadOptions = {},
): Promise<{ readonly bundle: Bundle; readonly result: CompileResult }> {
  const texts: Record<string, string | FileFailure> = {};
  const globs: Record<string, readonly string[]> = {};
  const names: Record<string, readonly string[]> = {};
  const read = new Map<string, string | FileFailure>();
  const readOnce = (path: string): string | FileFailure => {
    const known = read.get(path);
    const text = known ?? disk.read(path);
    if (known === undefined) read.set(path, text);
    return text;
  };
  const files: ConfigFiles = {
    read: (path) => (texts[path] ??= readOnce(path)),
    glob: (pattern) => (globs[pattern] ??= disk.glob(pattern)),
  };
  const bundle: Bundle = { ...invocation, number, texts, globs, names };
  const resolve = async (hosts: readonly string[]): Promise<void> => {
    const found = await Promise.all(hosts.map(lookup));
    for (const [i, host] of hosts.entries()) names[host] = found[i] ?? [];
  };
  if (before !== undefined) await resolve(namedAgain(before, readOnce));
  for (;;) {
    const result = await run(compile(bundle, files));
    if (result.unresolved.length === 0) return { bundle, result };
    await resolve(result.unresolved);
  }
}

/** A host that nobody names any more may be one that takes long to be found missing. */
function namedAgain({ texts, names }: Bundle, read: (path: string) => string | FileFailure): string[] {
  const now = Object.keys(texts).map(read);
  return Object.keys(names).filter((host) =>
    now.some((text) => typeof text === 'string' && text.includes(host)),
  );
}

/** Compiles a bundle that was loaded elsewhere. */
export function compileBundle(bundle: Bundle): Steps<CompileResult> {
  const missing: FileFailure = { code: 'ENOENT', errno: 2, text: 'No such file or directory' };
  return compile(bundle, {
    read: (path) => bundle.texts[path] ?? missing,
    glob: (pattern) => bundle.globs[pattern] ?? [],
  });
}

function compile(bundle: Bundle, files: ConfigFiles): Steps<CompileResult> {
  return compileSteps({
    file: bundle.file,
    globals: bundle.globals,
    prefix: bundle.prefix,
    files,
    names: new Map(Object.entries(bundle.names)),
    hostname: bundle.hostname,
    defaultPort: bundle.defaultPort ?? 80,
    ...(bundle.embedding === undefined
      ? { modules }
      : { modules: embeddedModules, anyPort: true, defaults: bundle.embedding.defaults }),
    processSettings: (main, events) => compileProcess(main, events, bundle.cores),
  });
}
