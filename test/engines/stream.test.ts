import { expect, test } from 'vitest';
import { SEND_FAILED } from '../../src/io/engine.ts';
import type { End } from './end.ts';
import { pour, streamBytes } from './stream.ts';

// What the sender sends must be the stream wherever a send begins: a partial one may leave it at any place of the period.
test('the stream is sent byte for byte, however much each send takes', () => {
  const total = 140_000;
  for (const first of [1, 65_506, 65_507, 65_510, 65_520, 65_521, 65_535]) {
    const sent = new Uint8Array(total);
    let at = 0;
    const end = {
      hooks: {},
      close: () => expect.unreachable(`the send failed with ${SEND_FAILED}`),
      send(bytes: Uint8Array, start: number, stop: number): number {
        const taken = at === 0 ? first : stop - start;
        sent.set(bytes.subarray(start, start + taken), at);
        at += taken;
        return taken;
      },
    };
    pour(end as unknown as End, total);
    while (at < total) (end.hooks as { writable: () => void }).writable();
    expect([first, Buffer.compare(sent, streamBytes(0, total))]).toEqual([first, 0]);
  }
});
