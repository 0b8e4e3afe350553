// A peer: one address of one server of an upstream. What is fixed is here, what changes is a row of the peer table. It never refers
// to its upstream, so that a tunnel that holds its peer for days does not hold a plan. As ngx_http_upstream_rr_peer_t.
import type { PeerTable } from './peer-table.ts';

export type Ms = number;

/** Where a peer listens; the engine's `Address` by structure. */
export type PeerSocket =
  | { readonly family: 4 | 6; readonly host: string; readonly port: number }
  | { readonly family: 'unix'; readonly path: string };

export interface PeerAddress {
  readonly address: PeerSocket;
  /** As `$upstream_addr` prints it: "127.0.0.1:8010", "[::1]:8010", "unix:/run/a.sock". */
  readonly name: string;
}

export interface Peer {
  readonly address: PeerSocket;
  readonly name: string;
  /** The server as the file writes it. */
  readonly server: string;
  readonly weight: number;
  readonly maxConns: number;
  readonly maxFails: number;
  readonly failTimeoutSeconds: number;
  readonly down: boolean;
  readonly backup: boolean;
  /** The only peer of its upstream: its failures are not counted, as in nginx. */
  readonly single: boolean;
  readonly table: PeerTable;
  readonly row: number;
}

/** The servers of an upstream that stand in for one another: the primary ones, or the backup ones. As ngx_http_upstream_rr_peers_t. */
export interface PeerGroup {
  readonly peers: readonly Peer[];
  readonly totalWeight: number;
  /** How many are not `down`: each may be tried once. */
  readonly tries: number;
  readonly single: boolean;
  /** Who is asked when none of these is live. */
  readonly backup: PeerGroup | undefined;
}

/** How an attempt ended. An answer that `proxy_next_upstream` passes over as http_403 or http_404 is 'ok': the peer lives. */
export type Outcome = 'ok' | 'failed';

/** Added to the seconds, so that a row of zeros reads "long ago" at any time that a clock may say. */
const LONG_AGO_SECONDS = 2 ** 40;

/** The whole second in which `now` lies; nginx counts `fail_timeout` in these. */
export function secondOf(now: Ms): number {
  return Math.floor(now / 1000) + LONG_AGO_SECONDS;
}

/** Neither `down`, nor resting after failures, nor full. The condition that every method of nginx asks. */
export function isLive(peer: Peer, second: number): boolean {
  if (peer.down) return false;
  const { table, row, maxFails, maxConns } = peer;
  if (
    maxFails > 0 &&
    table.fails[row]! >= maxFails &&
    second - table.checked[row]! <= peer.failTimeoutSeconds
  ) {
    return false;
  }
  return maxConns === 0 || table.conns[row]! < maxConns;
}

/** The peer is being asked: one connection more, and a new look at it once `fail_timeout` has passed. */
export function take(peer: Peer, second: number): void {
  const { table, row } = peer;
  Atomics.add(table.conns, row, 1);
  if (second - table.checked[row]! > peer.failTimeoutSeconds) table.checked[row] = second;
}

/**
 * One step of the smooth weighted round robin for one candidate: its current weight grows by its effective weight, which is returned;
 * a weight that failures have lowered recovers by one.
 */
export function grow(peer: Peer): number {
  const { table, row } = peer;
  const lost = Math.min(table.lost[row]!, peer.weight);
  const effective = peer.weight - lost;
  table.current[row] = table.current[row]! + effective;
  if (lost > 0) table.lost[row] = lost - 1;
  return effective;
}

/**
 * The end of what `take` began: of an attempt, of an answer or of a tunnel. True when this failure put the peer to rest
 * ("upstream server temporarily disabled"). As ngx_http_upstream_free_round_robin_peer().
 */
export function releasePeer(peer: Peer, outcome: Outcome, now: Ms): boolean {
  const { table } = peer;
  const locked = table.lock();
  const rests = settle(peer, outcome, secondOf(now));
  Atomics.sub(table.conns, peer.row, 1);
  if (locked) table.unlock();
  return rests;
}

function settle(peer: Peer, outcome: Outcome, second: number): boolean {
  const { table, row, weight, maxFails } = peer;
  if (peer.single) {
    table.fails[row] = 0;
    return false;
  }
  if (outcome === 'ok') {
    // The check passed: the peer was asked after its last failure, and it lives.
    if (table.accessed[row]! < table.checked[row]!) table.fails[row] = 0;
    return false;
  }
  table.fails[row] = table.fails[row]! + 1;
  table.accessed[row] = table.checked[row] = second;
  if (maxFails === 0) return false;
  table.lost[row] = Math.min(weight, table.lost[row]! + Math.floor(weight / maxFails));
  return table.fails[row]! >= maxFails;
}
