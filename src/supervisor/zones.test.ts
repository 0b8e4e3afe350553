import { readdirSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { duplicate } from '../io/epoll/descriptors.ts';
import { selfTest } from '../io/epoll/self-test.ts';
import { isIoError } from '../io/io-error.ts';
import type { ZonePlan } from '../plan/plan.ts';
import { MappedZones, SharedZones, type Zone } from './zones.ts';

function plan(name: string, bytes = 8192, kind = 'upstream'): ZonePlan {
  return { name, bytes, kind };
}

function copyOf(zone: Zone): number {
  const fd = duplicate(zone.memory.fd);
  if (isIoError(fd)) throw new Error(fd.text);
  return fd;
}

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

describe("the master's zones", () => {
  beforeEach(({ skip }) => skip(selfTest() !== undefined, `the epoll engine: ${selfTest()}`));

  it('are the same memory in every worker, and stay while name, kind and size do', () => {
    const shared = new SharedZones();
    expect(shared.open([plan('a'), plan('b')])).toBeUndefined();
    expect(shared.added().map(({ name }) => name)).toEqual(['a', 'b']);
    shared.commit();
    const workers = [new MappedZones(), new MappedZones()];
    for (const worker of workers) {
      for (const zone of shared.all()) expect(worker.attach(zone, copyOf(zone))).toBeUndefined();
      worker.commit([plan('a'), plan('b')]);
    }
    const views = workers.map((worker) => new Int32Array(worker.memory(plan('a'))));
    Atomics.store(views[0]!, 5, 42);
    expect(views[1]![5]).toBe(42);

    const first = shared.all()[0];
    expect(shared.open([plan('a'), plan('b', 16384), plan('c')])).toBeUndefined();
    expect(shared.added().map(({ name, bytes }) => [name, bytes])).toEqual([
      ['b', 16384],
      ['c', 8192],
    ]);
    shared.commit();
    expect(shared.all()[0]).toBe(first);
  });

  it('that a reload opened in vain are closed again', () => {
    const shared = new SharedZones();
    shared.open([plan('a')]);
    shared.commit();
    const before = descriptors();
    shared.open([plan('a', 16384), plan('b')]);
    expect(descriptors()).toBe(before + 2);
    shared.abort();
    expect(descriptors()).toBe(before);
    expect(shared.all().map(({ name, bytes }) => [name, bytes])).toEqual([['a', 8192]]);
  });

  it('that cannot be had open none', () => {
    const shared = new SharedZones();
    const before = descriptors();
    expect(shared.open([plan('a'), plan('huge', 2 ** 62)])).toMatchObject({ errno: expect.any(Number) });
    expect(descriptors()).toBe(before);
    expect(shared.all()).toEqual([]);
  });

  it('are unlocked when the worker that held the lock has died', () => {
    const shared = new SharedZones();
    shared.open([plan('a'), plan('b')]);
    shared.commit();
    const [a, b] = shared.all().map(({ memory }) => new Int32Array(memory.buffer));
    a![0] = 4711;
    b![0] = 4712;
    shared.freeLocksOf(4711);
    expect([a![0], b![0]]).toEqual([0, 4712]);
  });
});

describe('the zones of one process', () => {
  it('are plain memory that outlives plans as long as it is named alike', () => {
    const zones = new MappedZones();
    const first = zones.memory(plan('a'));
    expect(first.byteLength).toBe(8192);
    zones.commit([plan('a')]);
    expect(zones.memory(plan('a'))).toBe(first);
    expect(zones.memory(plan('a', 16384))).not.toBe(first);
    zones.abort();
    expect(zones.memory(plan('a'))).toBe(first);
    zones.commit([]);
    expect(zones.memory(plan('a'))).not.toBe(first);
  });

  it('are never smaller than their header', () => {
    expect(new MappedZones().memory(plan('a', 0)).byteLength).toBeGreaterThanOrEqual(64);
  });
});
