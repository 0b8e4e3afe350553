// A tunnel over every engine: half-closes both ways with what waits before them, and the three timeouts as nginx applies them to an
// upgraded connection, each counted from the last byte of either side.
import { expect } from 'vitest';
import { bytesOf } from '../../src/base/bytes.ts';
import { type TunnelEnd, TunnelTable } from '../../src/proxy/tunnel.ts';
import type { TunnelSettings } from '../../src/proxy/tunnel-settings.ts';
import type { End } from './end.ts';
import { type EngineFixture, engineCases } from './fixture.ts';
import { check, pour } from './stream.ts';

const MEGABYTE = 1 << 20;
/** More than the sockets on the way can hold. */
const FLOOD = 16 * MEGABYTE;
const HOUR = 3_600_000;
/** By how much a deadline may be early or late on an engine whose wheel turns by ticks, on a machine that has other things to do. */
const EARLY = 20;
const LATE = 2000;

type Times = Partial<
  Pick<TunnelSettings, 'readTimeoutMs' | 'sendTimeoutMs' | 'clientSendTimeoutMs' | 'resetTimedoutConnection'>
>;

interface Tunnel {
  readonly client: End;
  readonly upstream: End;
  readonly table: TunnelTable;
  /** How it ended, once it has. */
  readonly ends: (TunnelEnd & { readonly at: number })[];
  waiting(side: 'client' | 'upstream'): number;
}

async function tunnelOver(fixture: EngineFixture, times: Times = {}): Promise<Tunnel> {
  const { engine } = fixture;
  const [client, toClient] = await fixture.pair();
  const [upstream, toUpstream] = await fixture.pair();
  const ends: Tunnel['ends'] = [];
  const table = new TunnelTable(engine, {
    zoneMinutes: () => 0,
    tunnelEnded: (end) => ends.push({ ...end, at: engine.now() }),
  });
  const now = engine.now();
  table.open({
    client: toClient.conn,
    peer: toUpstream.conn,
    settings: {
      readTimeoutMs: HOUR,
      sendTimeoutMs: HOUR,
      clientSendTimeoutMs: HOUR,
      resetTimedoutConnection: false,
      errorLog: { sameAs: () => true, wants: () => false, write: () => undefined },
      ...times,
    },
    chosen: undefined,
    frozen: undefined,
    context: '',
    webSocket: false,
    reservedBits: 0,
    startedAt: now,
    connectedAt: now,
    attemptStartedAt: now,
    headBytes: 0,
    requestBytes: 0,
    upstreamBytesSent: 0,
    upstreamBytesReceived: 0,
    generation: 1,
    pendingForClient: new Uint8Array(0),
  });
  toClient.isOpen = toUpstream.isOpen = false; // the table's from now on
  return { client, upstream, table, ends, waiting: (side) => table.view(0)?.[side].waiting ?? 0 };
}

engineCases('a tunnel', (fixture) => {
  for (const [first, second] of [
    ['client', 'upstream'],
    ['upstream', 'client'],
  ] as const) {
    fixture.it(
      `passes the ${first}'s half-close on, and the other way stays open until it ends too`,
      async () => {
        const tunnel = await tunnelOver(fixture);
        const [source, target] = [tunnel[first], tunnel[second]];
        const checked = check(source);
        source.write(bytesOf('the last word'));
        await fixture.until(() => source.flushed, 'the end of sending');
        source.shutdown();
        await fixture.until(() => target.has('ended'), 'the half-close');
        expect(target.text()).toBe('the last word');
        expect([tunnel.ends.length, source.has('ended')]).toEqual([0, false]);
        pour(target, MEGABYTE, true);
        await fixture.until(() => source.has('ended'), "the other's");
        expect([checked.wrong, source.got]).toEqual([-1, MEGABYTE]);
        await fixture.until(() => tunnel.ends.length === 1, "the tunnel's end");
        expect(tunnel.ends[0]).toMatchObject({ reason: 'closed', side: second });
        expect(tunnel.table.count).toBe(0);
      },
    );

    fixture.it(`holds the ${first}'s half-close back until the bytes before it have been taken`, async () => {
      const tunnel = await tunnelOver(fixture);
      const [source, target] = [tunnel[first], tunnel[second]];
      const checked = check(target);
      target.pause();
      pour(source, FLOOD, true);
      await fixture.until(() => tunnel.waiting(second) > 0, 'bytes that wait');
      target.resume();
      await fixture.until(() => target.has('ended'), 'the half-close');
      expect([checked.wrong, target.got, tunnel.ends.length]).toEqual([-1, FLOOD, 0]);
      target.shutdown();
      await fixture.until(() => tunnel.ends.length === 1, "the tunnel's end");
    });

    fixture.it(`ends when the ${first} breaks off, and says who it was`, async () => {
      const tunnel = await tunnelOver(fixture);
      tunnel[first].reset();
      await fixture.until(() => tunnel.ends.length === 1, "the tunnel's end");
      expect(tunnel.ends[0]).toMatchObject({ reason: 'broken', side: first, error: { code: 'ECONNRESET' } });
      await fixture.goodbye(tunnel[second]);
    });

    fixture.it(
      `ends after proxy_read_timeout without a byte, counted anew by those of the ${first}`,
      async () => {
        const tunnel = await tunnelOver(fixture, { readTimeoutMs: 150 });
        const [source, target] = [tunnel[first], tunnel[second]];
        let last = 0;
        for (let byte = 1; byte <= 3; byte++) {
          await fixture.elapse(80);
          source.write(bytesOf('.'));
          await fixture.until(() => target.got === byte, 'a byte');
          last = fixture.engine.now();
        }
        await fixture.until(() => tunnel.ends.length === 1, 'the timeout');
        const [end] = tunnel.ends;
        expect(end).toMatchObject({ reason: 'timed out', side: 'upstream' });
        if (!fixture.awkward) expect(end!.at - last).toBeGreaterThanOrEqual(150 - EARLY);
        expect(end!.at - last).toBeLessThan(150 + LATE);
        await fixture.goodbye(source);
        await fixture.goodbye(target);
      },
    );
  }

  fixture.it("counts the half-closed upstream's silence too", async () => {
    const { upstream, client, ends } = await tunnelOver(fixture, { readTimeoutMs: 100 });
    upstream.shutdown();
    await fixture.until(() => ends.length === 1, 'the timeout');
    expect(ends[0]).toMatchObject({ reason: 'timed out', side: 'upstream' });
    await fixture.goodbye(client);
  });

  fixture.it('ends after proxy_send_timeout when the upstream takes nothing of what waits', async () => {
    const { upstream, client, ends, waiting } = await tunnelOver(fixture, { sendTimeoutMs: 150 });
    upstream.pause();
    pour(client, FLOOD);
    await fixture.until(() => waiting('upstream') > 0, 'bytes that wait');
    await fixture.until(() => ends.length === 1, 'the timeout');
    expect(ends[0]).toMatchObject({ reason: 'timed out', side: 'upstream' });
    upstream.close();
    await fixture.goodbye(client);
  });

  for (const resets of [false, true]) {
    const how = resets
      ? 'with a reset where that is configured'
      : 'and not by the read timeout of the upstream that is not read';
    fixture.it(`ends after send_timeout when the client takes nothing of what waits, ${how}`, async () => {
      const { upstream, client, ends, waiting } = await tunnelOver(fixture, {
        clientSendTimeoutMs: 300,
        readTimeoutMs: 100,
        resetTimedoutConnection: resets,
      });
      client.pause();
      pour(upstream, FLOOD);
      await fixture.until(() => waiting('client') > 0, 'bytes that wait');
      await fixture.until(() => ends.length === 1, 'the timeout');
      expect(ends[0]).toMatchObject({ reason: 'timed out', side: 'client' });
      client.resume();
      await fixture.goodbye(client);
      // libuv tells a reset behind bytes that were not read yet as an end.
      if (resets && fixture.kind !== 'portable') expect(client.error?.code).toBe('ECONNRESET');
      await fixture.goodbye(upstream);
    });
  }
});
