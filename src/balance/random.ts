// random: a peer by weighted chance; `two`: of two such peers the one that carries less. As ngx_http_upstream_get_random_peer() and
// ngx_http_upstream_get_random2_peer().
import type { Random } from '../base/random.ts';
import { DRAWS_MAX, peerAtWeight } from './draw.ts';
import { compareLoad } from './least-conn.ts';
import { isLive, type Peer, type PeerGroup, take } from './peer.ts';
import { chooseByRoundRobin } from './round-robin.ts';
import type { Chooser, Selection } from './selection.ts';

export class RandomChoice implements Chooser {
  private readonly random: Random;
  private readonly two: boolean;

  constructor(random: Random, two: boolean) {
    this.random = random;
    this.two = two;
  }

  begin(): void {}

  choose(selection: Selection, second: number): Peer | undefined {
    const { group } = selection;
    let held = -1;
    while (selection.draws <= DRAWS_MAX && group.peers.length > 1) {
      const index = this.draw(group);
      if (index !== held && !selection.isTried(index) && isLive(group.peers[index]!, second)) {
        if (!this.two) return takeAt(selection, index, second);
        if (held >= 0) {
          const heavier = compareLoad(group.peers[index]!, group.peers[held]!) > 0;
          return takeAt(selection, heavier ? held : index, second);
        }
        held = index;
        continue;
      }
      selection.draws++;
    }
    return chooseByRoundRobin(selection, second);
  }

  private draw(group: PeerGroup): number {
    return peerAtWeight(group, Math.floor(this.random.fraction() * group.totalWeight));
  }
}

function takeAt(selection: Selection, index: number, second: number): Peer {
  const peer = selection.group.peers[index]!;
  selection.markTried(index);
  take(peer, second);
  return peer;
}
