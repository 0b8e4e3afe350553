// From a plan to a generation: the live things that it names are matched to those that exist (peers by upstream and address, logs by
// path, zones by name) or made anew. Made at the swap, when it is certain that the plan will hold.
import { PeerTable } from '../balance/peer-table.ts';
import { Upstream } from '../balance/upstream.ts';
import type { Level } from '../base/failures.ts';
import type { Random } from '../base/random.ts';
import { ErrorLog } from '../observe/error-log.ts';
import type { LogWriter } from '../observe/log-writer.ts';
import type { CoreSettings } from '../plan/core-settings.ts';
import type { LogPlan, Plan, UpstreamPlan, ZonePlan } from '../plan/plan.ts';
import type { Generation } from '../proxy/generation.ts';

/** What a worker has of the world for making generations. */
export interface LiveSources {
  readonly random: Random;
  readonly pid: number;
  /** "2026/11/24 22:40:25" */
  readonly stamp: () => string;
  /** A writer for a log of the plan; the one that it had before, where it had. */
  readonly openLog: (plan: LogPlan) => LogWriter;
  /** The memory of a zone: shared with the other workers where there are any, kept across reloads while name and size stay. */
  readonly openZone: (plan: ZonePlan) => ArrayBuffer;
}

export function makeGeneration(
  number: number,
  plan: Plan,
  before: Generation | undefined,
  sources: LiveSources,
): Generation {
  const logs = plan.logs.map(sources.openLog);
  const zones = plan.zones.map(sources.openZone);
  const errorLogOf = errorLogsOver(logs, sources);
  return {
    number,
    plan,
    upstreams: plan.upstreams.map((each) => makeUpstream(each, before, zones, sources)),
    logs,
    zones,
    exchanges: 0,
    errorLog: errorLogOf(
      plan.process.errorLogs as readonly { readonly log: number; readonly level: Level }[],
    ),
    errorLogOf,
  };
}

/**
 * A function of its own: a closure made beside one that uses the generation before would keep that one, and all before it, in memory.
 */
function errorLogsOver(
  logs: readonly LogWriter[],
  { stamp, pid }: LiveSources,
): (settings: CoreSettings['errorLogs']) => ErrorLog {
  const errorLogs = new Map<CoreSettings['errorLogs'], ErrorLog>();
  return (settings) => {
    let log = errorLogs.get(settings);
    if (log === undefined) {
      const targets = settings.flatMap(({ log: index, level }) => {
        const sink = logs[index];
        return sink === undefined ? [] : [{ level, sink }];
      });
      log = new ErrorLog(targets, stamp, pid);
      errorLogs.set(settings, log);
    }
    return log;
  };
}

function makeUpstream(
  plan: UpstreamPlan,
  before: Generation | undefined,
  zones: readonly ArrayBuffer[],
  { random, pid }: LiveSources,
): Upstream {
  const { name, servers, settings } = plan;
  const place =
    before?.plan.upstreams.findIndex((each) => each.name === name && each.explicit === plan.explicit) ?? -1;
  const previous = before?.upstreams[place];
  const memory = settings.zone === -1 ? undefined : zones[settings.zone];
  const table =
    memory === undefined ? previousTable(previous, before, place) : new PeerTable({ memory, owner: pid });
  const upstream = new Upstream(
    { name, servers, method: settings.method },
    table === undefined ? { random } : { random, table },
  );
  if (previous !== undefined) upstream.adopt(previous);
  return upstream;
}

/** The table of the same upstream before the reload, unless it lies in a zone that is no longer its own. */
function previousTable(
  previous: Upstream | undefined,
  before: Generation | undefined,
  place: number,
): PeerTable | undefined {
  const zone = before?.plan.upstreams[place]?.settings.zone ?? -1;
  return zone === -1 ? previous?.table : undefined;
}
