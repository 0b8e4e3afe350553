// least_conn: the peer with the fewest connections for its weight; among equals round robin. As ngx_http_upstream_get_least_conn_peer().
import { grow, isLive, type Peer, take } from './peer.ts';
import { chooseByRoundRobin } from './round-robin.ts';
import type { Chooser, Selection } from './selection.ts';

export const LEAST_CONN: Chooser = {
  begin() {},
  choose,
};

function choose(selection: Selection, second: number): Peer | undefined {
  const { group } = selection;
  if (group.single) return chooseByRoundRobin(selection, second);
  const { peers } = group;
  let best: Peer | undefined;
  let bestIndex = 0;
  let many = false;
  for (let i = 0; i < peers.length; i++) {
    const peer = peers[i]!;
    if (selection.isTried(i) || !isLive(peer, second)) continue;
    const order = best === undefined ? -1 : compareLoad(peer, best);
    if (order < 0) {
      best = peer;
      bestIndex = i;
      many = false;
    } else if (order === 0) many = true;
  }
  if (best === undefined) {
    if (group.backup === undefined) return undefined;
    selection.fallBack(group.backup);
    return choose(selection, second);
  }
  if (many) {
    bestIndex = bestOfEquals(selection, bestIndex, second);
    best = peers[bestIndex]!;
  }
  selection.markTried(bestIndex);
  take(best, second);
  return best;
}

/** Round robin among the peers that carry as much as the one at `first`, the first of them. */
function bestOfEquals(selection: Selection, first: number, second: number): number {
  const { peers } = selection.group;
  let bestIndex = first;
  let total = 0;
  for (let i = first; i < peers.length; i++) {
    const peer = peers[i]!;
    const best = peers[bestIndex]!;
    if (selection.isTried(i) || compareLoad(peer, best) !== 0 || !isLive(peer, second)) continue;
    total += grow(peer);
    if (peer.table.current[peer.row]! > best.table.current[best.row]!) bestIndex = i;
  }
  const best = peers[bestIndex]!;
  best.table.current[best.row]! -= total;
  return bestIndex;
}

/** Connections per weight, compared without dividing: less than 0 when `a` carries less. */
export function compareLoad(a: Peer, b: Peer): number {
  return a.table.conns[a.row]! * b.weight - b.table.conns[b.row]! * a.weight;
}
