// The bytes of one request on their way to a peer: the head, then the body, in chunks where its length was not known. What comes in one
// turn goes out together: the head with the first of the body, the chunks of a client's read as one.
import { copyBytes, writeBytes } from '../base/bytes.ts';
import { CHUNK_END, chunkHead, lastChunk } from '../http/body.ts';
import type { Engine } from '../io/engine.ts';
import type { OutQueue } from './out-queue.ts';
import type { RequestBody } from './request-body.ts';

/** Pieces of a chunked body are gathered up to this. */
const GATHERED_BYTES_MAX = 16_384;
/** Room for the line in front of a chunk, and for what stands behind it. */
const AROUND_BYTES = 64;

export class RequestWriter {
  /** The request's last byte has been handed to the queue. */
  ended = false;
  private readonly engine: Engine;
  private readonly queue: OutQueue;
  /** Waits for the first of the body. */
  private head = '';
  private chunked = false;
  /** How much of the stored body has been handed to the queue. */
  private storedAt = 0;
  private gathered: Uint8Array[] = [];
  private gatheredBytes = 0;

  constructor(engine: Engine, queue: OutQueue) {
    this.engine = engine;
    this.queue = queue;
  }

  begin(head: string, chunked: boolean): void {
    this.ended = false;
    this.head = head;
    this.chunked = chunked;
    this.storedAt = 0;
    this.gathered = [];
    this.gatheredBytes = 0;
  }

  /** A body that is not the client's, and the end. */
  whole(body: string): void {
    this.queue.writeText(this.takeHead() + body);
    this.ended = true;
  }

  /** As much of what is stored as the queue takes. 'done': all of it is handed over; 'failed': it could not be read. */
  stored(body: RequestBody): 'more' | 'done' | 'failed' {
    const { store } = body;
    const { scratch } = this.engine;
    while (store !== undefined && this.storedAt < store.length && !this.queue.full) {
      if (this.head.length > scratch.length / 2) this.queue.writeText(this.takeHead());
      // Read to where what stands in front of it can be put before it.
      const from = this.head.length + AROUND_BYTES;
      const got = store.read(this.storedAt, scratch.subarray(from, scratch.length - AROUND_BYTES));
      if (got <= 0) return 'failed';
      this.storedAt += got;
      const last = body.whole && this.storedAt >= store.length;
      const before = this.takeHead() + (this.chunked ? chunkHead(got) : '');
      const start = from - before.length;
      writeBytes(scratch, before, start);
      const end = from + got;
      this.queue.write(scratch, start, end + writeBytes(scratch, this.after(last), end));
      if (last) this.ended = true;
    }
    if (store !== undefined && this.storedAt < store.length) return 'more';
    if (body.whole && !this.ended) this.finish();
    return 'done';
  }

  /** Of the client's body, as it comes. */
  push(bytes: Uint8Array, start: number, end: number, last: boolean): void {
    const count = end - start;
    if (!this.chunked) {
      if (this.head === '') this.queue.write(bytes, start, end);
      else if (count > 0) this.queue.writeAround(this.takeHead(), bytes, start, end, '');
      if (last) this.finish();
      return;
    }
    if (this.gatheredBytes + count > GATHERED_BYTES_MAX) this.flush();
    if (count > GATHERED_BYTES_MAX) {
      this.queue.writeAround(this.takeHead() + chunkHead(count), bytes, start, end, this.after(last));
      if (last) this.ended = true;
      return;
    }
    if (count > 0) this.gathered.push(copyBytes(bytes, start, end));
    this.gatheredBytes += count;
    if (last) this.finish();
  }

  /** What was held back goes out. */
  flush(): void {
    if (this.gatheredBytes > 0) this.writeGathered(false);
    else if (this.head !== '') this.queue.writeText(this.takeHead());
  }

  private finish(): void {
    if (this.gatheredBytes > 0) this.writeGathered(true);
    else this.queue.writeText(this.takeHead() + (this.chunked ? lastChunk() : ''));
    this.ended = true;
  }

  private writeGathered(last: boolean): void {
    const { scratch } = this.engine;
    if (this.head.length > scratch.length / 2) this.queue.writeText(this.takeHead());
    let at = writeBytes(scratch, this.takeHead() + chunkHead(this.gatheredBytes), 0);
    for (const piece of this.gathered) {
      scratch.set(piece, at);
      at += piece.length;
    }
    at += writeBytes(scratch, this.after(last), at);
    this.gathered = [];
    this.gatheredBytes = 0;
    this.queue.write(scratch, 0, at);
  }

  /** What stands behind the content of a chunk. */
  private after(last: boolean): string {
    if (!this.chunked) return '';
    return last ? CHUNK_END + lastChunk() : CHUNK_END;
  }

  private takeHead(): string {
    const { head } = this;
    this.head = '';
    return head;
  }
}
