// What a reload changes, for its line in the error log, and what it cannot change.
import type { Plan, ProcessSettings } from '../plan/plan.ts';
import type { Report } from './report.ts';

/** What of a plan the master keeps: no locations, no servers. */
export interface PlanFacts {
  readonly process: ProcessSettings;
  readonly listeners: readonly string[];
  readonly upstreams: ReadonlyMap<string, readonly string[]>;
  readonly servers: number;
  readonly logs: readonly string[];
}

export function planFacts(plan: Plan): PlanFacts {
  return {
    process: plan.process,
    listeners: plan.listeners.map(({ key }) => key),
    upstreams: new Map(
      plan.upstreams.map(({ name, servers }) => [name, servers.map(({ server }) => server)]),
    ),
    servers: plan.servers.length,
    logs: plan.logs.map(({ path }) => path),
  };
}

/** "listens on 0.0.0.0:81; no more on 0.0.0.0:80; workers 1 to 2", or "nothing but the locations" when none of these differ. */
export function changeText(before: PlanFacts, after: PlanFacts): string {
  const changes = [
    listed('listens on', added(before.listeners, after.listeners)),
    listed('no more on', added(after.listeners, before.listeners)),
    listed('new upstreams', added([...before.upstreams.keys()], [...after.upstreams.keys()])),
    listed('upstreams gone', added([...after.upstreams.keys()], [...before.upstreams.keys()])),
    listed('other peers in', changedPeers(before, after)),
    numbers('servers', before.servers, after.servers),
    numbers('workers', before.process.workers, after.process.workers),
    listed('new logs', added(before.logs, after.logs)),
    listed('logs gone', added(after.logs, before.logs)),
  ].filter((text) => text !== '');
  return changes.length === 0 ? 'the same addresses, upstreams, workers and logs' : changes.join('; ');
}

/** The settings that a running program keeps, with a warning for each that the file would change; and where that stands. */
export function keepSettings(
  running: ProcessSettings,
  next: ProcessSettings,
  report: Report,
): ProcessSettings {
  const kept = {
    daemon: 'daemon',
    masterProcess: 'master_process',
    pidFile: 'pid',
    user: 'user',
    env: 'env',
  } as const;
  for (const [field, name] of Object.entries(kept) as [keyof typeof kept, string][]) {
    if (JSON.stringify(running[field]) === JSON.stringify(next[field])) continue;
    const place = next.places[name];
    const where = place === undefined ? ', whose line is gone,' : '';
    report.say(
      'warn',
      `"${name}"${where} could not be changed by a reload, kept as it was${place === undefined ? '' : ` in ${place}`}`,
      'it takes effect when the program is started again',
    );
  }
  const { daemon, masterProcess, pidFile, user, env } = running;
  return { ...next, daemon, masterProcess, pidFile, user, env };
}

function added(before: readonly string[], after: readonly string[]): string[] {
  const known = new Set(before);
  return [...new Set(after)].filter((each) => !known.has(each));
}

function changedPeers(before: PlanFacts, after: PlanFacts): string[] {
  return [...after.upstreams]
    .filter(([name, servers]) => {
      const known = before.upstreams.get(name);
      return known !== undefined && known.join(' ') !== servers.join(' ');
    })
    .map(([name]) => name);
}

function listed(what: string, all: readonly string[]): string {
  return all.length === 0
    ? ''
    : `${what} ${all.map((each) => (each === '' ? 'the default log' : each)).join(', ')}`;
}

function numbers(what: string, before: number, after: number): string {
  return before === after ? '' : `${what} ${before} to ${after}`;
}
