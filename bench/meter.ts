// What a contender has used: CPU of all its processes and threads, ended ones included, and its private memory.
// Reads /proc and nothing else; a caller samples it before and after a turn, and meanwhile where processes come and go.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The unit of utime and stime: Linux shows them in hundredths of a second on every platform that Node runs on. */
const TICK_NS = 10_000_000;

interface Used {
  /** CPU by thread, as last seen in schedstat: a thread that has ended keeps its last figure. */
  readonly threads: Map<string, number>;
  /** utime + stime, which the kernel keeps for ended threads too. */
  ticksNs: number;
  /** The same of the children that it has waited for. */
  childrenNs: number;
  alive: boolean;
}

interface Stat {
  readonly parent: number;
  readonly startedAt: string;
  readonly ticksNs: number;
  readonly childrenNs: number;
}

export class Meter {
  /** By pid and start time, since pids are used again. */
  private readonly used = new Map<string, Used>();
  private clockDifference = 0;
  private readonly pid: number;

  constructor(pid: number) {
    this.pid = pid;
    this.sample();
  }

  /** Looks at every process and thread; returns the CPU used so far, in nanoseconds. */
  sample(): number {
    for (const used of this.used.values()) used.alive = false;
    for (const [pid, stat] of processTree(this.pid)) this.look(pid, stat);
    const all = [...this.used.values()];
    const ended = sum(all.filter((used) => !used.alive).map(cpuOf));
    const waited = sum(all.map((used) => used.childrenNs));
    return sum(all.filter((used) => used.alive).map(cpuOf)) + Math.max(ended, waited);
  }

  /** How far, at worst, schedstat of threads that live and utime + stime were apart in one process, in nanoseconds. */
  get clockDifferenceNs(): number {
    return this.clockDifference;
  }

  private look(pid: number, stat: Stat): void {
    const key = `${pid}@${stat.startedAt}`;
    const used = this.used.get(key) ?? { threads: new Map(), ticksNs: 0, childrenNs: 0, alive: true };
    this.used.set(key, used);
    used.alive = true;
    used.ticksNs = stat.ticksNs;
    used.childrenNs = stat.childrenNs;
    for (const thread of namesIn(`/proc/${pid}/task`)) {
      const ran = Number(readIfThere(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0]);
      if (ran > 0) used.threads.set(thread, ran);
    }
    this.clockDifference = Math.max(
      this.clockDifference,
      Math.abs(sum([...used.threads.values()]) - stat.ticksNs),
    );
  }
}

/** The threads that were seen, or what the kernel counts for all, where a thread came and went between two looks. */
function cpuOf(used: Used): number {
  return Math.max(sum([...used.threads.values()]), used.ticksNs);
}

/** The process and all that descend from it, with their `stat`. */
export function processTree(root: number): ReadonlyMap<number, Stat> {
  const children = new Map<number, number[]>();
  const stats = new Map<number, Stat>();
  for (const name of namesIn('/proc').filter((entry) => /^\d+$/.test(entry))) {
    const stat = parseStat(readIfThere(`/proc/${name}/stat`));
    if (stat === undefined) continue;
    stats.set(Number(name), stat);
    children.set(stat.parent, [...(children.get(stat.parent) ?? []), Number(name)]);
  }
  const tree = new Map<number, Stat>();
  const queue = [root];
  for (let pid = queue.shift(); pid !== undefined; pid = queue.shift()) {
    const stat = stats.get(pid);
    if (stat === undefined) continue;
    tree.set(pid, stat);
    queue.push(...(children.get(pid) ?? []));
  }
  return tree;
}

/** proc(5): the name in brackets may hold anything, so the fields are counted from the last bracket. */
export function parseStat(text: string): Stat | undefined {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, parent] = fields;
  const startedAt = fields[19];
  if (startedAt === undefined || state === 'Z') return undefined;
  const ticks = (first: number): number => (Number(fields[first]) + Number(fields[first + 1])) * TICK_NS;
  return { parent: Number(parent), startedAt, ticksNs: ticks(11), childrenNs: ticks(13) };
}

/** Private memory of all its processes, in bytes: what would be free again if it ended. Memory of the kernel is not in it. */
export function privateBytes(root: number): number {
  return sum([...processTree(root).keys()].map(privateBytesOf));
}

export function privateBytesOf(pid: number): number {
  const lines = readIfThere(`/proc/${pid}/smaps_rollup`).matchAll(/^Private_(?:Clean|Dirty): +(\d+) kB/gm);
  return sum([...lines].map((line) => Number(line[1]) * 1024));
}

/** How many sockets a process has open. */
export function socketsOf(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  return namesIn(folder).filter((name) => linkOf(`${folder}/${name}`).startsWith('socket:')).length;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // closed meanwhile
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // ended meanwhile
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // ended meanwhile
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
