// hash KEY consistent: ketama's circle of 160 points per unit of weight, so that a change of the list moves few keys (points as
// Cache::Memcached::Fast sets them). As ngx_http_upstream_get_chash_peer().
import { CRC32_START, crc32End, crc32OfText, crc32OfWord } from './crc32.ts';
import { DRAWS_MAX } from './draw.ts';
import { grow, isLive, type Peer, type PeerGroup, take } from './peer.ts';
import { chooseByRoundRobin } from './round-robin.ts';
import type { Chooser, Selection } from './selection.ts';

const POINTS_PER_WEIGHT = 160;

/** The largest total weight for which a circle is drawn: 16 million points, 128 MB. The plan refuses more, where nginx would try. */
export const CONSISTENT_WEIGHT_MAX = 100_000;

/** Points in order, each with the number of its server (not peer: a name with several addresses is one server). */
interface Circle {
  readonly hashes: Uint32Array;
  readonly servers: Uint32Array;
}

export class ConsistentHash implements Chooser {
  private readonly circle: Circle;
  /** The server's number of each primary peer. */
  private readonly serverOf: readonly number[];

  constructor(primary: PeerGroup) {
    const names = new Map<string, number>();
    this.serverOf = primary.peers.map((peer) => {
      const known = names.get(peer.server) ?? names.size;
      names.set(peer.server, known);
      return known;
    });
    this.circle = drawCircle(primary, this.serverOf);
  }

  begin(selection: Selection): void {
    selection.hash = firstPoint(this.circle, crc32End(crc32OfText(CRC32_START, selection.hashKey)));
  }

  choose(selection: Selection, second: number): Peer | undefined {
    if (selection.draws > DRAWS_MAX || selection.group.single || selection.hashKey === '') {
      return chooseByRoundRobin(selection, second);
    }
    const { hashes, servers } = this.circle;
    for (;;) {
      const peer = this.bestOfServer(selection, servers[selection.hash % hashes.length]!, second);
      if (peer !== undefined) return peer;
      selection.hash++;
      if (++selection.draws > DRAWS_MAX) return chooseByRoundRobin(selection, second);
    }
  }

  /** Round robin among the addresses of one server. */
  private bestOfServer(selection: Selection, server: number, second: number): Peer | undefined {
    const { peers } = selection.group;
    let best: Peer | undefined;
    let bestIndex = 0;
    let total = 0;
    for (let i = 0; i < peers.length; i++) {
      const peer = peers[i]!;
      if (this.serverOf[i] !== server || selection.isTried(i) || !isLive(peer, second)) continue;
      total += grow(peer);
      if (best === undefined || peer.table.current[peer.row]! > best.table.current[best.row]!) {
        best = peer;
        bestIndex = i;
      }
    }
    if (best === undefined) return undefined;
    best.table.current[best.row]! -= total;
    selection.markTried(bestIndex);
    take(best, second);
    return best;
  }
}

function drawCircle(primary: PeerGroup, serverOf: readonly number[]): Circle {
  const weight = Math.min(primary.totalWeight, CONSISTENT_WEIGHT_MAX);
  const places = new Float64Array(weight * POINTS_PER_WEIGHT);
  let count = 0;
  // A point and its peer in one number: sorting is then by hash, and where two are equal the peer written first has it.
  const peersMax = 2 ** 21;
  primary.peers.forEach((peer, i) => {
    const base = serverCrc(peer.server);
    let hash = 0;
    for (let j = 0; j < peer.weight * POINTS_PER_WEIGHT && count < places.length; j++) {
      hash = crc32End(crc32OfWord(base, hash));
      places[count++] = hash * peersMax + i;
    }
  });
  places.sort();
  const hashes = new Uint32Array(count);
  const servers = new Uint32Array(count);
  let points = 0;
  for (let i = 0; i < count; i++) {
    const hash = Math.floor(places[i]! / peersMax);
    if (points > 0 && hashes[points - 1] === hash) continue;
    hashes[points] = hash;
    servers[points++] = serverOf[places[i]! % peersMax]!;
  }
  return { hashes: hashes.slice(0, points), servers: servers.slice(0, points) };
}

/** The unfinished sum of HOST, NUL, PORT, which a server's points go on from. The server is taken as written. */
function serverCrc(server: string): number {
  const unix = /^unix:/i.test(server);
  const colon = /:[0-9]*$/.exec(server);
  const host = unix ? server.slice(5) : server.slice(0, colon?.index);
  const port = unix || colon === null ? '' : server.slice(colon.index + 1);
  return crc32OfText(CRC32_START, `${host}\0${port}`);
}

/** Index of the first point that is not before `hash`; past the last one when there is none. */
function firstPoint({ hashes }: Circle, hash: number): number {
  let low = 0;
  let high = hashes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (hashes[middle]! < hash) low = middle + 1;
    else high = middle;
  }
  return low;
}
