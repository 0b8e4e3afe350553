// Holdfast inside a test's own process, on the portable engine: a configuration in, requests through it, its log lines out.

import { readFileSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { utf8ByteString } from '../../src/base/bytes.ts';
import { renderMistakes } from '../../src/config/explain.ts';
import type { Engine } from '../../src/io/engine.ts';
import { portableEngine } from '../../src/io/portable/portable-engine.ts';
import { logClock, nameClock } from '../../src/supervisor/delay.ts';
import { disk, lookup } from '../../src/supervisor/disk.ts';
import { LogFiles } from '../../src/supervisor/log-files.ts';
import { nodeCodecs } from '../../src/supervisor/ports/codecs.ts';
import { nodeFiles } from '../../src/supervisor/ports/files.ts';
import { dnsNames } from '../../src/supervisor/ports/names.ts';
import { SingleProcess } from '../../src/supervisor/single.ts';
import { MappedZones } from '../../src/supervisor/zones.ts';
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
  const logs = new LogFiles(logClock(engine), `${folder}/logs/error.log`);
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
      names: dnsNames({ clock: nameClock(engine) }),
      disk: { ...disk, read: (path) => (path === FILE ? utf8ByteString(current) : disk.read(path)) },
      lookup,
      seed: 1,
      logs,
      zones: new MappedZones(),
      bindTries: 1,
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
    const { problem } = await program.load();
    if (problem?.kind === 'config') throw new Error(renderMistakes(problem.result.errors, 0));
    if (problem?.kind === 'bind') throw new Error(`bind failed: ${problem.listener.key}`);
    if (problem !== undefined) throw new Error(`a log cannot be opened: ${problem.path}`);
  };
  await load();
  return {
    port,
    folder,
    engine,
    lines(log) {
      logs.flush();
      const paths = logs.paths().filter((path) => path.endsWith(log));
      return paths.flatMap((path) =>
        readFileSync(path, 'latin1')
          .split('\n')
          .filter((line) => line !== ''),
      );
    },
    reload(next) {
      setText(next);
      return load();
    },
  };
}
