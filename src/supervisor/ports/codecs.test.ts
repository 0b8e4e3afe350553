import { createHash } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteString, bytesOf, concatBytes } from '../../base/bytes.ts';
import { nodeCodecs } from './codecs.ts';

const codecs = nodeCodecs();

describe('packing', () => {
  it('gives the same text back, however it is cut and flushed', () => {
    const piece = fc.record({ bytes: fc.uint8Array({ maxLength: 300 }), flush: fc.boolean() });
    const sizes = fc.record({ level: fc.integer({ min: 1, max: 9 }), bits: fc.integer({ min: 9, max: 15 }) });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), sizes, (pieces, { level, bits }) => {
        const deflater = codecs.gzip(level, bits, 8);
        const packed = pieces.map(({ bytes, flush }) =>
          deflater.push(bytes, 0, bytes.length, flush ? 'flush' : 'more'),
        );
        packed.push(deflater.push(new Uint8Array(0), 0, 0, 'finish'));
        deflater.close();
        expect([...gunzipSync(concatBytes(packed))]).toEqual([
          ...concatBytes(pieces.map(({ bytes }) => bytes)),
        ]);
      }),
      { numRuns: 50 },
    );
  });

  it('keeps bytes until it is told to let them go', () => {
    const deflater = codecs.gzip(1, 15, 8);
    const text = bytesOf('some words, some words');
    const [kept, flushed] = [deflater.push(text, 0, 10, 'more'), deflater.push(text, 10, 22, 'flush')];
    expect(kept.length).toBeLessThanOrEqual(10); // gzip's own head
    const end = deflater.push(text, 0, 0, 'finish');
    deflater.close();
    expect(gunzipSync(concatBytes([kept, flushed, end])).toString()).toBe('some words, some words');
  });

  it('packs a long text of which the client has taken nothing yet', () => {
    const deflater = codecs.gzip(1, 15, 8);
    const text = bytesOf('0123456789abcdef'.repeat(65_536));
    const packed = concatBytes([
      deflater.push(text, 0, text.length, 'more'),
      deflater.push(text, 0, 0, 'finish'),
    ]);
    deflater.close();
    expect(gunzipSync(packed).length).toBe(text.length);
  });

  it('lets go of a stream that has not ended, and of one that has, twice', () => {
    for (const mode of ['more', 'finish'] as const) {
      const deflater = codecs.gzip(1, 9, 1);
      deflater.push(bytesOf('x'), 0, 1, mode);
      deflater.close();
      deflater.close();
    }
  });
});

describe('digests', () => {
  it("are Node's", () => {
    const bytes = bytesOf('abc');
    expect([...codecs.md5(bytes)]).toEqual([...createHash('md5').update('abc').digest()]);
    expect([...codecs.sha1(bytes)]).toEqual([...createHash('sha1').update('abc').digest()]);
  });
});

describe("the system's crypt", () => {
  const ask = (password: string, salt: string): Promise<string | undefined> =>
    new Promise((resolve) => codecs.crypt(password, salt, resolve));

  it('answers later, several questions at once, or says that it cannot', async () => {
    const sha512 =
      '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1';
    const hashes = await Promise.all([
      ask('Hello world!', sha512),
      ask('Hello world', sha512),
      ask('x', 'ab'),
    ]);
    if (hashes[0] === undefined) return; // a system without it
    expect(hashes[0]).toBe(sha512);
    expect(hashes[1]).not.toBe(sha512);
    expect(hashes[2]).not.toBe(sha512);
  });

  it('keeps what it was given while it works, whatever the garbage collector does meanwhile', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const once = await ask('Hello world!', '$6$rounds=20000$saltstring$');
    const salt = once ?? '$6$rounds=20000$saltstring$'; // a hash is a salt, too, and long enough to be freed by itself
    const asked = Promise.all(Array.from({ length: 12 }, () => ask('Hello world!', salt)));
    let over = false;
    void asked.then(() => {
      over = true;
    });
    while (!over) {
      // What was freed is written over.
      Array.from({ length: 2000 }, () => new Uint8Array(salt.length + 1).fill(65));
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(new Set(await asked)).toEqual(new Set([once]));
  });

  it('answers with what is no password for a salt that nobody knows', async () => {
    const hash = await ask('foo', '$nosuch$salt');
    expect(hash === undefined || hash.startsWith('*')).toBe(true);
  });
});

describe('byte strings', () => {
  it('go through whole', () => {
    const deflater = codecs.gzip(6, 15, 8);
    const packed = deflater.push(bytesOf('\x00\xff\x80'), 0, 3, 'finish');
    deflater.close();
    expect(byteString(gunzipSync(packed))).toBe('\x00\xff\x80');
  });
});
