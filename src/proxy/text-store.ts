// Byte strings kept outside of JavaScript's heap, in cells of 64 bytes: what thousands of tunnels keep for their log lines costs little
// more than its length, is never moved and gives the garbage collector nothing to do.
import { assert, DEBUG } from '../base/assert.ts';
import { byteString, newBytes, writeBytes } from '../base/bytes.ts';

/** Names a stored text; NO_TEXT is the empty one. */
export type TextHandle = number;
export const NO_TEXT: TextHandle = 0;

const CELL_BYTES = 64;
const CELL_BITS = 6;
/** In front of a text's bytes in its first cell: its length. */
const LENGTH_BYTES = 4;
const PAGE_CELLS = 512;
const PAGE_BITS = 9;

/** Texts go to their cells and come back by way of this. */
const STAGE_BYTES = 4096;
const stage = newBytes(STAGE_BYTES);

/** So many cells at a time, with the number of the cell that follows each: 0 for none. */
class Page {
  readonly bytes = new Uint8Array(PAGE_CELLS * CELL_BYTES);
  readonly next = new Int32Array(PAGE_CELLS);
}

export class TextStore {
  /** Texts that are kept. */
  count = 0;
  private readonly pages: Page[] = [];
  /** The first free cell, 0 for none; cells count from 1. */
  private free = 0;

  keep(text: string): TextHandle {
    const { length } = text;
    if (length === 0) return NO_TEXT;
    this.count++;
    const first = this.takeCell();
    let { bytes, next } = this.pageOf(first);
    let cell = first;
    let at = placeOf(first);
    for (let shift = 0; shift < 8 * LENGTH_BYTES; shift += 8) bytes[at++] = length >> shift;
    let left = CELL_BYTES - LENGTH_BYTES;
    for (let from = 0; from < length; from += STAGE_BYTES) {
      const staged = writeBytes(stage, from === 0 ? text : text.slice(from), 0);
      for (let i = 0; i < staged; i++) {
        if (left === 0) {
          const follower = this.takeCell();
          next[indexOf(cell)] = follower;
          cell = follower;
          ({ bytes, next } = this.pageOf(cell));
          at = placeOf(cell);
          left = CELL_BYTES;
        }
        bytes[at++] = stage[i] ?? 0;
        left--;
      }
    }
    return first;
  }

  read(handle: TextHandle): string {
    if (handle === NO_TEXT) return '';
    let left = this.lengthOf(handle);
    let text = '';
    let staged = 0;
    let skip = LENGTH_BYTES;
    for (let cell = handle; left > 0; cell = this.nextOf(cell)) {
      if (DEBUG) assert(cell !== 0, 'a stored text is cut');
      if (staged + CELL_BYTES > STAGE_BYTES) {
        text += byteString(stage, 0, staged);
        staged = 0;
      }
      const taken = Math.min(left, CELL_BYTES - skip);
      const { bytes } = this.pageOf(cell);
      const start = placeOf(cell) + skip;
      for (let i = start; i < start + taken; i++) stage[staged++] = bytes[i] ?? 0;
      left -= taken;
      skip = 0;
    }
    const rest = byteString(stage, 0, staged);
    return text === '' ? rest : text + rest;
  }

  /** Gives the text's cells back. */
  drop(handle: TextHandle): void {
    if (handle === NO_TEXT) return;
    this.count--;
    let last = handle;
    for (let cell = handle; cell !== 0; cell = this.nextOf(cell)) last = cell;
    this.pageOf(last).next[indexOf(last)] = this.free;
    this.free = handle;
  }

  private takeCell(): number {
    if (this.free === 0) this.addPage();
    const cell = this.free;
    this.free = this.nextOf(cell);
    this.pageOf(cell).next[indexOf(cell)] = 0;
    return cell;
  }

  private lengthOf(handle: TextHandle): number {
    const { bytes } = this.pageOf(handle);
    let length = 0;
    for (let at = placeOf(handle) + LENGTH_BYTES - 1; at >= placeOf(handle); at--) {
      length = (length << 8) | (bytes[at] ?? 0);
    }
    return length;
  }

  private nextOf(cell: number): number {
    return this.pageOf(cell).next[indexOf(cell)] ?? 0;
  }

  private pageOf(cell: number): Page {
    const page = this.pages[cell >> PAGE_BITS];
    if (page === undefined) throw new Error('bug: a text that is not kept');
    return page;
  }

  private addPage(): void {
    const first = this.pages.length << PAGE_BITS;
    const page = new Page();
    this.pages.push(page);
    for (let cell = first + PAGE_CELLS - 1; cell >= Math.max(first, 1); cell--) {
      page.next[cell - first] = this.free;
      this.free = cell;
    }
  }
}

/** A cell's number within its page. */
function indexOf(cell: number): number {
  return cell & (PAGE_CELLS - 1);
}

/** Where the cell's bytes begin in its page. */
function placeOf(cell: number): number {
  return indexOf(cell) << CELL_BITS;
}
