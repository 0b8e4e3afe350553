// The counters of a limit_req zone, in memory that all workers share: a hash table with an LRU list, in cells of 64 bytes. A zone of
// zeros is an empty table. One word locks it; its holder does bounded work. Numbers of cells begin with 1, 0 is none.
import { bytesOf } from '../base/bytes.ts';
import type { Ms } from '../base/time.ts';

/** Words of the zone's first cell. */
const LOCK = 0; // 0, or the pid of who holds it: the master frees what a dead worker held
const USED = 1; // cells that were ever in use
const FREE = 2; // list of cells given back, linked by NEXT
const NEWEST = 3;
const OLDEST = 4;
const CONTENDED = 5; // decisions made without the lock

/** Words of a cell that begins an entry; one that goes on has NEXT and then bytes of the key. */
const NEXT = 0; // in the bucket's chain or the free list; of a cell that goes on: the next one
const NEWER = 1;
const OLDER = 2;
const HASH = 3;
const KEY_LENGTH = 4;
const PINS = 5; // requests that have looked it up and not yet accounted for it
const REST = 6; // the cell in which the key goes on

const CELL_BYTES = 64;
const CELL_WORDS = CELL_BYTES / 4;
/** Doubles of a cell: thousandths of a request, and milliseconds. */
const EXCESS = 4;
const LAST = 5;
const CELL_DOUBLES = CELL_BYTES / 8;
/** The key begins here in its first cell, and here in the ones that go on. */
const KEY_AT = 48;
const MORE_AT = 4;

const LOCK_TRIES_MAX = 1000;
/** Entries of one chain that are looked at without the lock, in a list that may be changing. */
const UNLOCKED_STEPS_MAX = 64;
/** An entry that is let go before its time is this old at least. */
const IDLE_MS = 60_000;

/** What a look-up says, in thousandths of a request over the rate; 'full': there is no room for another key. */
export interface Looked {
  readonly verdict: 'pass' | 'over' | 'full';
  readonly excess: number;
  /** The entry, pinned, when its request is to be accounted for later; 0 for none. */
  readonly entry: number;
}

export class RequestTable {
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  private readonly bytes: Uint8Array;
  private readonly bucketCount: number;
  private readonly bucketsAt: number;
  private readonly cellCount: number;
  private readonly pid: number;

  constructor(memory: ArrayBuffer, pid: number) {
    const cells = Math.floor(memory.byteLength / CELL_BYTES);
    this.words = new Int32Array(memory, 0, cells * CELL_WORDS);
    this.doubles = new Float64Array(memory, 0, cells * CELL_DOUBLES);
    this.bytes = new Uint8Array(memory, 0, cells * CELL_BYTES);
    // Cell 0 is the header; buckets stand in the last cells, one for each two entries or more.
    this.bucketCount = 2 ** Math.floor(Math.log2(Math.max(CELL_WORDS, cells / 2)));
    this.cellCount = cells - Math.ceil(this.bucketCount / CELL_WORDS);
    this.bucketsAt = this.cellCount * CELL_WORDS;
    this.pid = pid;
  }

  get contended(): number {
    return Atomics.load(this.words, CONTENDED);
  }

  /**
   * As ngx_http_limit_req_lookup(): `rate` and `burst` in thousandths of a request, a second and at once. With `account` the request
   * counts when it passes; without, its entry is pinned for `account` or `unpin`.
   */
  look(key: string, rate: number, burst: number, wall: Ms, account: boolean): Looked {
    const now = Math.floor(wall);
    const keyBytes = bytesOf(key);
    const hash = hashOf(keyBytes);
    if (!this.lock()) return this.lookUnlocked(keyBytes, hash, rate, burst, now);
    const looked = this.lookLocked(keyBytes, hash, rate, burst, now, account);
    this.unlock();
    return looked;
  }

  /** Counts the request of an entry that was looked up; its excess. As ngx_http_limit_req_account(). */
  account(entry: number, rate: number, wall: Ms): number {
    const now = Math.floor(wall);
    const locked = this.lock();
    const [excess, ms] = this.excessOf(entry, rate, now);
    if (locked) {
      if (ms !== 0) this.setDouble(entry, LAST, now);
      this.setDouble(entry, EXCESS, excess);
      this.unlock();
    }
    this.unpin(entry);
    return excess;
  }

  /** Lets go of an entry whose request does not count after all. */
  unpin(entry: number): void {
    Atomics.sub(this.words, entry * CELL_WORDS + PINS, 1);
  }

  private lookLocked(
    key: Uint8Array,
    hash: number,
    rate: number,
    burst: number,
    now: number,
    account: boolean,
  ): Looked {
    const known = this.find(key, hash, Number.POSITIVE_INFINITY);
    if (known !== 0) {
      this.unlink(known);
      this.linkNewest(known);
      const [excess, ms] = this.excessOf(known, rate, now);
      if (excess > burst) return { verdict: 'over', excess, entry: 0 };
      if (!account) {
        this.pin(known);
        return { verdict: 'pass', excess, entry: known };
      }
      this.setDouble(known, EXCESS, excess);
      if (ms !== 0) this.setDouble(known, LAST, now);
      return { verdict: 'pass', excess, entry: 0 };
    }
    this.expire(rate, now, false);
    const made = this.insert(key, hash, rate, now);
    if (made === 0) return { verdict: 'full', excess: 0, entry: 0 };
    this.setDouble(made, EXCESS, 0);
    this.setDouble(made, LAST, account ? now : 0);
    this.setWord(made, PINS, 0);
    if (account) return { verdict: 'pass', excess: 0, entry: 0 };
    this.pin(made);
    return { verdict: 'pass', excess: 0, entry: made };
  }

  /** Another worker has held the lock for too long: what can be read decides, nothing is counted. */
  private lookUnlocked(key: Uint8Array, hash: number, rate: number, burst: number, now: number): Looked {
    Atomics.add(this.words, CONTENDED, 1);
    const known = this.find(key, hash, UNLOCKED_STEPS_MAX);
    if (known === 0) return { verdict: 'pass', excess: 0, entry: 0 };
    const [excess] = this.excessOf(known, rate, now);
    return { verdict: excess > burst ? 'over' : 'pass', excess, entry: 0 };
  }

  /** What the entry's excess is with this request, and the time since it was last counted. A clock set back counts as no time. */
  private excessOf(entry: number, rate: number, now: number): readonly [excess: number, ms: number] {
    let ms = now - this.double(entry, LAST);
    if (ms < -IDLE_MS) ms = 1;
    else if (ms < 0) ms = 0;
    const excess = this.double(entry, EXCESS) - Math.floor((rate * ms) / 1000) + 1000;
    return [Math.max(0, excess), ms];
  }

  private find(key: Uint8Array, hash: number, stepsMax: number): number {
    let entry = this.words[this.bucketOf(hash)] ?? 0;
    for (let steps = 0; entry > 0 && entry < this.cellCount && steps < stepsMax; steps++) {
      if (this.word(entry, HASH) === hash && this.word(entry, KEY_LENGTH) === key.length) {
        if (this.sameKey(entry, key)) return entry;
      }
      entry = this.word(entry, NEXT);
    }
    return 0;
  }

  private sameKey(entry: number, key: Uint8Array): boolean {
    let cell = entry;
    let at = KEY_AT;
    for (let i = 0; i < key.length; i++) {
      if (at === CELL_BYTES) {
        cell = this.word(cell, cell === entry ? REST : NEXT);
        if (cell <= 0 || cell >= this.cellCount) return false;
        at = MORE_AT;
      }
      if (this.bytes[cell * CELL_BYTES + at++] !== key[i]) return false;
    }
    return true;
  }

  /** A new entry at the head of its chain and of the list; the oldest are let go until there is room. 0 where that does not help. */
  private insert(key: Uint8Array, hash: number, rate: number, now: number): number {
    const more = Math.max(0, Math.ceil((key.length - (CELL_BYTES - KEY_AT)) / (CELL_BYTES - MORE_AT)));
    if (1 + more >= this.cellCount) return 0;
    const cells: number[] = [];
    while (cells.length < 1 + more) {
      const cell = this.takeCell();
      if (cell !== 0) cells.push(cell);
      else if (!this.expire(rate, now, true)) {
        for (const each of cells) this.giveCell(each);
        return 0;
      }
    }
    const [entry = 0] = cells;
    this.writeKey(cells, key);
    const bucket = this.bucketOf(hash);
    this.setWord(entry, HASH, hash);
    this.setWord(entry, KEY_LENGTH, key.length);
    this.setWord(entry, NEXT, this.words[bucket] ?? 0);
    this.words[bucket] = entry;
    this.linkNewest(entry);
    return entry;
  }

  private writeKey(cells: readonly number[], key: Uint8Array): void {
    let from = 0;
    for (const [i, cell] of cells.entries()) {
      const at = i === 0 ? KEY_AT : MORE_AT;
      const part = key.subarray(from, from + CELL_BYTES - at);
      this.bytes.set(part, cell * CELL_BYTES + at);
      this.setWord(cell, i === 0 ? REST : NEXT, cells[i + 1] ?? 0);
      from += part.length;
    }
  }

  /**
   * Lets go of up to two entries that have been at rest for a minute; with `force` of the oldest whatever its state. As
   * ngx_http_limit_req_expire(). False when nothing could go.
   */
  private expire(rate: number, now: number, force: boolean): boolean {
    let gone = false;
    for (let count = force ? 0 : 1; count < 3; count++) {
      const oldest = this.words[OLDEST] ?? 0;
      if (oldest === 0 || this.word(oldest, PINS) > 0) return gone;
      if (count > 0) {
        const ms = Math.abs(now - this.double(oldest, LAST));
        if (ms < IDLE_MS || this.double(oldest, EXCESS) - Math.floor((rate * ms) / 1000) > 0) return gone;
      }
      this.remove(oldest);
      gone = true;
    }
    return gone;
  }

  private remove(entry: number): void {
    this.unlink(entry);
    const bucket = this.bucketOf(this.word(entry, HASH));
    if (this.words[bucket] === entry) this.words[bucket] = this.word(entry, NEXT);
    else {
      let before = this.words[bucket] ?? 0;
      while (before !== 0 && this.word(before, NEXT) !== entry) before = this.word(before, NEXT);
      if (before !== 0) this.setWord(before, NEXT, this.word(entry, NEXT));
    }
    let rest = this.word(entry, REST);
    while (rest !== 0) {
      const next = this.word(rest, NEXT);
      this.giveCell(rest);
      rest = next;
    }
    this.giveCell(entry);
  }

  private takeCell(): number {
    const free = this.words[FREE] ?? 0;
    if (free !== 0) {
      this.words[FREE] = this.word(free, NEXT);
      return free;
    }
    const used = this.words[USED] ?? 0;
    if (used + 1 >= this.cellCount) return 0;
    this.words[USED] = used + 1;
    return used + 1;
  }

  private giveCell(cell: number): void {
    this.setWord(cell, NEXT, this.words[FREE] ?? 0);
    this.words[FREE] = cell;
  }

  private linkNewest(entry: number): void {
    const newest = this.words[NEWEST] ?? 0;
    this.setWord(entry, OLDER, newest);
    this.setWord(entry, NEWER, 0);
    if (newest !== 0) this.setWord(newest, NEWER, entry);
    else this.words[OLDEST] = entry;
    this.words[NEWEST] = entry;
  }

  private unlink(entry: number): void {
    const newer = this.word(entry, NEWER);
    const older = this.word(entry, OLDER);
    if (newer !== 0) this.setWord(newer, OLDER, older);
    else this.words[NEWEST] = older;
    if (older !== 0) this.setWord(older, NEWER, newer);
    else this.words[OLDEST] = newer;
  }

  private pin(entry: number): void {
    Atomics.add(this.words, entry * CELL_WORDS + PINS, 1);
  }

  private lock(): boolean {
    for (let tries = 0; tries < LOCK_TRIES_MAX; tries++) {
      if (Atomics.compareExchange(this.words, LOCK, 0, this.pid) === 0) return true;
    }
    return false;
  }

  private unlock(): void {
    Atomics.store(this.words, LOCK, 0);
  }

  private bucketOf(hash: number): number {
    return this.bucketsAt + (hash & (this.bucketCount - 1));
  }

  private word(cell: number, word: number): number {
    return this.words[cell * CELL_WORDS + word] ?? 0;
  }

  private setWord(cell: number, word: number, value: number): void {
    this.words[cell * CELL_WORDS + word] = value;
  }

  private double(cell: number, double: number): number {
    return this.doubles[cell * CELL_DOUBLES + double] ?? 0;
  }

  private setDouble(cell: number, double: number, value: number): void {
    this.doubles[cell * CELL_DOUBLES + double] = value;
  }
}

/** FNV-1a, mixed once more so that its low bits are good. */
function hashOf(key: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of key) hash = Math.imul(hash ^ byte, 0x01000193);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x2c1b3c6d) | 0;
}
