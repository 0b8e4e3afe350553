// One request's way through an upstream's peers: which were tried, how many tries are left, where a hash stands. One per exchange
// that is proxied; the only object that choosing a peer makes. As ngx_http_upstream_rr_peer_data_t and what the methods add to it.
import { type Ms, type Outcome, type Peer, type PeerGroup, releasePeer, secondOf } from './peer.ts';

/** A balancing method: chooses and takes a peer of the selection's group, or of the groups behind it. */
export interface Chooser {
  /** The peer, already taken (`take`) and marked as tried; undefined when none is live. Runs with the table's lock. */
  choose(selection: Selection, second: number): Peer | undefined;
  /** Sets what the method keeps in a fresh selection. */
  begin(selection: Selection): void;
}

/** What the methods need to know of the request. */
export interface SelectionFacts {
  /** For ip_hash: 4 or 16 bytes, or the address as text; anything else (a Unix socket's client) counts as 0.0.0.0. */
  readonly clientAddress: Uint8Array | string;
  /** For hash: the key's value, a byte string. */
  readonly hashKey?: string | undefined;
  /** `proxy_next_upstream_tries`; 0 is no limit. */
  readonly triesMax?: number | undefined;
}

export class Selection {
  /** Attempts that may still begin, the one under way included: after a `release` that leaves 0 the request is answered. */
  triesLeft: number;
  /** The peer asked now. */
  peer: Peer | undefined = undefined;

  // The methods' own fields.
  group: PeerGroup;
  readonly clientAddress: Uint8Array | string;
  readonly hashKey: string;
  /** The running hash, or a point's index. */
  hash = 0;
  rehash = 0;
  /** Vain draws of a hash or random method, all calls together. */
  draws = 0;
  private tried = 0;
  private triedMore: Uint32Array | undefined = undefined;
  private readonly chooser: Chooser;

  constructor(group: PeerGroup, chooser: Chooser, facts: SelectionFacts) {
    const triesMax = facts.triesMax ?? 0;
    const tries = group.tries + (group.backup?.tries ?? 0);
    this.triesLeft = triesMax > 0 && tries > triesMax ? triesMax : tries;
    this.group = group;
    this.chooser = chooser;
    this.clientAddress = facts.clientAddress;
    this.hashKey = facts.hashKey ?? '';
    const most = Math.max(group.peers.length, group.backup?.peers.length ?? 0);
    if (most > 32) this.triedMore = new Uint32Array(Math.ceil(most / 32) - 1);
    chooser.begin(this);
  }

  /** The next peer to ask; 'busy' when none is live ("no live upstreams", 502). Each must be released before the next. */
  next(now: Ms): Peer | 'busy' {
    const { table } = this.group.peers[0]!;
    const locked = table.lock();
    this.peer = this.chooser.choose(this, secondOf(now));
    if (locked) table.unlock();
    return this.peer ?? 'busy';
  }

  /** The attempt at the peer is over. True when the peer now rests ("upstream server temporarily disabled", warn). */
  release(outcome: Outcome, now: Ms): boolean {
    const peer = this.peer;
    if (peer === undefined) return false;
    this.peer = undefined;
    if (peer.single) this.triesLeft = 0;
    else if (this.triesLeft > 0) this.triesLeft--;
    return releasePeer(peer, outcome, now);
  }

  /** Hands the taken peer on to a tunnel, which ends it with `releasePeer`; the selection is done. */
  detach(): Peer | undefined {
    const peer = this.peer;
    this.peer = undefined;
    return peer;
  }

  /** The attempt failed on a kept-alive connection that the peer had closed meanwhile: it does not count. */
  grantTry(): void {
    this.triesLeft++;
  }

  isTried(index: number): boolean {
    if (index < 32) return (this.tried & (1 << index)) !== 0;
    return (this.triedMore![(index >>> 5) - 1]! & (1 << (index & 31))) !== 0;
  }

  markTried(index: number): void {
    if (index < 32) this.tried |= 1 << index;
    else this.triedMore![(index >>> 5) - 1]! |= 1 << (index & 31);
  }

  /** Goes over to the backup group, none of which was tried yet. */
  fallBack(backup: PeerGroup): void {
    this.group = backup;
    this.tried = 0;
    this.triedMore?.fill(0);
  }
}
