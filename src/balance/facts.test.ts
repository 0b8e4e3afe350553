// Replays what a running nginx chose (test/cases/balance, explained in its README.md): each choice here is the same.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../base/random.ts';
import type { Peer, PeerAddress } from './peer.ts';
import type { Selection } from './selection.ts';
import { type Method, type ServerSettings, Upstream } from './upstream.ts';

/** An upstream of a file and the lines that tell what became of requests to it. */
interface Recorded {
  readonly title: string;
  readonly upstream: Upstream;
  /** Peers in the order of the file. */
  readonly names: readonly string[];
  readonly refusing: ReadonlySet<string>;
  readonly lines: readonly string[];
}

const METHODS: Readonly<Record<string, Method>> = {
  round_robin: { kind: 'round_robin' },
  ip_hash: { kind: 'ip_hash' },
  hash: { kind: 'hash', consistent: false },
  'hash consistent': { kind: 'hash', consistent: true },
  least_conn: { kind: 'least_conn' },
  random: { kind: 'random', two: false },
  'random two': { kind: 'random', two: true },
};

function read(file: string): readonly Recorded[] {
  const text = readFileSync(new URL(`../../test/cases/balance/${file}`, import.meta.url), 'utf8');
  const blocks = text.split(/^@ /m).slice(1);
  return blocks.map((block, i) => {
    const [method, ...rest] = block.replace(/\n$/, '').split('\n');
    const lines = rest.filter((line) => !line.startsWith('+ '));
    const servers = rest.filter((line) => line.startsWith('+ ')).map(readServer);
    const kind = METHODS[method!.replace(/ later$/, '')]!;
    const settings = { name: 'up', servers, method: kind };
    const upstream = new Upstream(settings, { random: seededRandom(i) });
    const names = servers.flatMap(({ addresses }) => addresses.map(({ name }) => name));
    const refusing = new Set(
      rest.filter((line) => / x( |$)/.test(line) && line.startsWith('+ ')).map((line) => line.split(' ')[1]!),
    );
    return { title: `${file} #${i}`, upstream, names, refusing, lines };
  });
}

function readServer(line: string): ServerSettings {
  const [words, names] = line.slice(2).split(' | ');
  const [server, ...parameters] = words!.split(' ');
  const number = (name: string, otherwise: number) => {
    const found = parameters.find((parameter) => parameter.startsWith(`${name}=`));
    return found === undefined ? otherwise : Number.parseInt(found.slice(name.length + 1), 10);
  };
  return {
    server: server!,
    addresses: (names ?? server!).split(' ').map(addressOf),
    weight: number('weight', 1),
    maxConns: number('max_conns', 0),
    maxFails: number('max_fails', 1),
    failTimeoutMs: number('fail_timeout', 10) * 1000,
    backup: parameters.includes('backup'),
    down: parameters.includes('down'),
  };
}

function addressOf(name: string): PeerAddress {
  if (name.startsWith('unix:')) return { address: { family: 'unix', path: name.slice(5) }, name };
  const [, host, port] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(name)!;
  return { address: { family: host!.includes(':') ? 6 : 4, host: host!, port: Number(port) }, name };
}

function indexOf({ names }: Recorded, peer: Peer | 'busy'): string {
  return peer === 'busy' ? '!' : String(names.indexOf(peer.name));
}

/** One request that its peer answers well. */
function ask(recorded: Recorded, value: string): string {
  const selection = recorded.upstream.begin({ clientAddress: value, hashKey: value });
  const index = indexOf(recorded, selection.next(0));
  selection.release('ok', 0);
  return index;
}

/** One request through peers that fail, as ngx_http_upstream_next() and its proxy_next_upstream http_500 go on. */
function askFailing(
  { upstream, names, refusing }: Recorded,
  second: number,
  value: string,
  bad: string,
): string {
  const now = second * 1000 + 500;
  const badNames = new Set(bad === '-' ? [] : bad.split(',').map((index) => names[Number(index)]!));
  const selection = upstream.begin({ clientAddress: value, hashKey: value });
  const tried: string[] = [];
  for (;;) {
    const peer = selection.next(now);
    tried.push(peer === 'busy' ? '!' : String(names.indexOf(peer.name)));
    if (peer === 'busy') break;
    const refuses = refusing.has(peer.name);
    const failed = refuses || (badNames.has(peer.name) && selection.triesLeft > 1);
    selection.release(failed ? 'failed' : 'ok', now);
    if (!failed || selection.triesLeft === 0) break;
  }
  return tried.join(',');
}

/** Requests held open and ended; returns the lines as nginx's answers would read. */
function holdAll(recorded: Recorded): readonly string[] {
  const held: Selection[] = [];
  return recorded.lines.map((line) => {
    const [what, which, value] = line.split(' ');
    if (what === 'c') {
      held[Number(which)]!.release('ok', 0);
      return line;
    }
    const selection = recorded.upstream.begin({ clientAddress: value!, hashKey: value! });
    held.push(selection);
    return `o ${indexOf(recorded, selection.next(0))} ${value}`;
  });
}

function casesIn(recorded: readonly Recorded[]): number {
  return recorded.reduce((sum, { lines }) => sum + lines.length, 0);
}

describe('nginx’s choices', () => {
  test('round robin: 10,000 requests one after another', () => {
    let count = 0;
    for (const recorded of read('round-robin.txt')) {
      const expected = recorded.lines[0]!.slice(2).split(' ');
      count += expected.length;
      const got = expected.map(() => ask(recorded, ''));
      expect(got.join(' '), recorded.title).toBe(expected.join(' '));
    }
    expect(count).toBe(10_000);
  });

  test.each(['ip-hash.txt', 'hash.txt', 'consistent-hash.txt'])('%s: 10,000 clients or keys', (file) => {
    const all = read(file);
    for (const recorded of all) {
      const got = recorded.lines.map((line) => {
        const value = line.slice(line.indexOf(' ') + 1);
        return `${ask(recorded, value)} ${value}`;
      });
      expect(got, recorded.title).toEqual(recorded.lines);
    }
    expect(casesIn(all)).toBe(10_000);
  });

  test('failures: the peers that each request tried, over fourteen seconds', () => {
    const all = read('failures.txt');
    for (const recorded of all) {
      const got = recorded.lines.map((line) => {
        const [, second, value, bad] = line.split(' ');
        return `> ${second} ${value} ${bad} ${askFailing(recorded, Number(second), value!, bad!)}`;
      });
      expect(got, recorded.title).toEqual(recorded.lines);
    }
    expect(casesIn(all)).toBe(5040);
  });

  test('least_conn and max_conns: the peers of requests held open', () => {
    const all = read('held.txt');
    for (const recorded of all) expect(holdAll(recorded), recorded.title).toEqual(recorded.lines);
    expect(casesIn(all)).toBe(6000);
  });

  test('random: each peer gets its share, within what chance allows', () => {
    for (const recorded of read('random.txt')) {
      const [what, ...shares] = recorded.lines[0]!.split(' ');
      const counts = shares.map(Number);
      const total = counts.reduce((sum, n) => sum + n, 0);
      const got = counts.map(() => 0);
      for (let i = 0; i < total; i++) {
        const selection = recorded.upstream.begin({ clientAddress: '' });
        got[Number(indexOf(recorded, selection.next(0)))]!++;
        if (what === '%') selection.release('ok', 0);
      }
      // Both sides are samples: five times the deviation of their difference.
      counts.forEach((count, i) => {
        const deviation = Math.sqrt((2 * count * (total - count)) / total);
        expect(Math.abs(got[i]! - count), `${recorded.title} ${got} ${counts}`).toBeLessThanOrEqual(
          5 * deviation,
        );
      });
    }
  });
});
