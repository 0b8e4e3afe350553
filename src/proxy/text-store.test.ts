import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_TEXT, TextStore } from './text-store.ts';

const byteText = (max: number) =>
  fc
    .array(fc.integer({ min: 0, max: 255 }), { maxLength: max })
    .map((codes) => String.fromCharCode(...codes));

describe('the store of texts', () => {
  it.each([0, 1, 59, 60, 61, 123, 124, 125, 188, 4096, 70_000])('gives back a text of %i bytes', (length) => {
    const store = new TextStore();
    const text = Array.from({ length }, (_, i) => String.fromCharCode((i * 7) & 0xff)).join('');
    const handle = store.keep(text);
    expect(store.read(handle)).toBe(text);
    expect(handle === NO_TEXT).toBe(length === 0);
  });

  it('keeps texts apart from one another, whatever comes and goes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ text: byteText(300), drop: fc.nat(3) }), { maxLength: 60 }),
        (steps) => {
          const store = new TextStore();
          const kept: { handle: number; text: string }[] = [];
          for (const { text, drop } of steps) {
            kept.push({ handle: store.keep(text), text });
            const gone = drop < kept.length ? kept.splice(drop, 1) : [];
            for (const { handle } of gone) store.drop(handle);
            for (const { handle, text: expected } of kept) expect(store.read(handle)).toBe(expected);
          }
          expect(store.count).toBe(kept.filter(({ text }) => text !== '').length);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('uses dropped cells again', () => {
    const store = new TextStore();
    const first = store.keep('x'.repeat(200));
    store.drop(first);
    for (let i = 0; i < 10_000; i++) store.drop(store.keep('y'.repeat(1 + (i % 300))));
    expect(store.keep('z')).toBeLessThan(10);
  });
});
