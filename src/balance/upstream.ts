// An upstream: its servers' peers in a primary and a backup group, and the method that chooses among them. Built with each plan;
// what has state is the peer table, which the next plan's upstream of that name is given.
import { assert } from '../base/assert.ts';
import type { Random } from '../base/random.ts';
import { ConsistentHash } from './consistent-hash.ts';
import { HASH } from './hash.ts';
import { IP_HASH } from './ip-hash.ts';
import { LEAST_CONN } from './least-conn.ts';
import type { Peer, PeerAddress, PeerGroup } from './peer.ts';
import { PeerTable } from './peer-table.ts';
import { RandomChoice } from './random.ts';
import { ROUND_ROBIN } from './round-robin.ts';
import { type Chooser, Selection, type SelectionFacts } from './selection.ts';

/** `two` is `random two` and `random two least_conn`, which are the same. */
export type Method =
  | { readonly kind: 'round_robin' | 'ip_hash' | 'least_conn' }
  | { readonly kind: 'hash'; readonly consistent: boolean }
  | { readonly kind: 'random'; readonly two: boolean };

export interface ServerSettings {
  /** As written: "127.0.0.1:8010", "example.com", "unix:/run/a.sock". The consistent hash is made of it. */
  readonly server: string;
  /** In the resolver's order; several where a name has several. */
  readonly addresses: readonly PeerAddress[];
  readonly weight: number;
  /** 0 is no limit. */
  readonly maxConns: number;
  /** 0: failures are not counted. */
  readonly maxFails: number;
  /** nginx counts whole seconds: a fraction is dropped. */
  readonly failTimeoutMs: number;
  readonly backup: boolean;
  readonly down: boolean;
}

/** At least one server that is not a backup, with at least one address; weights from 1. The plan has checked it. */
export interface UpstreamSettings {
  readonly name: string;
  readonly servers: readonly ServerSettings[];
  readonly method: Method;
}

export interface UpstreamOptions {
  readonly random: Random;
  /** The table of this upstream before a reload, or its zone's. Rows are matched by address and server. */
  readonly table?: PeerTable;
}

export class Upstream {
  readonly name: string;
  readonly primary: PeerGroup;
  readonly table: PeerTable;
  /** The table given had no room, so that this upstream has one of its own: the zone is too small. */
  readonly zoneFull: boolean;
  private readonly chooser: Chooser;

  constructor(settings: UpstreamSettings, options: UpstreamOptions) {
    const { servers, name } = settings;
    const keys = keysOf(servers);
    const given = options.table ?? new PeerTable();
    const claimed = given.claim(name, keys);
    this.zoneFull = claimed === undefined;
    this.table = claimed === undefined ? new PeerTable() : given;
    const rows = claimed ?? this.table.claim(name, keys) ?? [];
    this.name = name;
    this.primary = groupsOf(servers, this.table, rows);
    assert(this.primary.peers.length > 0, 'an upstream without peers');
    this.chooser = chooserOf(settings.method, this.primary, options.random);
  }

  /** All peers, backup ones last. */
  get peers(): readonly Peer[] {
    return [...this.primary.peers, ...(this.primary.backup?.peers ?? [])];
  }

  /** A request's way through the peers begins. */
  begin(facts: SelectionFacts): Selection {
    return new Selection(this.primary, this.chooser, facts);
  }

  /**
   * Copies failures and weights of the peers that `previous` knows too, where its table could not be shared (a reload wrote or
   * removed `zone`). Connections are not copied: those under way end in the table in which they began.
   */
  adopt(previous: Upstream): void {
    if (previous.table === this.table) return;
    const olds = new Map(previous.peers.map((peer) => [keyOf(peer.server, peer.name), peer]));
    for (const peer of this.peers) {
      const old = olds.get(keyOf(peer.server, peer.name));
      if (old === undefined) continue;
      for (const column of ['current', 'lost', 'accessed', 'checked', 'fails'] as const) {
        peer.table[column][peer.row] = old.table[column][old.row]!;
      }
    }
  }
}

/** The upstream that `proxy_pass http://name:port` makes by itself: one server, nginx's defaults. */
export function implicitUpstream(name: string, addresses: readonly PeerAddress[]): UpstreamSettings {
  const server = { server: name, addresses, weight: 1, maxConns: 0, maxFails: 1, failTimeoutMs: 10_000 };
  return { name, servers: [{ ...server, backup: false, down: false }], method: { kind: 'round_robin' } };
}

function chooserOf(method: Method, primary: PeerGroup, random: Random): Chooser {
  switch (method.kind) {
    case 'round_robin':
      return ROUND_ROBIN;
    case 'ip_hash':
      return IP_HASH;
    case 'least_conn':
      return LEAST_CONN;
    case 'hash':
      return method.consistent ? new ConsistentHash(primary) : HASH;
    case 'random':
      return new RandomChoice(random, method.two);
  }
}

function keyOf(server: string, name: string): string {
  return `${server}\0${name}`;
}

/** A key for each address of each server in the order written; the same address written again has a key of its own. */
function keysOf(servers: readonly ServerSettings[]): readonly string[] {
  const seen = new Map<string, number>();
  return servers.flatMap(({ server, addresses }) =>
    addresses.map(({ name }) => {
      const key = keyOf(server, name);
      const count = seen.get(key) ?? 0;
      seen.set(key, count + 1);
      return count === 0 ? key : `${key}\0${count}`;
    }),
  );
}

function groupsOf(servers: readonly ServerSettings[], table: PeerTable, rows: readonly number[]): PeerGroup {
  const count = (backup: boolean) =>
    servers.reduce((sum, server) => sum + (server.backup === backup ? server.addresses.length : 0), 0);
  const single = count(false) === 1 && count(true) === 0;
  const primary: Peer[] = [];
  const backup: Peer[] = [];
  let at = 0;
  for (const {
    server,
    addresses,
    weight,
    maxConns,
    maxFails,
    failTimeoutMs,
    backup: isBackup,
    down,
  } of servers) {
    for (const { address, name } of addresses) {
      const failTimeoutSeconds = Math.floor(failTimeoutMs / 1000);
      const limits = { weight, maxConns, maxFails, failTimeoutSeconds, down, backup: isBackup, single };
      const peer: Peer = Object.freeze({ address, name, server, ...limits, table, row: rows[at++] ?? 0 });
      (isBackup ? backup : primary).push(peer);
    }
  }
  return groupOf(primary, single, backup.length > 0 ? groupOf(backup, false, undefined) : undefined);
}

function groupOf(peers: readonly Peer[], single: boolean, backup: PeerGroup | undefined): PeerGroup {
  const totalWeight = peers.reduce((sum, peer) => sum + peer.weight, 0);
  const tries = peers.filter((peer) => !peer.down).length;
  return Object.freeze({ peers: Object.freeze(peers), totalWeight, tries, single, backup });
}
