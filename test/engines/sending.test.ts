// Behaviour of every engine: what send takes, when there is room again, and long transfers under backpressure.
import { expect } from 'vitest';
import { bytesOf } from '../../src/base/bytes.ts';
import { SEND_FAILED } from '../../src/io/engine.ts';
import type { End } from './end.ts';
import { engineCases, FAMILIES } from './fixture.ts';
import { check, pour, streamBytes } from './stream.ts';

const MEGABYTE = 1 << 20;

/** Sends until nothing more is taken; returns how much was. */
function fill(end: End): number {
  const block = new Uint8Array(65_536);
  let taken = 0;
  for (;;) {
    const count = end.send(block);
    if (count <= 0) return taken;
    taken += count;
  }
}

/** Gives what comes at one end to the other, pausing the source while the target has no room. */
function relay(source: End, target: End): void {
  source.keeps = false;
  let kept: Uint8Array = new Uint8Array(0);
  source.hooks.received = (_end, bytes, start, stop) => {
    const count = Math.max(target.send(bytes, start, stop), 0);
    if (count === stop - start) return;
    kept = bytes.slice(start + count, stop);
    source.pause();
  };
  source.hooks.ended = () => kept.length === 0 && target.shutdown();
  target.hooks.writable = () => {
    kept = kept.subarray(Math.max(target.send(kept), 0));
    if (kept.length === 0) source.resume();
  };
}

engineCases('sending', (fixture) => {
  for (const family of FAMILIES) {
    fixture.it(`over ${family}, a short send is followed by one writable when there is room`, async () => {
      const [client, server] = await fixture.pair({ on: family });
      server.keeps = false;
      server.pause();
      const taken = fill(client);
      await fixture.settle();
      const before = client.events.filter((event) => event === 'writable').length;
      server.resume();
      await fixture.until(() => server.got === taken, 'what was taken');
      await fixture.settle();
      const after = client.events.filter((event) => event === 'writable').length;
      expect(after).toBe(1);
      expect(before).toBeLessThanOrEqual(1);
    });

    fixture.it(`over ${family}, 8 MiB in both directions at once arrive byte for byte`, async () => {
      const [client, server] = await fixture.pair({ on: family });
      const [down, up] = [check(client), check(server)];
      pour(client, 8 * MEGABYTE, true);
      pour(server, 8 * MEGABYTE, true);
      await fixture.until(() => client.has('ended') && server.has('ended'), 'both streams');
      expect([server.got, up.wrong]).toEqual([8 * MEGABYTE, -1]);
      expect([client.got, down.wrong]).toEqual([8 * MEGABYTE, -1]);
    });

    fixture.it(`over ${family}, a relay with backpressure carries 4 MiB byte for byte`, async () => {
      const [client, inlet] = await fixture.pair({ on: family });
      const bound = await fixture.listen({ on: family });
      const outlet = fixture.end(fixture.engine);
      outlet.conn = fixture.engine.connect(bound.address, {}, outlet);
      await fixture.until(() => outlet.has('connected') && bound.accepted.length === 1);
      const target = bound.accepted[0]!;
      const result = check(target);
      relay(inlet, outlet);
      pour(client, 4 * MEGABYTE, true);
      await fixture.until(() => target.has('ended'), 'the end of the stream');
      expect([target.got, result.wrong]).toEqual([4 * MEGABYTE, -1]);
    });
  }

  fixture.it(
    'takes all of a small piece at once',
    async () => {
      const [client, server] = await fixture.pair();
      expect(client.send(bytesOf('small'))).toBe(5);
      await fixture.until(() => server.text() === 'small');
    },
    { awkward: 'a send may be short at any time there' },
  );

  fixture.it('takes nothing of nothing, and tells nothing', async () => {
    const [client, server] = await fixture.pair();
    expect(client.send(new Uint8Array(0))).toBe(0);
    expect(client.send(bytesOf('abc'), 2, 2)).toBe(0);
    await fixture.settle();
    expect(client.events).toEqual(['connected']);
    expect(server.events).toEqual([]);
  });

  fixture.it('takes the bytes from start to end and no others', async () => {
    const [client, server] = await fixture.pair();
    const bytes = bytesOf('xxxpayloadyyy');
    let at = 3;
    while (at < 10) at += client.send(bytes, at, 10);
    await fixture.until(() => server.got === 7);
    expect(server.text()).toBe('payload');
  });

  fixture.it('takes bytes from a view into a larger buffer', async () => {
    const [client, server] = await fixture.pair();
    const view = streamBytes(0, 1000).subarray(400, 600);
    client.write(view.subarray(10, 20));
    await fixture.until(() => server.got === 10);
    expect(server.bytes()).toEqual(streamBytes(410, 420));
  });

  fixture.it(
    'has copied what it took: the memory may be used again at once, also when nobody reads',
    async () => {
      const [client, server] = await fixture.pair();
      server.pause();
      const memory = new Uint8Array(30_000);
      const taken: number[] = [];
      for (let round = 1; taken.at(-1) !== 0; round++) {
        memory.fill(round);
        taken.push(client.send(memory));
        memory.fill(0xee);
      }
      const total = taken.reduce((sum, count) => sum + count, 0);
      server.resume();
      await fixture.until(() => server.got === total, 'what was taken');
      const bytes = server.bytes();
      let at = 0;
      for (const [index, count] of taken.entries()) {
        expect(bytes.subarray(at, at + count).every((byte) => byte === ((index + 1) & 0xff))).toBe(true);
        at += count;
      }
    },
  );

  fixture.it('takes bytes from scratch memory, of which there are 64 KiB at least', async () => {
    const [client, server] = await fixture.pair();
    const { scratch } = fixture.peer;
    expect(scratch.length).toBeGreaterThanOrEqual(65_536);
    scratch.set(bytesOf('HTTP/1.1 200 OK\r\n'), 0);
    const count = client.send(scratch, 0, 17);
    await fixture.until(() => server.got === count);
    expect(server.text()).toBe('HTTP/1.1 200 OK\r\n'.slice(0, count));
  });

  fixture.it('from scratch within received leaves the received bytes alone', async () => {
    const [client, server] = await fixture.pair();
    let after = '';
    server.hooks = {
      received: (end, bytes, start, stop) => {
        const { scratch } = end.engine;
        scratch.set(bytesOf('prefix'), 0);
        end.send(scratch, 0, 6);
        after += String.fromCharCode(...bytes.subarray(start, stop));
      },
    };
    client.write(bytesOf('untouched'));
    await fixture.until(() => server.got === 9);
    expect(after).toBe('untouched');
  });

  fixture.it('keeps the order of sends from different memories', async () => {
    const [client, server] = await fixture.pair();
    const { scratch } = fixture.peer;
    let expected = '';
    for (let i = 0; i < 50; i++) {
      const text = `${i},`;
      const count = i % 2 === 0 ? client.send(bytesOf(text)) : client.send(scratch, 0, put(scratch, text));
      expected += text.slice(0, count);
    }
    await fixture.until(() => server.got === expected.length);
    expect(server.text()).toBe(expected);
  });

  fixture.it(
    'without a short one never makes writable be called',
    async () => {
      const [client, server] = await fixture.pair();
      server.keeps = false;
      const block = new Uint8Array(65_536);
      for (let i = 1; i <= 20; i++) {
        expect(client.send(bytesOf('x'))).toBe(1);
        expect(client.send(block)).toBe(65_536);
        await fixture.until(() => server.got === i * 65_537);
        await fixture.settle();
      }
      expect(client.events).toEqual(['connected']);
    },
    { awkward: 'a send may be short at any time there' },
  );

  fixture.it('again before writable takes nothing, or what there is room for, in order', async () => {
    const [client, server] = await fixture.pair();
    server.keeps = false;
    server.pause();
    let taken = fill(client);
    for (let i = 0; i < 10; i++) taken += client.send(new Uint8Array(10));
    server.resume();
    await fixture.until(() => server.got === taken);
  });

  fixture.it('within writable goes on with the stream', async () => {
    const [client, server] = await fixture.pair();
    const result = check(server);
    pour(client, 16 * MEGABYTE, true);
    await fixture.until(() => server.has('ended'));
    expect([server.got, result.wrong]).toEqual([16 * MEGABYTE, -1]);
    expect(client.has('writable')).toBe(true);
  });

  fixture.it('in ended still reaches the peer that has half-closed', async () => {
    const [client, server] = await fixture.pair();
    server.hooks = { ended: (end) => end.write(bytesOf('goodbye')) };
    client.shutdown();
    await fixture.until(() => client.text() === 'goodbye');
  });

  fixture.it('from a deferred work and from a deadline works as from a callback', async () => {
    const [client, server] = await fixture.pair();
    fixture.peer.defer(() => client.write(bytesOf('deferred,')));
    await fixture.until(() => server.text() === 'deferred,');
    const slot = fixture.peer.timers.add({ expired: () => client.write(bytesOf('timed')) });
    fixture.peer.timers.arm(slot, fixture.peer.now() + 3);
    await fixture.until(() => server.text() === 'deferred,timed');
    fixture.peer.timers.remove(slot);
  });

  fixture.it('to a reader that stops and goes on a hundred times loses nothing', async () => {
    const [client, server] = await fixture.pair();
    const result = check(server);
    const before = server.hooks.received!;
    let pauses = 0;
    server.hooks.received = (end, bytes, start, stop) => {
      before(end, bytes, start, stop);
      if (pauses++ >= 100) return;
      end.pause();
      end.engine.defer(() => end.engine.defer(() => end.isOpen && end.resume()));
    };
    pour(client, 8 * MEGABYTE, true);
    await fixture.until(() => server.has('ended'));
    expect([server.got, result.wrong]).toEqual([8 * MEGABYTE, -1]);
  });

  fixture.it('to ten readers at different paces gives each its own stream', async () => {
    const bound = await fixture.listen();
    const clients = Array.from({ length: 10 }, () => fixture.dial(bound.address));
    await fixture.until(() => bound.accepted.length === 10 && clients.every((each) => each.has('connected')));
    const results = clients.map((client) => check(client));
    bound.accepted.forEach((server, index) => {
      pour(server, 100_000 * (index + 1), true);
    });
    await fixture.until(() => clients.every((each) => each.has('ended')), 'ten streams');
    expect(results.map((each) => each.wrong)).toEqual(results.map(() => -1));
    expect(clients.map((each) => each.got).sort((a, b) => a - b)).toEqual(
      clients.map((_each, index) => 100_000 * (index + 1)),
    );
  });

  fixture.it('after the peer’s close never throws and ends in SEND_FAILED or failed', async () => {
    const [client, server] = await fixture.pair();
    server.close();
    let result = 0;
    for (let i = 0; i < 300 && client.isOpen && result !== SEND_FAILED; i++) {
      result = client.send(bytesOf('x'));
      if (result !== SEND_FAILED) await fixture.settle();
    }
    expect(result === SEND_FAILED || client.has('failed')).toBe(true);
  });
});

function put(memory: Uint8Array, text: string): number {
  memory.set(bytesOf(text), 0);
  return text.length;
}
