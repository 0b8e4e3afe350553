// What waits to be sent: in memory, in a file, and how it ends when one of them cannot be had.
import { describe, expect, it } from 'vitest';
import { DISK_FULL, MemoryDisk } from '../../test/support/memory-disk.ts';
import { byteString, bytesOf } from '../base/bytes.ts';
import { type Engine, SEND_FAILED } from '../io/engine.ts';
import { OutQueue, type QueueLimits } from './out-queue.ts';

const LIMITS: QueueLimits = { memoryBytesMax: 10, fileBytesMax: 20, folder: '/t', levels: [] };

/** A connection that takes `room` bytes and remembers them. */
class Wire {
  room = 0;
  taken = '';
  broken = false;
  readonly scratch = new Uint8Array(64);

  send(_conn: number, bytes: Uint8Array, start: number, end: number): number {
    if (this.broken) return SEND_FAILED;
    const count = Math.min(this.room, end - start);
    this.taken += byteString(bytes, start, start + count);
    this.room -= count;
    return count;
  }
}

function setUp(limits: QueueLimits = LIMITS) {
  const wire = new Wire();
  const disk = new MemoryDisk();
  const queue = new OutQueue(wire as unknown as Engine, 1, disk);
  queue.begin(limits, undefined);
  const write = (text: string): void => queue.write(bytesOf(text), 0, text.length);
  return { wire, disk, queue, write };
}

describe('a queue', () => {
  it('passes on what the connection takes, and keeps the rest in order: memory first, then a file', () => {
    const { wire, disk, queue, write } = setUp();
    wire.room = 3;
    for (const piece of ['abcdef', 'ghi', 'jklmnop', 'q']) write(piece);
    expect([wire.taken, queue.pendingBytes, disk.temporaryCount]).toEqual(['abc', 14, 1]);
    wire.room = 100;
    expect(queue.flush()).toBe(true);
    expect([wire.taken, queue.pendingBytes, queue.sent]).toEqual(['abcdefghijklmnopq', 0, 17]);
  });

  it.each([
    ['memory alone', { ...LIMITS, fileBytesMax: 0 }, ['0123456789'], true],
    ['memory and a file with room', LIMITS, ['0123456789', 'a'.repeat(19)], false],
    ['both full', LIMITS, ['0123456789', 'a'.repeat(20)], true],
    ['a piece that memory cannot take', LIMITS, ['a'.repeat(11)], false],
  ])('is full or not: %s', (_what, limits, pieces, full) => {
    const { queue, write } = setUp(limits);
    for (const piece of pieces) write(piece);
    expect(queue.full).toBe(full);
  });

  it('stays full while its file is, though memory has been sent: what comes would go to the file', () => {
    const { wire, queue, write } = setUp();
    for (const piece of ['0123456789', 'a'.repeat(20)]) write(piece);
    wire.room = 15;
    queue.flush();
    expect([wire.taken.length, queue.pendingBytes, queue.full]).toEqual([15, 15, true]);
    wire.room = 15;
    queue.flush();
    expect(queue.full).toBe(false);
  });

  it('gives its file back when the next answer begins, and has a fresh one for that', () => {
    const { wire, disk, queue, write } = setUp();
    write('a'.repeat(15));
    wire.room = 15;
    queue.flush();
    queue.begin(LIMITS, undefined);
    expect(disk.openPaths).toEqual([]);
    write('b'.repeat(15));
    expect([disk.openPaths.length, disk.temporaryCount]).toEqual([1, 2]);
    wire.room = 15;
    queue.flush();
    expect(wire.taken).toBe('a'.repeat(15) + 'b'.repeat(15));
  });

  it('is full by its memory where no file can be had, and says why once', () => {
    const { disk, queue, write } = setUp();
    disk.refuses = (call) => (call === 'temporary' ? DISK_FULL : undefined);
    write('0123456789');
    expect(queue.full).toBe(false);
    write('more');
    expect(queue.full).toBe(true);
    write('yet more');
    expect([queue.takeProblem(), queue.takeProblem(), disk.temporaryCount]).toEqual([
      DISK_FULL,
      undefined,
      1,
    ]);
    queue.begin(LIMITS, undefined);
    expect(queue.full).toBe(false); // the next answer tries again
  });

  it('breaks where its file cannot be written: a hole would be worse than a cut', () => {
    const { disk, queue, write } = setUp();
    disk.refuses = (call) => (call === 'write' ? DISK_FULL : undefined);
    write('a'.repeat(11));
    expect([queue.broken, queue.takeProblem(), queue.pendingBytes]).toEqual([true, DISK_FULL, 0]);
    expect(disk.openPaths).toEqual([]);
  });

  it('wants no more once it is broken', () => {
    const { wire, queue, write } = setUp();
    wire.broken = true;
    write('a');
    expect([queue.broken, queue.full, queue.sent]).toEqual([true, true, 0]);
  });

  it('hands over what waits in memory', () => {
    const { queue, write } = setUp();
    write('abc');
    write('d');
    expect(byteString(queue.takePending())).toBe('abcd');
    expect(queue.pendingBytes).toBe(0);
  });
});
