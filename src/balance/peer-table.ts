// What changes about peers, in rows over one ArrayBuffer: plain memory, or a mapping that all workers see (an upstream with `zone`).
// A row of zeros is free; a claimed row with zeros behind its key is a fresh peer. A row is found by its peer's key, so that every
// worker and every plan after a reload comes to the same row, and the state outlives them.

/** Failed tries after which a worker decides without the lock; see `lock`. */
export const LOCK_TRIES = 1000;
/** A claim happens at a start or reload, where waiting is better than two rows for one peer. */
const CLAIM_LOCK_TRIES = 1_000_000;

const HEADER_BYTES = 64;
const FLOAT_COLUMNS = 4;
const WORD_COLUMNS = 5;
const ROW_BYTES = FLOAT_COLUMNS * 8 + WORD_COLUMNS * 4;
const ROWS_FIRST = 8;
/** A table of our own has this many rows for each peer before a row is used again. */
const ROWS_PER_PEER = 2;

// Words of the header.
const LOCK = 0;
const CONTENDED = 1;

export interface PeerTableOptions {
  /** Memory shared with other processes, zeros at first. Without it the table is this process's own and grows as needed. */
  readonly memory?: ArrayBufferLike;
  /** This process, as the lock's word names its holder: not 0. */
  readonly owner?: number;
}

export class PeerTable {
  /** The smoothed weight that round robin compares; nginx's `current_weight`. */
  current!: Float64Array;
  /** How far a failure has pushed the weight below the configured one; `weight - lost` is nginx's `effective_weight`. */
  lost!: Float64Array;
  /** Second of the last failure (see `secondOf`); 0 is long ago. */
  accessed!: Float64Array;
  /** Second from which `fail_timeout` counts. */
  checked!: Float64Array;
  /** Connections in use; changed by Atomics alone, so that no update is lost without the lock. */
  conns!: Int32Array;
  fails!: Int32Array;

  readonly shared: boolean;
  private readonly owner: number;
  private rows = 0;
  private header!: Int32Array;
  private keys!: Int32Array;
  private keysMore!: Int32Array;
  private groups!: Int32Array;

  constructor(options: PeerTableOptions = {}) {
    this.shared = options.memory !== undefined;
    this.owner = options.owner ?? 1;
    if (options.memory !== undefined) {
      const rows = Math.floor((options.memory.byteLength - HEADER_BYTES) / ROW_BYTES);
      this.lay(options.memory, Math.max(0, rows - (rows % 2)));
    } else this.lay(new ArrayBuffer(peerTableBytes(ROWS_FIRST)), ROWS_FIRST);
  }

  /** How many rows there are, claimed or free. */
  get capacity(): number {
    return this.rows;
  }

  /** How often a decision was made without the lock: `zone_contended`. */
  get contended(): number {
    return Atomics.load(this.header, CONTENDED);
  }

  /**
   * Takes the lock of a shared table; false when somebody else kept it for LOCK_TRIES tries: the caller goes on unlocked, which costs
   * a less even choice at worst, and does not call `unlock`. A holder makes no system call.
   */
  lock(): boolean {
    if (!this.shared) return true;
    if (this.tryLock(LOCK_TRIES)) return true;
    Atomics.add(this.header, CONTENDED, 1);
    return false;
  }

  unlock(): void {
    if (this.shared) Atomics.compareExchange(this.header, LOCK, this.owner, 0);
  }

  /** Frees the lock that a dead process held; for whoever reaps it. */
  freeLockOf(owner: number): boolean {
    return Atomics.compareExchange(this.header, LOCK, owner, 0) === owner;
  }

  /**
   * The rows of `keys`, which belong to `group` (an upstream's name): a row that has the key, else a free one, else one of the same
   * group that is not asked for and has no connection. Undefined when a shared table is full; nothing is claimed then.
   */
  claim(group: string, keys: readonly string[]): readonly number[] | undefined {
    const locked = this.shared && this.tryLock(CLAIM_LOCK_TRIES);
    const rows = this.place(hashOf(group, 0x811c9dc5), keys);
    if (locked) this.unlock();
    return rows;
  }

  private place(group: number, keys: readonly string[]): readonly number[] | undefined {
    const firsts = keys.map((key) => hashOf(key, 0x811c9dc5 ^ group) || 1);
    const seconds = keys.map((key) => hashOf(key, 0x9747b28c ^ group));
    const rows: number[] = firsts.map((first, i) => this.find(group, first, seconds[i]!));
    const fresh = this.vacant(group, new Set(rows), rows.filter((row) => row < 0).length);
    if (fresh === undefined) return undefined;
    let next = 0;
    for (let i = 0; i < rows.length; i++) {
      if (rows[i]! >= 0) continue;
      const row = fresh[next++]!;
      this.clear(row);
      this.keysMore[row] = seconds[i]!;
      this.groups[row] = group;
      this.keys[row] = firsts[i]!;
      rows[i] = row;
    }
    return rows;
  }

  /**
   * `count` rows outside `taken`: free ones first, then, rather than growing a table of our own without end, idle ones of peers that
   * are gone (the plan being left may still ask them once, which then counts for their successor).
   */
  private vacant(group: number, taken: ReadonlySet<number>, count: number): readonly number[] | undefined {
    const rowsWanted = (taken.size + count) * ROWS_PER_PEER;
    while (!this.shared && this.rows < rowsWanted) this.grow();
    const free: number[] = [];
    const idle: number[] = [];
    for (let row = 0; row < this.rows && free.length < count; row++) {
      if (this.keys[row] === 0) free.push(row);
      else if (!taken.has(row) && this.groups[row] === group && this.isIdle(row)) idle.push(row);
    }
    while (!this.shared && free.length + idle.length < count) {
      for (let row = this.rows, end = row * 2; row < end; row++) free.push(row);
      this.grow();
    }
    return free.length + idle.length < count ? undefined : [...free, ...idle];
  }

  private find(group: number, first: number, second: number): number {
    for (let row = 0; row < this.rows; row++) {
      if (this.keys[row] === first && this.keysMore[row] === second && this.groups[row] === group) return row;
    }
    return -1;
  }

  private isIdle(row: number): boolean {
    return Atomics.load(this.conns, row) === 0;
  }

  private clear(row: number): void {
    this.current[row] = this.lost[row] = this.accessed[row] = this.checked[row] = 0;
    this.conns[row] = this.fails[row] = 0;
  }

  private tryLock(tries: number): boolean {
    for (let i = 0; i < tries; i++) {
      if (Atomics.compareExchange(this.header, LOCK, 0, this.owner) === 0) return true;
    }
    return false;
  }

  private grow(): void {
    const before = this.columns();
    this.lay(new ArrayBuffer(peerTableBytes(this.rows * 2)), this.rows * 2);
    const after = this.columns();
    for (let i = 0; i < after.length; i++) after[i]!.set(before[i]!);
  }

  private columns(): readonly (Float64Array | Int32Array)[] {
    const { current, lost, accessed, checked, conns, fails, keys, keysMore, groups } = this;
    return [current, lost, accessed, checked, conns, fails, keys, keysMore, groups];
  }

  /** Spreads the columns over `memory`; every process that maps it derives the same places from its length. */
  private lay(memory: ArrayBufferLike, rows: number): void {
    this.rows = rows;
    this.header = new Int32Array(memory, 0, HEADER_BYTES / 4);
    const floats = (column: number) => new Float64Array(memory, HEADER_BYTES + column * rows * 8, rows);
    this.current = floats(0);
    this.lost = floats(1);
    this.accessed = floats(2);
    this.checked = floats(3);
    const start = HEADER_BYTES + FLOAT_COLUMNS * rows * 8;
    const words = (column: number) => new Int32Array(memory, start + column * rows * 4, rows);
    this.conns = words(0);
    this.fails = words(1);
    this.keys = words(2);
    this.keysMore = words(3);
    this.groups = words(4);
  }
}

/** Memory that holds `rows` rows, for whoever makes a zone. */
export function peerTableBytes(rows: number): number {
  return HEADER_BYTES + (rows + (rows % 2)) * ROW_BYTES;
}

/** FNV-1a with a final mix; two of them with different seeds make a key that does not meet another's by chance. */
function hashOf(text: string, seed: number): number {
  let hash = seed | 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
