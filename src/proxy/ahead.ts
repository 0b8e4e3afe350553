// What a client has sent ahead of its time: a view of the read at hand, or copied, while reading pauses.
import { copyBytes, NO_BYTES } from '../base/bytes.ts';

export class Ahead {
  bytes: Uint8Array = NO_BYTES;
  start = 0;
  end = 0;

  get length(): number {
    return this.end - this.start;
  }

  /** A view, valid for the turn at hand. */
  set(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
  }

  clear(): void {
    this.set(NO_BYTES, 0, 0);
  }

  /** Copies the bytes behind what is there. */
  hold(bytes: Uint8Array, start: number, end: number): void {
    const before = this.length;
    if (before === 0) return this.set(copyBytes(bytes, start, end), 0, end - start);
    const both = new Uint8Array(before + end - start);
    both.set(this.bytes.subarray(this.start, this.end));
    both.set(bytes.subarray(start, end), before);
    this.set(both, 0, both.length);
  }
}
