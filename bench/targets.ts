// What is asked of Holdfast, and whether a result meets it. Pure; each row names the figures that it is about.
import { figuresOf, median, ratioOf } from './report.ts';
import type { CaseResult, Result } from './result.ts';

export interface Target {
  readonly text: string;
  readonly workload: string;
  /** How the name of the case begins: counts in it depend on what the machine allows. */
  readonly case: string;
  readonly measure: string;
  readonly of: string;
  /** Another contender, for a ratio round by round; none for the figure itself. */
  readonly to?: string;
  readonly atMost: number;
}

export interface Verdict {
  readonly target: Target;
  /** Undefined where it was not measured. */
  readonly figure: number | undefined;
  readonly isMet: boolean | undefined;
}

const EPOLL = 'holdfast-epoll';
const PORTABLE = 'holdfast-portable';
const SIZES = ['64 B', '1 KiB', '4 KiB', '16 KiB', '64 KiB', '1 MiB'];
const TO_NGINX: Readonly<Record<string, number>> = {
  '64 B': 1.05,
  '1 KiB': 1.05,
  '4 KiB': 0.95,
  '16 KiB': 0.35,
  '64 KiB': 0.25,
  '1 MiB': 0.25,
};

export const TARGETS: readonly Target[] = [
  ...SIZES.map((size) =>
    toNginx(`CPU per echo of ${size}`, 'echo', size, 'CPU per echo', TO_NGINX[size] ?? 1),
  ),
  ...SIZES.map((size) => ({
    ...toNginx(`CPU per echo of ${size}, to the C floor`, 'echo', size, 'CPU per echo', 1.25),
    to: 'floor',
  })),
  own(
    'private memory per held WebSocket, 8,000 held (B)',
    'memory',
    '8,000',
    'private memory per socket',
    600,
  ),
  toNginx('CPU per handshake', 'handshakes', '32', 'CPU per handshake', 1.1),
  toNginx('CPU per HTTP request, small answer', 'http', 'small answer', 'CPU per request', 1),
  toNginx('CPU per HTTP request, answer of 64 KiB', 'http', '64 KiB', 'CPU per request', 0.8),
  toNginx('CPU per delivery of a fan-out', 'fan-out', 'to ', 'CPU per delivery', 1),
  own(
    'p99 of echoes during HUPs, times undisturbed',
    'reload',
    'ten',
    'p99 during HUPs, times undisturbed',
    2,
  ),
  toNginx('p99 of echoes during HUPs', 'reload', 'ten', 'p99 during HUPs', 1),
  left('the seed’s file'),
  left('1,000 servers'),
  own('start to first 101, times “node -e 0”', 'start', 'to the first', 'times “node -e 0”', 3),
  own(
    'CPU of idle sockets in ten seconds (ms; one tick of the clock)',
    'idle',
    '8,000, silent',
    'CPU in ten seconds',
    10,
  ),
  {
    ...toNginx('portable: CPU per echo of 64 B, to http-proxy-3', 'echo', '64 B', 'CPU per echo', 1),
    of: PORTABLE,
    to: 'http-proxy-3',
  },
  {
    ...toNginx('portable: CPU per echo of 64 B, to a bare net pipe', 'echo', '64 B', 'CPU per echo', 1.2),
    of: PORTABLE,
    to: 'net-pipe',
  },
  own('CPU per request with 10,000 locations, times ten', 'routing', 'one server', 'times that of ten', 2),
];

export function verdicts(result: Result): readonly Verdict[] {
  return TARGETS.map((target) => {
    const figure = targetFigure(result, target);
    return { target, figure, isMet: figure === undefined ? undefined : figure <= target.atMost };
  });
}

function targetFigure(result: Result, target: Target): number | undefined {
  const cases = result.workloads.find((workload) => workload.name === target.workload)?.cases ?? [];
  const one: CaseResult | undefined =
    cases.find((each) => each.name === target.case) ??
    cases.find((each) => each.name.startsWith(target.case));
  const figures = one === undefined ? undefined : figuresOf(one, target.measure, target.of);
  if (one === undefined || figures === undefined) return undefined;
  if (target.to !== undefined) return ratioOf(figures, figuresOf(one, target.measure, target.to) ?? []);
  const there = figures.filter((figure) => figure !== undefined);
  return there.length === 0 ? undefined : median(there);
}

function toNginx(text: string, workload: string, name: string, measure: string, atMost: number): Target {
  return { text, workload, case: name, measure, of: EPOLL, to: 'nginx', atMost };
}

function own(text: string, workload: string, name: string, measure: string, atMost: number): Target {
  return { text, workload, case: name, measure, of: EPOLL, atMost };
}

function left(name: string): Target {
  const measure = 'more after 100 than after 50, per process';
  return own(
    `memory after 100 HUPs above that after 50, ${name} (MiB a process)`,
    'reloads-left',
    name,
    measure,
    16,
  );
}
