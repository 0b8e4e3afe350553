// Bytes that have come and were not read yet.

export class ByteQueue {
  length = 0;
  private chunks: Uint8Array[] = [];
  private offset = 0;

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.chunks.push(chunk);
    this.length += chunk.length;
  }

  /** Moves up to `count` bytes to `target` at `at`; returns how many. */
  read(target: Uint8Array, at: number, count: number): number {
    let moved = 0;
    while (moved < count && this.chunks.length > 0) {
      const chunk = this.chunks[0]!;
      const size = Math.min(count - moved, chunk.length - this.offset);
      target.set(chunk.subarray(this.offset, this.offset + size), at + moved);
      moved += size;
      this.offset += size;
      if (this.offset === chunk.length) {
        this.chunks.shift();
        this.offset = 0;
      }
    }
    this.length -= moved;
    return moved;
  }

  clear(): void {
    this.chunks = [];
    this.offset = 0;
    this.length = 0;
  }
}
