// hash KEY: the key's CRC-32 names the peer; a peer that cannot serve is passed over by hashing anew with a count before the key
// (as Cache::Memcached does). As ngx_http_upstream_get_hash_peer().
import { CRC32_START, crc32End, crc32OfText } from './crc32.ts';
import { DRAWS_MAX, peerAtWeight } from './draw.ts';
import { isLive, type Peer, take } from './peer.ts';
import { chooseByRoundRobin } from './round-robin.ts';
import type { Chooser, Selection } from './selection.ts';

export const HASH: Chooser = {
  begin() {},
  choose,
};

function choose(selection: Selection, second: number): Peer | undefined {
  const { group, hashKey } = selection;
  if (selection.draws > DRAWS_MAX || group.peers.length < 2 || hashKey === '') {
    return chooseByRoundRobin(selection, second);
  }
  for (;;) {
    let crc = CRC32_START;
    if (selection.rehash > 0) crc = crc32OfText(crc, String(selection.rehash));
    crc = crc32End(crc32OfText(crc, hashKey));
    selection.hash += (crc >>> 16) & 0x7fff;
    selection.rehash++;
    const index = peerAtWeight(group, selection.hash % group.totalWeight);
    const peer = group.peers[index]!;
    if (!selection.isTried(index) && isLive(peer, second)) {
      selection.markTried(index);
      take(peer, second);
      return peer;
    }
    if (++selection.draws > DRAWS_MAX) return chooseByRoundRobin(selection, second);
  }
}
