// Deadlines for a hundred thousand owners: a hierarchical wheel over typed arrays, shared by all engines, driven by `advance`.
// It reads no clock. A slot is queued where it was first armed; a later deadline is one store, and the slot moves when its old place
// comes up (nginx's rbtree pays for each move; NGX_TIMER_LAZY_DELAY is its remedy). An earlier one is queued anew at once.
import { assert, DEBUG } from '../base/assert.ts';
import type { Ms, TimerOwner, TimerSlot, Timers } from './engine.ts';

/** Deadlines are rounded up to whole ticks: a timer fires at most this late, never early. */
export const TICK_MS = 4;

const LEVELS = 5; // buckets of 4 ms, 256 ms, 16 s, 17 min, 19 h: 50 days in all; what is further waits in the last and is queued anew
const BUCKETS = 64;
const FIRING = LEVELS * BUCKETS; // the list that `advance` is working on
const LATE = FIRING + 1; // armed for the past by an owner while `advance` runs: fires with the next one, so that each advance ends
const NONE = -1;
const WIDTHS = [1, 64, 4096, 262144, 16777216, 1073741824]; // in ticks; the last is the wheel's whole span

export class TimerWheel implements Timers {
  private deadlines = new Float64Array(0); // Infinity: disarmed
  private queued = new Float64Array(0); // the tick at which the slot's bucket comes up, where it is in one
  private next = new Int32Array(0); // in the bucket, or in the list of free slots
  private previous = new Int32Array(0);
  private bucket = new Int16Array(0); // NONE: in no list
  private readonly owners: (TimerOwner | undefined)[] = [];
  private readonly heads = new Int32Array(LATE + 1).fill(NONE);
  private readonly occupied = new Uint32Array(LEVELS * 2); // a bit for each bucket that is not empty
  private free: TimerSlot = NONE;
  private count = 0;

  private tick: number; // all up to here have come up
  private horizon: number; // the tick that `advance` goes to
  private nextTick = Infinity; // no bucket comes up before this one
  private readonly onSooner: (() => void) | undefined;

  /** `now` is where time begins; `onSooner` is told when `nextWake` has become earlier, so that an idle engine can set its alarm. */
  constructor(now: Ms = 0, onSooner?: () => void) {
    this.tick = this.horizon = Math.floor(now / TICK_MS);
    this.onSooner = onSooner;
  }

  add(owner: TimerOwner): TimerSlot {
    if (this.free === NONE) this.grow();
    const slot = this.free;
    this.free = this.next[slot]!;
    this.next[slot] = NONE;
    this.owners[slot] = owner;
    this.count++;
    return slot;
  }

  remove(slot: TimerSlot): void {
    if (DEBUG) assert(this.owners[slot] !== undefined, 'a timer slot is removed twice');
    if (this.bucket[slot] !== NONE) this.unlink(slot);
    this.deadlines[slot] = Infinity;
    this.owners[slot] = undefined;
    this.next[slot] = this.free;
    this.free = slot;
    this.count--;
  }

  arm(slot: TimerSlot, at: Ms): void {
    if (DEBUG) assert(this.owners[slot] !== undefined && !Number.isNaN(at), 'a removed timer slot is armed');
    this.deadlines[slot] = at;
    if (this.bucket[slot] !== NONE) {
      if (at > (this.queued[slot]! - 1) * TICK_MS) return;
      this.unlink(slot);
    }
    if (at === Infinity) return;
    const due = Math.max(Math.ceil(at / TICK_MS), this.horizon + 1);
    if (due === this.horizon + 1 && this.tick < this.horizon) this.push(slot, LATE, due);
    else this.link(slot, due);
  }

  /** One store: the slot leaves its bucket when that comes up. */
  disarm(slot: TimerSlot): void {
    this.deadlines[slot] = Infinity;
  }

  deadline(slot: TimerSlot): Ms {
    return this.deadlines[slot]!;
  }

  /** When `advance` has something to do next; never later than a deadline rounded up to its tick. Infinity: never. */
  nextWake(): Ms {
    return this.nextTick * TICK_MS;
  }

  /** Slots in use, for the leak checks. */
  get size(): number {
    return this.count;
  }

  /** Fires what is due at `now`, by ticks in order. What `expired` arms for the past fires with the next advance. */
  advance(now: Ms): void {
    const target = Math.floor(now / TICK_MS);
    if (target <= this.horizon) return;
    this.horizon = target;
    this.fire(now); // what an owner that threw has left
    while (this.nextTick <= target) {
      this.tick = this.nextTick;
      for (let level = LEVELS - 1; level >= 0; level--) {
        if (this.tick % WIDTHS[level]! === 0) this.open(level, now);
      }
      this.nextTick = this.soonest();
    }
    this.tick = target;
    for (let slot = this.heads[LATE]!; slot !== NONE; slot = this.heads[LATE]!) {
      this.unlink(slot);
      this.arm(slot, this.deadlines[slot]!);
    }
  }

  /** The bucket of `level` that begins at the current tick: its slots fire, go down to a finer level or wait on. */
  private open(level: number, now: Ms): void {
    const bucket = level * BUCKETS + ((this.tick / WIDTHS[level]!) % BUCKETS);
    const head = this.heads[bucket]!;
    if (head === NONE) return;
    this.setHead(bucket, NONE);
    this.heads[FIRING] = head;
    for (let each = head; each !== NONE; each = this.next[each]!) this.bucket[each] = FIRING;
    this.fire(now);
  }

  /** One after the other from the list's head: an owner may remove or arm any slot, those that are about to fire included. */
  private fire(now: Ms): void {
    for (let slot = this.heads[FIRING]!; slot !== NONE; slot = this.heads[FIRING]!) {
      this.unlink(slot);
      const at = this.deadlines[slot]!;
      if (at <= this.tick * TICK_MS) {
        this.deadlines[slot] = Infinity;
        this.owners[slot]?.expired(slot, now);
      } else if (at !== Infinity) {
        this.link(slot, Math.ceil(at / TICK_MS));
      }
    }
  }

  /** Puts a slot into the bucket of its deadline, which is a tick yet to come. */
  private link(slot: TimerSlot, due: number): void {
    const delta = due - this.tick;
    let level = 0;
    while (level < LEVELS - 1 && delta >= WIDTHS[level + 1]!) level++;
    const width = WIDTHS[level]!;
    const place = Math.floor((delta < WIDTHS[LEVELS]! ? due : this.tick + WIDTHS[LEVELS]! - 1) / width);
    const comesUp = place * width;
    this.push(slot, level * BUCKETS + (place % BUCKETS), comesUp);
    if (comesUp < this.nextTick) {
      this.nextTick = comesUp;
      this.onSooner?.();
    }
  }

  private push(slot: TimerSlot, bucket: number, comesUp: number): void {
    const head = this.heads[bucket]!;
    this.next[slot] = head;
    this.previous[slot] = NONE;
    if (head !== NONE) this.previous[head] = slot;
    this.setHead(bucket, slot);
    this.bucket[slot] = bucket;
    this.queued[slot] = comesUp;
  }

  private unlink(slot: TimerSlot): void {
    const bucket = this.bucket[slot]!;
    const next = this.next[slot]!;
    const previous = this.previous[slot]!;
    if (next !== NONE) this.previous[next] = previous;
    if (previous !== NONE) this.next[previous] = next;
    else this.setHead(bucket, next);
    this.bucket[slot] = NONE;
  }

  private setHead(bucket: number, slot: TimerSlot): void {
    this.heads[bucket] = slot;
    if (bucket >= FIRING) return;
    const bit = 1 << (bucket & 31);
    if (slot === NONE) this.occupied[bucket >> 5]! &= ~bit;
    else this.occupied[bucket >> 5]! |= bit;
  }

  /** The tick at which the next bucket that is not empty comes up, on any level. */
  private soonest(): number {
    let best = Infinity;
    for (let level = 0; level < LEVELS; level++) {
      const width = WIDTHS[level]!;
      const place = Math.floor(this.tick / width);
      const distance = this.distance(level, (place + 1) % BUCKETS);
      if (distance >= 0) best = Math.min(best, (place + 1 + distance) * width);
    }
    return best;
  }

  /** How many buckets after `from` the first one stands that is not empty, round the wheel; -1: all are. */
  private distance(level: number, from: number): number {
    const words = [this.occupied[level * 2]!, this.occupied[level * 2 + 1]!];
    if (words[0] === 0 && words[1] === 0) return -1;
    // Three looks: the rest of the first word, the other one, the first from its start.
    for (let look = 0, at = from; look < 3; look++, at = ((at >> 5) + 1) * 32) {
      const word = words[(at >> 5) & 1]! & (-1 << (at & 31));
      if (word !== 0) return ((at & 32) + lowestBit(word) - from + BUCKETS) % BUCKETS;
    }
    return -1;
  }

  private grow(): void {
    const before = this.deadlines.length;
    const after = Math.max(64, before * 2);
    this.deadlines = copied(new Float64Array(after), this.deadlines);
    this.queued = copied(new Float64Array(after), this.queued);
    this.next = copied(new Int32Array(after), this.next);
    this.previous = copied(new Int32Array(after), this.previous);
    this.bucket = copied(new Int16Array(after), this.bucket);
    this.deadlines.fill(Infinity, before);
    this.bucket.fill(NONE, before);
    for (let slot = after - 1; slot >= before; slot--) {
      this.next[slot] = this.free;
      this.free = slot;
      this.owners[slot] = undefined;
    }
  }
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}

function copied<T extends Float64Array | Int32Array | Int16Array>(target: T, source: T): T {
  target.set(source);
  return target;
}
