// Long streams whose every byte is known by its place, so that a test can send and check megabytes without keeping them.
import { SEND_FAILED } from '../../src/io/engine.ts';
import type { End } from './end.ts';

/** A prime, so that no buffer size of an engine divides it. */
const PERIOD = 65_521;
const BLOCK = 65_536;

const pattern = new Uint8Array(PERIOD + BLOCK);
for (let i = 0, word = 1; i < PERIOD; i++) {
  word = (Math.imul(word, 1_103_515_245) + 12_345) >>> 0;
  pattern[i] = word >>> 16;
}
// One by one, for a block is longer than the period: copyWithin() would bring the zeros behind it.
for (let i = PERIOD; i < pattern.length; i++) pattern[i] = pattern[i - PERIOD]!;

/** Sends `total` bytes of the stream from `end`, as fast as they are taken; then half-closes where `thenEnds`. */
export function pour(end: End, total: number, thenEnds = false): void {
  let at = 0;
  const push = (): void => {
    while (at < total) {
      const from = at % PERIOD;
      const size = Math.min(BLOCK, total - at);
      const count = end.send(pattern, from, from + size);
      if (count === SEND_FAILED) return end.close();
      at += count;
      if (count < size) return;
    }
    if (thenEnds) end.shutdown();
  };
  end.hooks = { ...end.hooks, writable: push };
  push();
}

/** Checks what `end` receives against the stream from its start; `wrong` is the place of the first byte that differs, or -1. */
export function check(end: End): { readonly wrong: number } {
  const result = { wrong: -1 };
  let at = 0;
  end.keeps = false;
  const before = end.hooks.received;
  end.hooks = {
    ...end.hooks,
    received: (each, bytes, start, stop) => {
      for (let i = start; i < stop; i++, at++) {
        if (bytes[i] !== pattern[at % PERIOD] && result.wrong < 0) result.wrong = at;
      }
      before?.(each, bytes, start, stop);
    },
  };
  return result;
}

/** The stream's bytes from `start` to `stop`, for comparing. */
export function streamBytes(start: number, stop: number): Uint8Array {
  return Uint8Array.from({ length: stop - start }, (_, i) => pattern[(start + i) % PERIOD]!);
}
