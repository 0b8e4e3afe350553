// What holds of the balancing methods whatever they are given: networks stay together, an added server moves no other keys,
// a seed repeats its choices, any text chooses some peer, and failing peers are passed over.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import type { Selection, SelectionFacts } from './selection.ts';
import { type Method, type ServerSettings, Upstream } from './upstream.ts';

const IP_HASH: Method = { kind: 'ip_hash' };
const CONSISTENT: Method = { kind: 'hash', consistent: true };
const METHODS: readonly Method[] = [
  { kind: 'round_robin' },
  IP_HASH,
  { kind: 'least_conn' },
  { kind: 'hash', consistent: false },
  CONSISTENT,
  { kind: 'random', two: false },
  { kind: 'random', two: true },
];

function server(written: string, more: Partial<ServerSettings> = {}): ServerSettings {
  return {
    server: written,
    addresses: [{ address: { family: 'unix', path: written }, name: written }],
    weight: 1,
    maxConns: 0,
    maxFails: 1,
    failTimeoutMs: 10_000,
    backup: false,
    down: false,
    ...more,
  };
}

function many(count: number): ServerSettings[] {
  return Array.from({ length: count }, (_, i) => server(String(i)));
}

function upstream(servers: readonly ServerSettings[], method: Method): Upstream {
  return new Upstream({ name: 'app', servers, method }, { random: seededRandom(3) });
}

function chosen(up: Upstream, facts: SelectionFacts): number {
  const peer = up.begin(facts).next(0);
  return peer === 'busy' ? -1 : up.peers.indexOf(peer);
}

/** IPv6 bytes as text in one of its forms. */
function spell(bytes: Uint8Array, form: number): string {
  const words = Array.from({ length: 8 }, (_, i) => (bytes[i * 2]! << 8) | bytes[i * 2 + 1]!);
  const hex = words.map((word) => (form % 2 ? word.toString(16).padStart(4, '0') : word.toString(16)));
  const start = form >= 4 ? words.indexOf(0) : -1;
  const tail = form & 2 ? [`${[...bytes.subarray(12)].join('.')}`] : hex.slice(6);
  const groups = [...hex.slice(0, 6), ...tail];
  if (start < 0 || start > 5) return groups.join(':');
  let end = start;
  while (end < 6 && words[end] === 0) end++;
  return `${groups.slice(0, start).join(':')}::${groups.slice(end).join(':')}${form & 8 ? '%eth0' : ''}`;
}

describe('ip_hash', () => {
  const up = upstream(many(97), IP_HASH);

  test('an IPv6 address means the same in every spelling and as bytes', () => {
    const byte = fc.oneof(fc.constant(0), fc.nat(255));
    fc.assert(
      fc.property(fc.array(byte, { minLength: 16, maxLength: 16 }), fc.nat(15), (list, form) => {
        const bytes = Uint8Array.from(list);
        const text = spell(bytes, form);
        expect(chosen(up, { clientAddress: text }), text).toBe(chosen(up, { clientAddress: bytes }));
      }),
    );
  });

  test('a network of IPv4 addresses stays together', () => {
    const first = chosen(up, { clientAddress: '192.0.2.1' });
    expect(chosen(up, { clientAddress: '192.0.2.254' })).toBe(first);
    expect(chosen(up, { clientAddress: Uint8Array.of(192, 0, 2, 77) })).toBe(first);
    expect(chosen(up, { clientAddress: '192.0.3.1' })).not.toBe(first);
  });

  test.each([
    '',
    'unix:',
    'unix:/run/a',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '1..2.3',
    ':',
    '1:2',
    '1::2::3',
    '12345::',
  ])('what is no address (%j) counts as 0.0.0.0', (text) => {
    expect(chosen(up, { clientAddress: text })).toBe(chosen(up, { clientAddress: '0.0.0.9' }));
  });

  test('any text at all chooses some peer', () => {
    const text = fc.string({ unit: fc.constantFrom(...'0123456789abcdefg:.%'), maxLength: 50 });
    fc.assert(fc.property(text, (clientAddress) => chosen(up, { clientAddress }) >= 0));
  });
});

describe('hash consistent', () => {
  test('"unix:" before a path counts in neither case', () => {
    const lower = upstream([server('unix:/a'), server('unix:/b')], CONSISTENT);
    const upper = upstream([server('UNIX:/a'), server('Unix:/b')], CONSISTENT);
    for (let i = 0; i < 200; i++) {
      const facts = { clientAddress: '', hashKey: `k${i}` };
      expect(chosen(upper, facts)).toBe(chosen(lower, facts));
    }
  });

  test('a server that is added takes its share of the keys and moves no other', () => {
    const before = upstream(many(9), CONSISTENT);
    const after = upstream(many(10), CONSISTENT);
    let moved = 0;
    for (let i = 0; i < 1000; i++) {
      const facts = { clientAddress: '', hashKey: `k${i}` };
      const now = chosen(after, facts);
      if (now === 9) moved++;
      else expect(now).toBe(chosen(before, facts));
    }
    expect(moved).toBeGreaterThan(40);
    expect(moved).toBeLessThan(200);
  });
});

describe('random', () => {
  test('the same seed makes the same choices', () => {
    const runs = [1, 2].map(() => {
      const up = upstream(many(5), { kind: 'random', two: true });
      return Array.from({ length: 50 }, () => chosen(up, { clientAddress: '' }));
    });
    expect(runs[0]).toEqual(runs[1]);
  });
});

const serverPlan = fc.record({
  weight: fc.integer({ min: 1, max: 9 }),
  maxConns: fc.nat(2),
  maxFails: fc.nat(3),
  failTimeoutMs: fc.constantFrom(0, 1000, 10_000),
  backup: fc.boolean(),
  down: fc.boolean(),
});
const requestPlan = fc.record({
  key: fc.constantFrom('', 'a', 'b', '10.1.2.3', '::1'),
  waitMs: fc.nat(3000),
  fails: fc.nat(4),
  holds: fc.boolean(),
});

describe('every method', () => {
  test.each(METHODS)(
    '$kind counts connections exactly and never asks a peer that may not be asked',
    (method) => {
      const plans = fc.array(serverPlan, { minLength: 1, maxLength: 40 });
      fc.assert(
        fc.property(plans, fc.array(requestPlan, { maxLength: 40 }), (servers, requests) => {
          const up = upstream(
            servers.map((plan, i) => server(String(i), { ...plan, backup: i > 0 && plan.backup })),
            method,
          );
          const held: Selection[] = [];
          let now = 0;
          for (const { key, waitMs, fails, holds } of requests) {
            now += waitMs;
            const selection = up.begin({ clientAddress: key, hashKey: key });
            if (run(selection, fails, holds, now)) held.push(selection);
            else if (held.length > 3) held.shift()!.release('ok', now);
            expect(connsOf(up)).toBe(held.length);
          }
          for (const selection of held) selection.release('failed', now);
          expect(connsOf(up)).toBe(0);
        }),
        { numRuns: 50 },
      );
    },
  );
});

/** One request that fails `fails` times; true when it is still held at a peer in the end. */
function run(selection: Selection, fails: number, holds: boolean, now: number): boolean {
  const seen = new Set<number>();
  for (let i = 0; ; i++) {
    const peer = selection.next(now);
    if (peer === 'busy') return false;
    expect(peer.down).toBe(false);
    expect(peer.maxConns === 0 || peer.table.conns[peer.row]! <= peer.maxConns).toBe(true);
    expect(peer.single || !seen.has(peer.row)).toBe(true);
    seen.add(peer.row);
    if (i === fails && holds) return true;
    selection.release(i < fails ? 'failed' : 'ok', now);
    if (i === fails || selection.triesLeft === 0) return false;
  }
}

function connsOf(up: Upstream): number {
  return up.peers.reduce((sum, peer) => sum + peer.table.conns[peer.row]!, 0);
}
