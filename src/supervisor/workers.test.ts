// Which workers are replaced, and how often: workers here are only told of, or cannot be had.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { needsLinux } from '../../test/support/skip.ts';
import type { EpollEngine } from '../io/epoll/epoll-engine.ts';
import { Respawns } from './respawns.ts';
import { WorkerProcess } from './worker-process.ts';
import { type Supplies, Workers } from './workers.ts';

const ENGINE = {} as EpollEngine;
const NEVER_MS = 2 ** 30;
const ROLE = {} as Supplies['role'];

afterEach(() => {
  vi.restoreAllMocks();
});

/** One worker; `waits` are asked for each time one is to be replaced: at once, so often. */
function oneWorker(atOnce: number) {
  const waits = vi.spyOn(Respawns.prototype, 'waitMs').mockReturnValue(NEVER_MS);
  for (let i = 0; i < atOnce; i++) waits.mockReturnValueOnce(0);
  const said: string[] = [];
  const report = { say: (_level: string, text: string) => said.push(text), configuration: () => undefined };
  const supplies = {
    bundle: { number: 1 },
    count: 1,
    role: ROLE,
    environment: {},
    terminal: 'inherit',
    logs: new Map(),
    zones: [],
    sockets: () => [],
  } as unknown as Supplies;
  const workers = new Workers(
    ENGINE,
    () => supplies,
    report,
    () => undefined,
  );
  return { waits, said, workers };
}

it('a worker that ends while it starts is replaced by one other', async () => {
  const { waits, said, workers } = oneWorker(3);
  const start = vi
    .spyOn(WorkerProcess, 'start')
    .mockImplementation((_engine, role, _env, _terminal, events) => {
      const worker = {
        number: role.number,
        pid: 1,
        leaving: false,
        giveLogs: () => undefined,
        giveZones: () => undefined,
        replace: () => undefined,
        prepare() {
          events.ended(worker, 1, null);
          return Promise.resolve('it has ended');
        },
      } as unknown as WorkerProcess;
      return worker;
    });
  expect(await workers.fill()).toBe('worker process 1 could not start: it has ended');
  workers.release();
  await vi.waitFor(() => expect(said.filter((line) => line.endsWith('it has ended'))).toHaveLength(3));
  expect(start).toHaveBeenCalledTimes(4);
  expect(waits).toHaveBeenCalledTimes(4);
});

it('a worker that could not even begin is tried again, also after a reload that wanted it', async () => {
  const { waits, said, workers } = oneWorker(2);
  vi.spyOn(WorkerProcess, 'start').mockReturnValue('no process');
  expect(await workers.fill()).toBe('could not start a worker process: no process');
  expect(waits).not.toHaveBeenCalled();
  workers.release();
  await vi.waitFor(() => expect(said.filter((line) => line.endsWith('no process'))).toHaveLength(2));
  expect(waits).toHaveBeenCalledTimes(3);
});

describe('a process that the system refuses', () => {
  needsLinux('pairs of sockets');

  it('is a reason, also where Node.js throws it', () => {
    const environment = { A: 'a\0b' };
    const events = { ended: () => undefined };
    const worker = WorkerProcess.start(ENGINE, { ...ROLE, number: 0 }, environment, 'inherit', events);
    expect(worker).toMatch(/null bytes/);
  });
});
