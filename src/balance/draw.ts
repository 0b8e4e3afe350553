// What the methods share that draw a weight's place and may draw in vain: ip_hash, hash, random.
import type { PeerGroup } from './peer.ts';

/** After so many vain draws a request goes round robin, as in nginx. */
export const DRAWS_MAX = 20;

/** Index of the peer in whose share of the total weight `place` lies. */
export function peerAtWeight(group: PeerGroup, place: number): number {
  const { peers } = group;
  let left = place;
  let index = 0;
  while (left >= peers[index]!.weight) left -= peers[index++]!.weight;
  return index;
}
