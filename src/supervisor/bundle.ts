// The bundle of a generation: everything that the master read and resolved for it, as plain data. Workers compile from it alone, so a
// respawned one sees what its siblings saw, whatever has changed on disk since.
import type { ConfigFiles, FileFailure } from '../config/files.ts';
import { compileProcess } from '../modules/core.ts';
import { modules } from '../modules/index.ts';
import { type CompileResult, compilePlan } from '../plan/compile.ts';
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

/** Reads the configuration and everything that it names, resolves its hosts, and compiles it once to know that it is right. */
export async function loadBundle(
  invocation: Invocation,
  disk: ConfigFiles,
  lookup: Lookup,
  number: number,
): Promise<{ readonly bundle: Bundle; readonly result: CompileResult }> {
  const texts: Record<string, string | FileFailure> = {};
  const globs: Record<string, readonly string[]> = {};
  const names: Record<string, readonly string[]> = {};
  const files: ConfigFiles = {
    read: (path) => (texts[path] ??= disk.read(path)),
    glob: (pattern) => (globs[pattern] ??= disk.glob(pattern)),
  };
  const bundle: Bundle = { ...invocation, number, texts, globs, names };
  for (;;) {
    const result = compile(bundle, files);
    if (result.unresolved.length === 0) return { bundle, result };
    await Promise.all(
      result.unresolved.map(async (host) => {
        names[host] = await lookup(host);
      }),
    );
  }
}

/** Compiles a bundle that was loaded elsewhere. */
export function compileBundle(bundle: Bundle): CompileResult {
  const missing: FileFailure = { code: 'ENOENT', errno: 2, text: 'No such file or directory' };
  return compile(bundle, {
    read: (path) => bundle.texts[path] ?? missing,
    glob: (pattern) => bundle.globs[pattern] ?? [],
  });
}

function compile(bundle: Bundle, files: ConfigFiles): CompileResult {
  return compilePlan({
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
