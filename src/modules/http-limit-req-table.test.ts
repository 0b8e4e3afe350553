import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RequestTable } from './http-limit-req-table.ts';

const RATE = 1000; // one a second

/** The arithmetic of ngx_http_limit_req_lookup() and ngx_http_limit_req_expire() on a map, the least recently used key first. */
class Model {
  private readonly entries = new Map<string, { excess: number; last: number }>();

  look(key: string, rate: number, burst: number, now: number): string {
    const entry = this.entries.get(key);
    this.entries.delete(key);
    if (entry === undefined) {
      this.expire(rate, now);
      this.entries.set(key, { excess: 0, last: now });
      return 'pass 0';
    }
    this.entries.set(key, entry);
    let ms = now - entry.last;
    if (ms < -60_000) ms = 1;
    else if (ms < 0) ms = 0;
    const excess = Math.max(0, entry.excess - Math.floor((rate * ms) / 1000) + 1000);
    if (excess > burst) return `over ${excess}`;
    entry.excess = excess;
    if (ms !== 0) entry.last = now;
    return `pass ${excess}`;
  }

  private expire(rate: number, now: number): void {
    for (let count = 0; count < 2; count++) {
      const [oldest] = this.entries;
      if (oldest === undefined) return;
      const [key, { excess, last }] = oldest;
      const ms = Math.abs(now - last);
      if (ms < 60_000 || excess - Math.floor((rate * ms) / 1000) > 0) return;
      this.entries.delete(key);
    }
  }
}

function shown({ verdict, excess }: { readonly verdict: string; readonly excess: number }): string {
  return `${verdict} ${excess}`;
}

describe('the table of a limit_req zone', () => {
  it('counts as nginx does, whatever the keys and the clock', () => {
    const step = fc.record({
      key: fc.oneof(fc.constantFrom('a', 'b'), fc.string({ unit: 'binary-ascii', maxLength: 200 })),
      wait: fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: -100_000, max: 100_000 })),
    });
    const rates = fc.integer({ min: 1, max: 100_000 });
    const bursts = fc.integer({ min: 0, max: 5000 });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), rates, bursts, (steps, rate, burst) => {
        const table = new RequestTable(new ArrayBuffer(1 << 20), 1);
        const model = new Model();
        let now = 1_700_000_000_000;
        for (const { key, wait } of steps) {
          now += wait;
          expect(shown(table.look(key, rate, burst, now, true))).toBe(model.look(key, rate, burst, now));
        }
      }),
    );
  });

  it('is the same for all who look at its memory', () => {
    const memory = new ArrayBuffer(32_768);
    const [one, two] = [new RequestTable(memory, 1), new RequestTable(memory, 2)];
    expect(shown(one.look('key', RATE, 0, 1000, true))).toBe('pass 0');
    expect(shown(two.look('key', RATE, 0, 1500, true))).toBe('over 500');
    expect(shown(two.look('key', RATE, 0, 2000, true))).toBe('pass 0');
  });

  it('accounts for a pinned request when asked to, once', () => {
    const table = new RequestTable(new ArrayBuffer(32_768), 1);
    const { entry } = table.look('key', RATE, 2000, 1000, false);
    expect(entry).toBeGreaterThan(0);
    expect(table.account(entry, RATE, 1000)).toBe(0);
    expect(shown(table.look('key', RATE, 2000, 1000, true))).toBe('pass 1000');
    const again = table.look('key', RATE, 2000, 1000, false);
    table.unpin(again.entry);
    expect(shown(table.look('key', RATE, 2000, 1000, true))).toBe('pass 2000');
  });

  it('holds 16,000 addresses in a megabyte, and lets go of the oldest for new ones', () => {
    const table = new RequestTable(new ArrayBuffer(1 << 20), 1);
    const keyOf = (i: number): string => String.fromCharCode(10, i >> 16, (i >> 8) & 255, i & 255);
    for (let i = 0; i < 15_800; i++) table.look(keyOf(i), RATE, 0, 1000, true);
    expect(shown(table.look(keyOf(0), RATE, 0, 1000, true))).toBe('over 1000');
    for (let i = 15_800; i < 40_000; i++)
      expect(table.look(keyOf(i), RATE, 0, 1000, true).verdict).toBe('pass');
    expect(shown(table.look(keyOf(39_999), RATE, 0, 1000, true))).toBe('over 1000');
    expect(shown(table.look(keyOf(1), RATE, 0, 1000, true))).toBe('pass 0');
  });

  it('lets go of what has been at rest for a minute, and keeps what has not', () => {
    const table = new RequestTable(new ArrayBuffer(32_768), 1);
    table.look('resting', RATE, 0, 0, true);
    table.look('other', RATE, 0, 61_000, true); // makes room as it comes
    expect(shown(table.look('resting', RATE, 0, 61_000, true))).toBe('pass 0');
    expect(shown(table.look('other', RATE, 0, 61_500, true))).toBe('over 500');
  });

  it('takes keys of any length that fits, and refuses one that does not', () => {
    const table = new RequestTable(new ArrayBuffer(32_768), 1);
    const long = 'k'.repeat(20_000);
    expect(shown(table.look(long, RATE, 0, 0, true))).toBe('pass 0');
    expect(shown(table.look(long, RATE, 0, 0, true))).toBe('over 1000');
    expect(shown(table.look(`${long}x`, RATE, 0, 0, true))).toBe('pass 0'); // in the place of the first
    expect(table.look('x'.repeat(60_000), RATE, 0, 0, true).verdict).toBe('full');
    expect(shown(table.look('short', RATE, 0, 0, true))).toBe('pass 0');
  });

  it('does not let go of a pinned entry', () => {
    const table = new RequestTable(new ArrayBuffer(32_768), 1);
    const { entry } = table.look('x'.repeat(20_000), RATE, 0, 0, false);
    expect(table.look('y'.repeat(20_000), RATE, 0, 0, true).verdict).toBe('full');
    table.unpin(entry);
    expect(table.look('y'.repeat(20_000), RATE, 0, 0, true).verdict).toBe('pass');
  });

  it('decides from what it reads when another holds the lock, and counts that', () => {
    const memory = new ArrayBuffer(32_768);
    const table = new RequestTable(memory, 1);
    table.look('key', RATE, 0, 0, true);
    new Int32Array(memory)[0] = 2; // another's pid
    expect(shown(table.look('key', RATE, 0, 500, true))).toBe('over 500');
    expect(shown(table.look('new', RATE, 0, 500, true))).toBe('pass 0');
    expect(table.contended).toBe(2);
    new Int32Array(memory)[0] = 0;
    expect(shown(table.look('new', RATE, 0, 500, true))).toBe('pass 0'); // it was not counted
  });
});
