// Who is there, in no order. Coming and going allocates nothing: a Set that is nearly empty makes itself a new table at each `delete`,
// and V8 carries those on into the old generation.

/** `place` is the roster's own; -1 while it is in none. */
export interface Listed {
  place: number;
}

export class Roster<T extends Listed> {
  private readonly list: T[] = [];

  get size(): number {
    return this.list.length;
  }

  add(each: T): void {
    each.place = this.list.length;
    this.list.push(each);
  }

  remove(each: T): void {
    const { place } = each;
    if (place === -1) return;
    each.place = -1;
    const last = this.list.pop();
    if (last === undefined || last === each) return;
    this.list[place] = last;
    last.place = place;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.list.values();
  }

  /** All of now: who leaves meanwhile is still among them. */
  all(): readonly T[] {
    return this.list.slice();
  }
}
