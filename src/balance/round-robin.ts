// Smooth weighted round robin, nginx's default and what every other method falls back to. As ngx_http_upstream_get_round_robin_peer().
import { grow, isLive, type Peer, type PeerGroup, take } from './peer.ts';
import type { Chooser, Selection } from './selection.ts';

export const ROUND_ROBIN: Chooser = {
  begin() {},
  choose: chooseByRoundRobin,
};

/** The group's best peer, else the backup group's. */
export function chooseByRoundRobin(selection: Selection, second: number): Peer | undefined {
  const { group } = selection;
  const peer = group.single ? onlyPeer(group, second) : bestPeer(selection, second);
  if (peer !== undefined) return peer;
  if (group.backup === undefined) return undefined;
  selection.fallBack(group.backup);
  return chooseByRoundRobin(selection, second);
}

/** The only peer of an upstream is asked whatever its failures, and again and again. */
function onlyPeer(group: PeerGroup, second: number): Peer | undefined {
  const peer = group.peers[0]!;
  if (peer.down || (peer.maxConns > 0 && peer.table.conns[peer.row]! >= peer.maxConns)) return undefined;
  take(peer, second);
  return peer;
}

function bestPeer(selection: Selection, second: number): Peer | undefined {
  const { peers } = selection.group;
  let best: Peer | undefined;
  let bestIndex = 0;
  let total = 0;
  for (let i = 0; i < peers.length; i++) {
    const peer = peers[i]!;
    if (selection.isTried(i) || !isLive(peer, second)) continue;
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
