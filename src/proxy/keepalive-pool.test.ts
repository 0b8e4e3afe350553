// Which idle connection is taken, and which gives way.
import { describe, expect, it } from 'vitest';
import { KeepalivePool } from './keepalive-pool.ts';
import type { PeerConnection } from './peer-connection.ts';

class Idle {
  closed = false;
  readonly peerName: string;
  readonly tag: unknown;

  constructor(peerName: string, tag?: unknown) {
    this.peerName = peerName;
    this.tag = tag;
  }

  close(): void {
    this.closed = true;
  }
}

function setUp(max: number, ...idle: Idle[]): KeepalivePool {
  const pool = new KeepalivePool(new Set(['a', 'b', 'c']));
  for (const each of idle) pool.keep(each as unknown as PeerConnection, max);
  return pool;
}

describe('a pool', () => {
  it("gives a peer's connection that was used last, and each once", () => {
    const [first, second, other] = [new Idle('a'), new Idle('a'), new Idle('b')];
    const pool = setUp(9, first, second, other);
    expect([pool.take('a', undefined), pool.take('a', undefined), pool.take('a', undefined)]).toEqual([
      second,
      first,
      undefined,
    ]);
    expect(pool.size).toBe(1);
  });

  it('gives a location with connections of its own none of the others', () => {
    const [own, others] = [{}, {}];
    const pool = setUp(9, new Idle('a', own));
    expect([pool.take('a', undefined), pool.take('a', others)]).toEqual([undefined, undefined]);
    expect(pool.take('a', own)).toBeDefined();
  });

  it('closes the one that was used least recently where there are too many', () => {
    const idle = ['a', 'b', 'c'].map((name) => new Idle(name));
    setUp(2, ...idle);
    expect(idle.map(({ closed }) => closed)).toEqual([true, false, false]);
  });

  it('forgets what is closed elsewhere, closes the rest at its end and keeps none any more', () => {
    const [gone, left, late] = [new Idle('a'), new Idle('a'), new Idle('a')];
    const pool = setUp(9, gone, left);
    pool.remove(gone as unknown as PeerConnection);
    pool.swap(new Set());
    pool.keep(late as unknown as PeerConnection, 9);
    expect([gone.closed, left.closed, late.closed, pool.size]).toEqual([false, true, true, 0]);
  });

  it('closes at a reload what no peer or location of the next plan can take', () => {
    const idle = [new Idle('a'), new Idle('b'), new Idle('a', {}), new Idle('c')];
    const pool = setUp(9, ...idle);
    pool.swap(new Set(['a', 'c']));
    expect(idle.map(({ closed }) => closed)).toEqual([false, true, true, false]);
    expect(pool.take('c', undefined)).toBe(idle[3]);
  });
});
