// One run: compiles the parts in C, finds who is there, plays the workloads, and gives the result. Writes nothing but its own folder,
// which it removes.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { allContenders, type Contender, descriptorsMax } from './contenders.ts';
import { compileNative, type Native, ROOT } from './native.ts';
import type { ContenderResult, Machine, Result, WorkloadResult } from './result.ts';
import { startUpstream } from './stand.ts';
import { playWorkload } from './turns.ts';
import type { Scale, Workload } from './workload.ts';

/** A quick run ends within two minutes, the turns that have been begun included. */
const QUICK_MS = 90_000;

export interface RunOptions {
  readonly scale: Scale;
  readonly rounds: number;
  readonly workloads: readonly Workload[];
  /** Who takes part, of all there are or of others. */
  contenders?(all: readonly Contender[]): readonly Contender[];
  say(line: string): void;
}

export async function run(options: RunOptions): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  chmodSync(folder, 0o755); // workers may be of another user
  try {
    const native = compileNative(folder);
    const all = allContenders(typeof native === 'string' ? undefined : native);
    const contenders = options.contenders?.(all) ?? all;
    const found = contenders.map((contender) => ({ contender, state: contender.find() }));
    const present = found.flatMap(({ contender, state }) => ('version' in state ? [contender] : []));
    const played =
      typeof native === 'string'
        ? { workloads: [], leftOut: leftOutFor(options.workloads, native), clockDifferenceMs: 0 }
        : await playAll(options, native, present, folder);
    return {
      at: new Date().toISOString(),
      commit: commitOf(ROOT),
      machine: machine(),
      rounds: options.rounds,
      isQuick: options.scale !== 'full',
      contenders: found.map(
        ({ contender, state }): ContenderResult => ({
          name: contender.name,
          title: contender.title,
          ...state,
        }),
      ),
      ...played,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Played = Pick<Result, 'workloads' | 'leftOut' | 'clockDifferenceMs'>;

async function playAll(
  options: RunOptions,
  native: Native,
  contenders: readonly Contender[],
  folder: string,
): Promise<Played> {
  const { scale, rounds, say } = options;
  const upstream = await startUpstream(native);
  const workloads: WorkloadResult[] = [];
  const leftOut: Record<string, string> = {};
  const endMs = scale === 'quick' ? performance.now() + QUICK_MS : Number.POSITIVE_INFINITY;
  let clockDifferenceMs = 0;
  try {
    for (const workload of options.workloads) {
      if (performance.now() > endMs) {
        leftOut[workload.name] = 'the time of a quick run was over';
        continue;
      }
      const played = await playWorkload(workload, {
        contenders,
        native,
        upstream,
        folder,
        rounds,
        scale,
        endMs,
        say,
      });
      workloads.push(played.result);
      clockDifferenceMs = Math.max(clockDifferenceMs, played.clockDifferenceMs);
    }
  } finally {
    await upstream.stop();
  }
  return { workloads, leftOut, clockDifferenceMs };
}

function leftOutFor(workloads: readonly Workload[], reason: string): Readonly<Record<string, string>> {
  return Object.fromEntries(workloads.map((workload) => [workload.name, reason]));
}

function machine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    kernel: `Linux ${release()}`,
    node: process.version,
    descriptorsMax: descriptorsMax(),
  };
}

/** The commit that is measured, with a mark where the tree has changes. */
export function commitOf(root: string): string {
  const git = (...flags: string[]): string =>
    spawnSync('git', ['-C', root, ...flags], { encoding: 'utf8' }).stdout.trim();
  const changed = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' with changes';
  const version = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
  return `${git('rev-parse', '--short', 'HEAD') || version}${changed}`;
}
