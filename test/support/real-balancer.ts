// Holdfast inside a test's own process, on the portable engine: a configuration in, requests through it, its log lines out.

import { onTestFinished } from 'vitest';
import { utf8ByteString } from '../../src/base/bytes.ts';
import { renderMistakes } from '../../src/config/explain.ts';
import type { Engine } from '../../src/io/engine.ts';
import { portableEngine } from '../../src/io/portable/portable-engine.ts';
import { LogWriter } from '../../src/observe/log-writer.ts';
import { disk, lookup } from '../../src/supervisor/disk.ts';
import { nodeCodecs } from '../../src/supervisor/ports/codecs.ts';
import { nodeFiles } from '../../src/supervisor/ports/files.ts';
import { dnsNames } from '../../src/supervisor/ports/names.ts';
import { SingleProcess } from '../../src/supervisor/single.ts';
import { emptyFolder, freePort } from '../e2e/program.ts';

export interface Balancer {
  /** Of `%%PORT%%`; `%%PORT+1%%` to `%%PORT+3%%` follow it. */
  readonly port: number;
  /** The prefix, an empty folder. */
  readonly folder: string;
  readonly engine: Engine;
  /** The lines of a log so far: "error.log", "access.log" (by the end of its path). */
  lines(log: string): readonly string[];
  /** Compiles another text and takes it over. */
  reload(text: string): Promise<void>;
}

const PORTS = 4;
const FILE = '/virtual/nginx.conf';

/** Starts with `text` as what stands inside http; it must listen on %%PORT%%. Everything ends with the test. */
export async function startBalancer(text: string): Promise<Balancer> {
  const port = await freePort(PORTS);
  const folder = emptyFolder();
  const engine = portableEngine();
  const written = new Map<string, string>();
  let current = '';
  const setText = (http: string): void => {
    const filled = http.replace(/%%PORT(?:\+(\d))?%%/g, (_, more) => String(port + Number(more ?? 0)));
    current = `error_log logs/error.log debug; events { } http { ${filled} }`;
  };
  setText(text);
  const program = new SingleProcess(
    {
      engine,
      files: nodeFiles(),
      codecs: nodeCodecs(),
      names: dnsNames(() => engine.now()),
      disk: { ...disk, read: (path) => (path === FILE ? utf8ByteString(current) : disk.read(path)) },
      lookup,
      seed: 1,
      openLog: ({ path, options }) =>
        new LogWriter(
          {
            write(lines) {
              written.set(path, (written.get(path) ?? '') + lines);
              return lines.length;
            },
          },
          options,
          { atTurnEnd: (work) => engine.defer(work), after: (_ms, work) => engine.defer(work) },
        ),
      openZone: ({ bytes }) => new ArrayBuffer(bytes),
      facts: {
        pid: process.pid,
        hostname: 'test',
        product: 'holdfast/test',
        zoneMinutes: () => 0,
        counters: { accepted: 0, active: 0, requests: 0 },
      },
    },
    {
      file: FILE,
      prefix: `${utf8ByteString(folder)}/`,
      globals: undefined,
      errorLog: undefined,
      hostname: 'test',
      cores: 1,
    },
  );
  onTestFinished(() => engine.destroy());
  const load = async (): Promise<void> => {
    const problem = await program.load();
    if (problem?.kind === 'config') throw new Error(renderMistakes(problem.result.errors, 0));
    if (problem !== undefined) throw new Error(`bind failed: ${problem.listener.key}`);
  };
  await load();
  return {
    port,
    folder,
    engine,
    lines(log) {
      const paths = [...written.keys()].filter((path) => path.endsWith(log));
      return paths.flatMap((path) => (written.get(path) ?? '').split('\n').filter((line) => line !== ''));
    },
    reload(next) {
      setText(next);
      return load();
    },
  };
}
