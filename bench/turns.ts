// Plays the workloads: contender after contender, round after round (A B C … A B C …), so that what the machine does meanwhile
// falls on all alike and each figure has one of nginx's of the same round beside it.
import type { ConfigFile } from './config-text.ts';
import type { Contender } from './contenders.ts';
import type { Native } from './native.ts';
import type { CaseResult, Figures, WorkloadResult } from './result.ts';
import { type Stand, startLoad, startStand, type Upstream } from './stand.ts';
import { type Case, NotPlayed, type Scale, type Turn, type Workload } from './workload.ts';

export interface Setting {
  readonly contenders: readonly Contender[];
  readonly native: Native;
  readonly upstream: Upstream;
  readonly folder: string;
  readonly rounds: number;
  readonly scale: Scale;
  /** By performance.now(): no round is begun after it, but for the first of a case that has been begun. */
  readonly endMs: number;
  say(line: string): void;
}

export interface Played {
  readonly result: WorkloadResult;
  readonly clockDifferenceMs: number;
}

interface CaseTurns {
  readonly turns: Record<string, (Figures | null)[]>;
  readonly failures: Record<string, string>;
  readonly out: Set<string>;
}

export async function playWorkload(workload: Workload, setting: Setting): Promise<Played> {
  const stage = new Stage(setting);
  try {
    const concerned = setting.contenders.filter((contender) => workload.suits?.(contender) ?? true);
    const cases: CaseResult[] = [];
    for (const played of workload.cases(setting.scale)) {
      if (performance.now() > setting.endMs) break;
      setting.say(`${workload.name}: ${played.name}`);
      cases.push(await playCase(played, concerned, stage));
    }
    const { name, title, method } = workload;
    return { result: { name, title, method, cases }, clockDifferenceMs: stage.clockDifferenceMs };
  } finally {
    await stage.end();
  }
}

async function playCase(played: Case, contenders: readonly Contender[], stage: Stage): Promise<CaseResult> {
  const kept: CaseTurns = { turns: {}, failures: {}, out: new Set() };
  const rounds = Math.min(stage.setting.rounds, played.roundsMax ?? Number.POSITIVE_INFINITY);
  if (played.isWarmed !== false) {
    for (const contender of contenders) await playTurn(played, contender, stage, kept); // compiles what is hot, fills what is kept
    for (const name of Object.keys(kept.turns)) kept.turns[name] = [];
  }
  for (let round = 0; round < rounds; round++) {
    if (round > 0 && performance.now() > stage.setting.endMs) break;
    for (const contender of contenders) {
      if (!kept.out.has(contender.name)) await playTurn(played, contender, stage, kept);
    }
  }
  return { name: played.name, measures: played.measures, turns: kept.turns, failures: kept.failures };
}

async function playTurn(played: Case, contender: Contender, stage: Stage, kept: CaseTurns): Promise<void> {
  const { name } = contender;
  kept.turns[name] ??= [];
  try {
    kept.turns[name].push(await stage.play(played, contender));
  } catch (error) {
    if (error instanceof NotPlayed) {
      delete kept.turns[name];
      kept.out.add(name);
      return;
    }
    const reason = error instanceof Error ? error.message : String(error);
    stage.setting.say(`  ${contender.title} failed: ${reason}`);
    kept.turns[name].push(null);
    kept.failures[name] = reason;
    await stage.drop(name); // the next turn starts it anew
  }
}

/** The contenders that run during a workload. */
class Stage {
  private readonly stands = new Map<string, Stand>();
  private clockDifferenceNs = 0;

  readonly setting: Setting;

  constructor(setting: Setting) {
    this.setting = setting;
  }

  get clockDifferenceMs(): number {
    return this.clockDifferenceNs / 1e6;
  }

  async play(played: Case, contender: Contender): Promise<Figures> {
    const fresh: Stand[] = [];
    const { native, upstream, scale, folder } = this.setting;
    const turn: Turn = {
      contender,
      scale,
      upstream,
      folder,
      stand: (file) => this.standOf(contender, file),
      freshStand: async (file, options = {}) => {
        const stand = await this.start(contender, file, options.workers ?? 1);
        fresh.push(stand);
        return stand;
      },
      startLoad: (mode, options) => startLoad(native, mode, options),
    };
    try {
      return await played.run(turn);
    } finally {
      for (const stand of fresh) await this.stop(stand);
    }
  }

  /** Ends every stand of this contender. */
  async drop(name: string): Promise<void> {
    for (const [key, stand] of this.stands) {
      if (stand.contender.name !== name) continue;
      this.stands.delete(key);
      await this.stop(stand);
    }
  }

  async end(): Promise<void> {
    for (const stand of this.stands.values()) await this.stop(stand);
    this.stands.clear();
  }

  private async standOf(contender: Contender, file: ConfigFile): Promise<Stand> {
    const key = `${contender.name} ${file.name}`;
    const stand = this.stands.get(key) ?? (await this.start(contender, file, 1));
    this.stands.set(key, stand);
    return stand;
  }

  private async start(contender: Contender, file: ConfigFile, workers: number): Promise<Stand> {
    const stand = await startStand(contender, file, this.setting.upstream, {
      folder: this.setting.folder,
      workers,
    });
    if (stand === undefined) throw new NotPlayed(`${contender.title} does not play ${file.name}`);
    return stand;
  }

  private async stop(stand: Stand): Promise<void> {
    this.clockDifferenceNs = Math.max(this.clockDifferenceNs, stand.meter.clockDifferenceNs);
    await stand.stop();
  }
}
