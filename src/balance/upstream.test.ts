import { describe, expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import type { Peer } from './peer.ts';
import { releasePeer } from './peer.ts';
import { PeerTable, peerTableBytes } from './peer-table.ts';
import { implicitUpstream, type Method, type ServerSettings, Upstream } from './upstream.ts';

const ROUND_ROBIN: Method = { kind: 'round_robin' };

function server(port: number, more: Partial<ServerSettings> = {}): ServerSettings {
  const name = `127.0.0.1:${port}`;
  return {
    server: name,
    addresses: [{ address: { family: 4, host: '127.0.0.1', port }, name }],
    weight: 1,
    maxConns: 0,
    maxFails: 1,
    failTimeoutMs: 10_000,
    backup: false,
    down: false,
    ...more,
  };
}

function upstream(
  servers: readonly ServerSettings[],
  method: Method = ROUND_ROBIN,
  table?: PeerTable,
): Upstream {
  const options = { random: seededRandom(7), ...(table === undefined ? {} : { table }) };
  return new Upstream({ name: 'app', servers, method }, options);
}

/** Ports of the peers that `count` requests get, each answered well. */
function ports(up: Upstream, count: number, now = 0, clientAddress = '192.0.2.1', hashKey = 'key'): string {
  const got: string[] = [];
  for (let i = 0; i < count; i++) {
    const selection = up.begin({ clientAddress, hashKey });
    got.push(portOf(selection.next(now)));
    selection.release('ok', now);
  }
  return got.join(' ');
}

function portOf(peer: Peer | 'busy'): string {
  if (peer === 'busy') return 'busy';
  return peer.address.family === 'unix' ? peer.address.path : String(peer.address.port);
}

describe('round robin', () => {
  test.each([
    ['equal weights take turns', [server(1), server(2), server(3)], '1 2 3 1 2 3'],
    ['weights are spread smoothly', [server(1, { weight: 5 }), server(2), server(3)], '1 1 2 1 3 1 1 1'],
    ['a peer that is down is left out', [server(1), server(2, { down: true }), server(3)], '1 3 1 3'],
    ['backup peers rest while a primary one lives', [server(1), server(2, { backup: true })], '1 1 1'],
    [
      'backup peers serve when all primary ones are down',
      [server(1, { down: true }), server(2, { backup: true }), server(3, { backup: true })],
      '2 3 2 3',
    ],
    ['an only peer that is down leaves nobody', [server(1, { down: true })], 'busy busy'],
  ])('%s', (_name, servers, expected) => {
    expect(ports(upstream(servers), expected.split(' ').length)).toBe(expected);
  });

  test('a failed peer rests for fail_timeout and the second after it, then is asked again', () => {
    const up = upstream([server(1), server(2)]);
    const selection = up.begin({ clientAddress: '' });
    expect(portOf(selection.next(0))).toBe('1');
    expect(selection.release('failed', 0)).toBe(true);
    expect(portOf(selection.next(0))).toBe('2');
    selection.release('ok', 0);
    expect(ports(up, 3, 10_999)).toBe('2 2 2');
    expect(ports(up, 4, 11_000)).toContain('1');
    expect(up.table.fails[up.peers[0]!.row]).toBe(0);
  });

  test('with several max_fails a failing peer loses weight and gets it back by one a turn', () => {
    const up = upstream([server(1, { weight: 4, maxFails: 2 }), server(2, { weight: 4 })]);
    const selection = up.begin({ clientAddress: '' });
    selection.next(0);
    expect(selection.release('failed', 0)).toBe(false);
    expect(ports(up, 8)).toBe('2 2 1 2 1 2 1 2');
  });

  test('failures of an only peer are not counted', () => {
    const up = upstream([server(1)]);
    for (let i = 0; i < 3; i++) {
      const selection = up.begin({ clientAddress: '' });
      expect(portOf(selection.next(0))).toBe('1');
      expect(selection.release('failed', 0)).toBe(false);
      expect(selection.triesLeft).toBe(0);
    }
  });

  test('with a backup the only primary peer is counted like any', () => {
    const up = upstream([server(1), server(2, { backup: true })]);
    const selection = up.begin({ clientAddress: '' });
    expect(selection.triesLeft).toBe(2);
    selection.next(0);
    selection.release('failed', 0);
    expect(portOf(selection.next(0))).toBe('2');
    selection.release('ok', 0);
    expect(ports(up, 2)).toBe('2 2');
  });

  test('no peer is tried twice by one request, and when all rest there are no live upstreams', () => {
    const up = upstream([server(1), server(2), server(3)]);
    const selection = up.begin({ clientAddress: '' });
    const tried: string[] = [];
    for (let i = 0; i < 3; i++) {
      tried.push(portOf(selection.next(0)));
      selection.release('failed', 0);
    }
    expect(tried).toEqual(['1', '2', '3']);
    expect(selection.triesLeft).toBe(0);
    expect(selection.next(0)).toBe('busy');
    expect(ports(up, 1)).toBe('busy');
  });

  test('a full peer is passed over until a connection of it ends', () => {
    const up = upstream([server(1, { maxConns: 1 }), server(2, { maxConns: 1 })]);
    const held = [up.begin({ clientAddress: '' }), up.begin({ clientAddress: '' })];
    expect(held.map((selection) => portOf(selection.next(0)))).toEqual(['1', '2']);
    expect(ports(up, 1)).toBe('busy');
    releasePeer(held[1]!.detach()!, 'ok', 0);
    expect(ports(up, 2)).toBe('2 2');
  });

  test('proxy_next_upstream_tries bounds the tries, and a stale kept-alive connection gives one back', () => {
    const up = upstream([server(1), server(2), server(3)]);
    const selection = up.begin({ clientAddress: '', triesMax: 2 });
    expect(selection.triesLeft).toBe(2);
    selection.next(0);
    selection.release('failed', 0);
    selection.grantTry();
    expect(selection.triesLeft).toBe(2);
  });

  test('forty peers are all tried once', () => {
    const up = upstream(Array.from({ length: 40 }, (_, i) => server(i + 1)));
    const selection = up.begin({ clientAddress: '' });
    const tried = new Set<string>();
    for (let i = 0; i < 40; i++) {
      tried.add(portOf(selection.next(0)));
      selection.release('failed', 0);
    }
    expect(tried.size).toBe(40);
    expect(selection.next(0)).toBe('busy');
  });
});

describe('reload', () => {
  test('an upstream of the next plan finds its peers’ state, wherever they now stand', () => {
    const before = upstream([server(1), server(2), server(3)]);
    const tunnel = before.begin({ clientAddress: '' });
    tunnel.next(0);
    const failing = before.begin({ clientAddress: '' });
    failing.next(0);
    failing.release('failed', 0);
    const after = upstream([server(4), server(3), server(2), server(1)], ROUND_ROBIN, before.table);
    const state = after.peers.map(({ row, table }) => [table.conns[row], table.fails[row]]);
    expect(state).toEqual([
      [0, 0],
      [0, 0],
      [0, 1],
      [1, 0],
    ]);
    releasePeer(tunnel.detach()!, 'ok', 0);
    expect(after.table.conns[after.peers[3]!.row]).toBe(0);
  });

  test('the same address written twice is two peers with a row each', () => {
    const up = upstream([server(1), server(1)]);
    expect(new Set(up.peers.map((peer) => peer.row)).size).toBe(2);
  });

  test('rows of peers that are gone are used again, so that a table does not grow with each reload', () => {
    let up = upstream([server(1), server(2)]);
    for (let i = 3; i < 500; i++) up = upstream([server(1), server(i)], ROUND_ROBIN, up.table);
    expect(up.table.capacity).toBeLessThanOrEqual(16);
  });

  test('a row in use is never given to another peer', () => {
    const first = upstream([server(1), server(2)]);
    const held = first.begin({ clientAddress: '' });
    const peer = held.next(0) as Peer;
    for (let i = 3; i < 100; i++) {
      const next = upstream([server(i)], ROUND_ROBIN, first.table);
      expect(next.peers[0]!.row).not.toBe(peer.row);
    }
    expect(first.table.conns[peer.row]).toBe(1);
  });

  test('state moves into a table of another kind', () => {
    const before = upstream([server(1), server(2)]);
    const failing = before.begin({ clientAddress: '' });
    failing.next(0);
    failing.release('failed', 0);
    const table = new PeerTable({ memory: new SharedArrayBuffer(peerTableBytes(10)), owner: 11 });
    const after = upstream([server(2), server(1)], ROUND_ROBIN, table);
    after.adopt(before);
    expect(ports(after, 2)).toBe('2 2');
  });
});

describe('a zone', () => {
  test('two processes that map the same memory come to the same rows and see each other’s failures', () => {
    const memory = new SharedArrayBuffer(peerTableBytes(10));
    const one = upstream([server(1), server(2)], ROUND_ROBIN, new PeerTable({ memory, owner: 11 }));
    const other = upstream([server(2), server(1)], ROUND_ROBIN, new PeerTable({ memory, owner: 12 }));
    const failing = one.begin({ clientAddress: '' });
    failing.next(0);
    failing.release('failed', 0);
    expect(ports(other, 2)).toBe('2 2');
  });

  test('two upstreams of one zone have rows of their own for the same address', () => {
    const table = new PeerTable({ memory: new ArrayBuffer(peerTableBytes(4)), owner: 1 });
    const random = seededRandom(1);
    const a = new Upstream({ name: 'a', servers: [server(1)], method: ROUND_ROBIN }, { random, table });
    const b = new Upstream({ name: 'b', servers: [server(1)], method: ROUND_ROBIN }, { random, table });
    expect(a.peers[0]!.row).not.toBe(b.peers[0]!.row);
  });

  test('a lock whose holder does not let go is passed by after the tries, and counted', () => {
    const memory = new SharedArrayBuffer(peerTableBytes(4));
    const dead = new PeerTable({ memory, owner: 11 });
    const table = new PeerTable({ memory, owner: 12 });
    const up = upstream([server(1), server(2)], ROUND_ROBIN, table);
    expect(dead.lock()).toBe(true);
    expect(ports(up, 2)).toBe('1 2');
    expect(table.contended).toBe(4);
    expect(table.freeLockOf(13)).toBe(false);
    expect(table.freeLockOf(11)).toBe(true);
    expect(ports(up, 2)).toBe('1 2');
    expect(table.contended).toBe(4);
  });

  test('a zone with too little room says so and the upstream serves all the same', () => {
    const table = new PeerTable({ memory: new ArrayBuffer(peerTableBytes(2)), owner: 1 });
    const up = upstream([server(1), server(2), server(3)], ROUND_ROBIN, table);
    expect(up.zoneFull).toBe(true);
    expect(ports(up, 3)).toBe('1 2 3');
  });
});

test('proxy_pass to a name makes an upstream with nginx’s defaults', () => {
  const [{ addresses }] = [server(80)];
  const up = new Upstream(implicitUpstream('example.com', addresses), { random: seededRandom(1) });
  expect(up.peers).toMatchObject([{ weight: 1, maxFails: 1, failTimeoutSeconds: 10, single: true }]);
});
