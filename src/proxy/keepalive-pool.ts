// Idle connections to the peers of one upstream, kept for the next request. As ngx_http_upstream_keepalive_module: the most recently
// used of a peer is taken, the least recently used of all gives way.
import type { Upstream } from '../balance/upstream.ts';
import type { UpstreamPlan } from '../plan/plan.ts';
import type { Generation } from './generation.ts';
import type { PeerConnection } from './peer-connection.ts';

/** A worker's pools, kept across reloads while an upstream of that name is there. */
export class KeepalivePools {
  private readonly pools = new Map<string, KeepalivePool>();
  /** Of the newest generation, by their keys. */
  private upstreams: ReadonlyMap<string, Upstream> = new Map();

  constructor(generation: Generation) {
    this.swap(generation);
  }

  /** None where the upstream is no more: an exchange that is older than a reload keeps its connections to itself. */
  of(plan: UpstreamPlan): KeepalivePool | undefined {
    const key = keyOf(plan);
    const there = this.pools.get(key);
    const upstream = this.upstreams.get(key);
    if (there !== undefined || upstream === undefined) return there;
    const pool = new KeepalivePool(namesOf(upstream));
    this.pools.set(key, pool);
    return pool;
  }

  /** What is kept for an upstream or a server that is no more is closed. */
  swap({ plan, upstreams }: Generation): void {
    this.upstreams = new Map(
      plan.upstreams.flatMap((each, i) => {
        const upstream = upstreams[i];
        return upstream === undefined ? [] : [[keyOf(each), upstream]];
      }),
    );
    for (const [key, pool] of this.pools) {
      const upstream = this.upstreams.get(key);
      pool.swap(upstream === undefined ? NOBODY : namesOf(upstream));
      if (upstream === undefined) this.pools.delete(key);
    }
  }

  /** Closes all, and those that exchanges still have as they come back. */
  retire(): void {
    for (const pool of this.pools.values()) pool.swap(NOBODY);
  }
}

const NOBODY: ReadonlySet<string> = new Set();

/** A server that is down is asked nothing. */
function namesOf({ peers }: Upstream): ReadonlySet<string> {
  return new Set(peers.filter(({ down }) => !down).map(({ name }) => name));
}

function keyOf(upstream: UpstreamPlan): string {
  let key = keys.get(upstream);
  if (key === undefined) {
    key = `${upstream.explicit ? 'block' : 'host'} ${upstream.name}`;
    keys.set(upstream, key);
  }
  return key;
}

/** Made once a plan and not for each request. */
const keys = new WeakMap<UpstreamPlan, string>();

export class KeepalivePool {
  /** Least recently used first. */
  private readonly idle: PeerConnection[] = [];
  /** Of the peers that may still be asked. */
  private names: ReadonlySet<string>;

  constructor(names: ReadonlySet<string>) {
    this.names = names;
  }

  get size(): number {
    return this.idle.length;
  }

  /** `tag`: the location that asks, where it may have its own connections alone. */
  take(peerName: string, tag: unknown): PeerConnection | undefined {
    for (let i = this.idle.length - 1; i >= 0; i--) {
      const connection = this.idle[i];
      if (connection?.peerName !== peerName || connection.tag !== tag) continue;
      if (i === this.idle.length - 1) this.idle.pop();
      else this.idle.splice(i, 1);
      return connection;
    }
    return undefined;
  }

  /** Keeps the connection, at most `max` in all; the one that gives way is closed. */
  keep(connection: PeerConnection, max: number): void {
    if (!this.names.has(connection.peerName)) return connection.close();
    while (this.idle.length >= max) this.idle.shift()?.close();
    this.idle.push(connection);
  }

  /** The connection is closed: by its peer, by age, by us. */
  remove(connection: PeerConnection): void {
    const index = this.idle.indexOf(connection);
    if (index !== -1) this.idle.splice(index, 1);
  }

  /**
   * From now on these peers alone are asked: connections to others are closed, those that exchanges still have as they come back. So
   * are those of one location, since the next plan has none of its identity.
   */
  swap(names: ReadonlySet<string>): void {
    this.names = names;
    for (const connection of this.idle.splice(0)) {
      if (names.has(connection.peerName) && connection.tag === undefined) this.idle.push(connection);
      else connection.close();
    }
  }
}
