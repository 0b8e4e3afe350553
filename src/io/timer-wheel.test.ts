import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TICK_MS, TimerWheel } from './timer-wheel.ts';

function recorder(): { fired: number[]; owner: { expired(slot: number): void } } {
  const fired: number[] = [];
  return { fired, owner: { expired: (slot) => void fired.push(slot) } };
}

describe('the timer wheel', () => {
  it('fires at or after the deadline and at most one tick late', () => {
    const { fired, owner } = recorder();
    for (const delay of [0, 0.5, 1, 4, 5, 255, 256, 257, 16_384, 60_000, 3_600_000, 86_400_000, 1e10]) {
      const wheel = new TimerWheel(1001.5);
      const slot = wheel.add(owner);
      const at = 1001.5 + delay;
      wheel.arm(slot, at);
      fired.length = 0;
      let now = 1001.5;
      while (fired.length === 0) {
        expect(wheel.nextWake()).toBeLessThanOrEqual(at + 2 * TICK_MS);
        expect(wheel.nextWake()).toBeGreaterThan(now);
        now = wheel.nextWake();
        wheel.advance(now);
      }
      expect(now).toBeGreaterThanOrEqual(at);
      expect(now - at).toBeLessThanOrEqual(TICK_MS);
      expect(wheel.nextWake()).toBe(Infinity);
    }
  });

  it('fires by deadline when the clock jumps over many of them', () => {
    const wheel = new TimerWheel();
    const { fired, owner } = recorder();
    const slots = [700_000, 20, 3000, 90, 100_000, 40].map((at) => {
      const slot = wheel.add(owner);
      wheel.arm(slot, at);
      return { slot, at };
    });
    wheel.advance(1e9);
    expect(fired).toEqual(slots.sort((a, b) => a.at - b.at).map((each) => each.slot));
  });

  it('leaves what an owner arms for the past to the next advance, so that an advance always ends', () => {
    const wheel = new TimerWheel();
    let times = 0;
    const slot = wheel.add({
      expired: (each, now) => {
        times++;
        wheel.arm(each, now - 5000);
      },
    });
    wheel.arm(slot, 8);
    wheel.advance(100_000);
    expect(times).toBe(1);
    wheel.advance(100_000 + TICK_MS);
    expect(times).toBe(2);
  });

  it('lets an owner remove and arm its neighbours while they are about to fire', () => {
    const wheel = new TimerWheel();
    const fired: number[] = [];
    const slots: number[] = [];
    const owner = {
      expired: (slot: number): void => {
        fired.push(slot);
        for (const other of slots.splice(0)) if (other !== slot) wheel.remove(other);
      },
    };
    for (let i = 0; i < 5; i++) slots.push(wheel.add(owner));
    for (const slot of slots) wheel.arm(slot, 10);
    wheel.advance(50);
    expect(fired).toHaveLength(1);
    expect(wheel.size).toBe(1);
    expect(wheel.nextWake()).toBe(Infinity);
  });

  it('says when it must be woken sooner, and not when a deadline moves later', () => {
    let told = 0;
    const wheel = new TimerWheel(0, () => void told++);
    const slot = wheel.add({ expired: () => {} });
    wheel.arm(slot, 100);
    expect(told).toBe(1);
    wheel.arm(slot, 500);
    wheel.disarm(slot);
    wheel.arm(slot, 300);
    expect(told).toBe(1);
    expect(wheel.deadline(slot)).toBe(300);
    wheel.arm(slot, 20);
    expect(told).toBe(2);
    expect(wheel.nextWake()).toBe(20);
  });

  it('goes on with the rest after an owner has thrown', () => {
    const wheel = new TimerWheel();
    const { fired, owner } = recorder();
    const bad = {
      expired: (): void => {
        throw new Error('an owner’s bug');
      },
    };
    const slots = [wheel.add(owner), wheel.add(bad), wheel.add(owner)];
    for (const slot of slots) wheel.arm(slot, 8);
    expect(() => wheel.advance(9)).toThrow();
    wheel.advance(9 + TICK_MS);
    expect(fired.sort()).toEqual([slots[0], slots[2]]);
  });

  it('does what a plain list of deadlines does', () => {
    const delay = fc.oneof(
      fc.integer({ min: -20, max: 300 }),
      fc.integer({ min: 0, max: 40_000 }),
      fc.integer({ min: 0, max: 8_000_000 }),
    );
    const move = fc.oneof(
      fc.record({ do: fc.constant('arm' as const), which: fc.nat(9), delay }),
      fc.record({ do: fc.constant('disarm' as const), which: fc.nat(9) }),
      fc.record({ do: fc.constant('renew' as const), which: fc.nat(9) }),
      fc.record({ do: fc.constant('advance' as const), by: delay.map(Math.abs) }),
      fc.record({ do: fc.constant('wake' as const) }),
    );
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.array(move, { maxLength: 200 }), (start, moves) => {
        let now = start;
        let tick = Math.floor(now / TICK_MS);
        const wheel = new TimerWheel(now);
        const { fired, owner } = recorder();
        const slots = Array.from({ length: 10 }, () => wheel.add(owner));
        const due = new Map<number, number>(); // slot → tick
        for (const each of moves) {
          if (each.do === 'arm') {
            const slot = slots[each.which]!;
            wheel.arm(slot, now + each.delay);
            due.set(slot, Math.max(Math.ceil((now + each.delay) / TICK_MS), tick + 1));
          } else if (each.do === 'disarm') {
            wheel.disarm(slots[each.which]!);
            due.delete(slots[each.which]!);
          } else if (each.do === 'renew') {
            due.delete(slots[each.which]!);
            wheel.remove(slots[each.which]!);
            slots[each.which] = wheel.add(owner);
          } else {
            if (each.do === 'advance') now += each.by;
            else if (wheel.nextWake() !== Infinity) now = wheel.nextWake();
            fired.length = 0;
            wheel.advance(now);
            tick = Math.max(tick, Math.floor(now / TICK_MS));
            const expected = [...due].filter(([, at]) => at <= tick).sort((a, b) => a[1] - b[1]);
            expect([...fired].sort()).toEqual(expected.map(([slot]) => slot).sort());
            expect(fired.map((slot) => due.get(slot))).toEqual(expected.map(([, at]) => at));
            for (const [slot] of expected) due.delete(slot);
          }
          const first = Math.min(Infinity, ...due.values());
          expect(wheel.nextWake()).toBeLessThanOrEqual(first * TICK_MS);
          expect(wheel.nextWake()).toBeGreaterThan(now - TICK_MS);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('keeps a hundred thousand moving deadlines without work for each move', () => {
    const wheel = new TimerWheel();
    const { fired, owner } = recorder();
    const slots = Array.from({ length: 100_000 }, () => wheel.add(owner));
    for (const slot of slots) wheel.arm(slot, 60_000 + (slot % 1000));
    for (let now = 1000; now < 50_000; now += 1000) {
      wheel.advance(now);
      for (const slot of slots) wheel.arm(slot, now + 60_000);
    }
    expect(fired).toHaveLength(0);
    wheel.advance(49_000 + 60_000);
    expect(fired).toHaveLength(100_000);
  });
});
