// The clients' connections that give way where worker_connections are used up, in the order in which they fell idle. Coming and going
// is a few stores, since each request does both. As nginx's reusable_connections_queue.

/** `older`, `newer` and `reusable` are the list's own. */
export interface Reusable {
  older: Reusable | undefined;
  newer: Reusable | undefined;
  reusable: boolean;
  close(): void;
}

export class ReusableList {
  size = 0;
  private oldest: Reusable | undefined;
  private newest: Reusable | undefined;

  add(each: Reusable): void {
    if (each.reusable) return;
    each.reusable = true;
    each.older = this.newest;
    if (this.newest === undefined) this.oldest = each;
    else this.newest.newer = each;
    this.newest = each;
    this.size++;
  }

  remove(each: Reusable): void {
    if (!each.reusable) return;
    const { older, newer } = each;
    if (older === undefined) this.oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.newest = older;
    else newer.older = older;
    each.reusable = false;
    each.older = each.newer = undefined;
    this.size--;
  }

  /** Closes up to `countMax`, those that are idle longest; returns how many. */
  close(countMax: number): number {
    let count = 0;
    for (; count < countMax && this.oldest !== undefined; count++) {
      const { oldest } = this;
      this.remove(oldest);
      oldest.close();
    }
    return count;
  }
}
