// Bytes in memory up to a limit and in a file from there on: they read back as they were appended, wherever they lie.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DISK_FULL, MemoryDisk, READ_FAILED } from '../../test/support/memory-disk.ts';
import { byteString, bytesOf } from '../base/bytes.ts';
import { BodyStore, type StoreLimits } from './body-store.ts';

const LIMITS: StoreLimits = {
  memoryBytesMax: 10,
  fileBytesMax: Number.POSITIVE_INFINITY,
  folder: '/t',
  levels: [],
  file: 'unnamed',
  fileOnly: false,
};

function setUp(limits: Partial<StoreLimits> = {}) {
  const disk = new MemoryDisk();
  const store = new BodyStore(disk, { ...LIMITS, ...limits });
  const append = (text: string): void => store.append(bytesOf(text), 0, text.length);
  return { disk, store, append };
}

function readAll(store: BodyStore, step: number): string {
  const target = new Uint8Array(step);
  let text = '';
  for (;;) {
    const got = store.read(text.length, target);
    if (got <= 0) return text;
    text += byteString(target, 0, got);
  }
}

describe('a store', () => {
  it('reads back what was appended, by any pieces', () => {
    const piece = fc.string({ minLength: 1, maxLength: 9, unit: 'grapheme-ascii' });
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 8 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        (pieces, step, diskPiece, fileOnly) => {
          const { disk, store, append } = setUp({ fileOnly });
          disk.pieceBytesMax = diskPiece;
          for (const each of pieces) append(each);
          const all = pieces.join('');
          expect([readAll(store, step), store.length]).toEqual([all, all.length]);
          expect(store.inMemory).toBe(all.length === 0 || (all.length <= 10 && !fileOnly));
          store.close();
          expect(disk.openPaths).toEqual([]);
        },
      ),
    );
  });

  it('without a file keeps all in memory and says when it is full', () => {
    const { disk, store, append } = setUp({ fileBytesMax: 0 });
    append('123456789');
    expect(store.full).toBe(false);
    append('0123');
    expect([store.full, store.text(), disk.temporaryCount]).toEqual([true, '1234567890123', 0]);
  });

  it.each([
    ['unnamed', '/t/0000000001', undefined],
    ['clean', '/t/0000000001', undefined],
    ['keep', '/t/0000000001', 'body'],
  ] as const)('with a file that is %s leaves what it says', (file, path, left) => {
    const { disk, store, append } = setUp({ file, fileOnly: true });
    append('body');
    expect(store.path).toBe(path);
    store.close();
    expect(disk.text('/t/0000000001')).toBe(left);
  });

  it.each(['temporary', 'write'] as const)('remembers why %s failed, and asks no more', (call) => {
    const { disk, store, append } = setUp();
    disk.refuses = (each) => (each === call ? DISK_FULL : undefined);
    append('a'.repeat(11));
    append('b');
    expect([store.error, disk.temporaryCount]).toEqual([DISK_FULL, 1]);
    store.close();
    expect(disk.openPaths).toEqual([]);
  });

  it('says when its file cannot be read', () => {
    const { disk, store, append } = setUp();
    append('a'.repeat(11));
    disk.refuses = (call) => (call === 'read' ? READ_FAILED : undefined);
    expect([store.read(0, new Uint8Array(4)), store.error]).toEqual([-1, READ_FAILED]);
    store.close();
  });
});
