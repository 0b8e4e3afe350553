import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { byteString, bytesOf, concatBytes } from '../base/bytes.ts';
import { BodyDecoder, CHUNK_END, chunkHead, type Framing, lastChunk } from './body.ts';
import { HeaderList } from './header-list.ts';

/** What a decoder makes of the bytes in reads that end at `cuts`, pulled to the end. */
function decode(framing: Framing, length: number, bytes: Uint8Array, cuts: readonly number[]): object {
  const decoder = new BodyDecoder(framing, length);
  let content = '';
  let at = 0;
  let step = decoder.next(bytes, 0, 0);
  for (const cut of [...cuts, bytes.length]) {
    while (at <= cut && step !== 'end' && step !== 'invalid') {
      step = decoder.next(bytes, at, cut);
      if (step === 'data') content += byteString(bytes, decoder.dataStart, decoder.dataEnd);
      at += decoder.consumed;
      if (step === 'more') break;
    }
  }
  if (step === 'invalid') return { content, invalid: decoder.detail };
  const ended = step === 'end' || decoder.closed() === 'end';
  return { content, ended, at, trailers: decoder.trailers.render() };
}

describe('a body decoder', () => {
  test('points at content within the read and leaves what follows', () => {
    const decoder = new BodyDecoder('length', 3);
    const bytes = bytesOf('..abcd');
    expect(decoder.expected).toBe(3);
    expect(decoder.next(bytes, 2, 4)).toBe('data');
    expect([decoder.dataStart, decoder.dataEnd, decoder.consumed]).toEqual([2, 4, 2]);
    expect(decoder.next(bytes, 4, 4)).toBe('more');
    expect(decoder.next(bytes, 4, 6)).toBe('data');
    expect([decoder.dataStart, decoder.dataEnd, decoder.consumed, decoder.ended]).toEqual([4, 5, 1, true]);
    expect(decoder.next(bytes, 5, 6)).toBe('end');
    expect(decoder.consumed).toBe(0);
    expect(decoder.closed()).toBe('end');
  });

  test('without a body ends at once', () => {
    expect(new BodyDecoder('none').next(bytesOf('x'), 0, 1)).toBe('end');
    expect(new BodyDecoder('length', 0).next(bytesOf('x'), 0, 1)).toBe('end');
  });

  test('until the close ends with it, others are cut', () => {
    const open = new BodyDecoder('close');
    expect(open.next(bytesOf('xy'), 0, 2)).toBe('data');
    expect(open.closed()).toBe('end');
    expect(open.next(bytesOf(''), 0, 0)).toBe('end');
    expect(new BodyDecoder('length', 1).closed()).toBe('cut');
    expect(new BodyDecoder('chunked').closed()).toBe('cut');
  });

  test('stays invalid once it is', () => {
    const decoder = new BodyDecoder('chunked');
    expect(decoder.next(bytesOf('x'), 0, 1)).toBe('invalid');
    expect(decoder.next(bytesOf('0\r\n\r\n'), 0, 5)).toBe('invalid');
  });
});

describe('the law of bodies', () => {
  const chunk = fc.string({ minLength: 1, maxLength: 40 }).map((text) => {
    const content = byteString(new TextEncoder().encode(text));
    return { content, wire: chunkHead(content.length) + content + CHUNK_END };
  });

  test('what is encoded is decoded, whatever the cuts and whatever follows', () => {
    fc.assert(
      fc.property(
        fc.array(chunk, { maxLength: 5 }),
        fc.array(fc.nat(300), { maxLength: 6 }),
        fc.boolean(),
        fc.constantFrom('', 'GET / HTTP/1.1\r\n', '\0'),
        (chunks, cuts, trailed, rest) => {
          const trailers = new HeaderList();
          if (trailed) trailers.add('X-Sum', '1');
          const wire = chunks.map((each) => each.wire).join('') + lastChunk(trailers);
          const bytes = bytesOf(wire + rest);
          const expected = {
            content: chunks.map((each) => each.content).join(''),
            ended: true,
            at: wire.length,
            trailers: trailers.render(),
          };
          const reads = cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b);
          expect(decode('chunked', 0, bytes, [])).toEqual(expected);
          expect(decode('chunked', 0, bytes, reads)).toEqual(expected);
          expect(
            decode(
              'chunked',
              0,
              bytes,
              Array.from(bytes, (_, i) => i + 1),
            ),
          ).toEqual(expected);
        },
      ),
    );
  });

  test('any bytes give the same in any cuts', () => {
    const piece = fc.constantFrom(
      '1',
      'a\r\n',
      '0\r\n',
      '\r\n',
      '\n',
      ';x',
      'X: y\r\n',
      ' ',
      '5\r\nhello\r\n',
      '3\r\nab',
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 10 }).map((pieces) => bytesOf(pieces.join(''))),
        fc.array(fc.nat(60), { maxLength: 6 }),
        fc.constantFrom<Framing>('chunked', 'length', 'close', 'none'),
        (bytes, cuts, framing) => {
          const whole = decode(framing, 7, bytes, []);
          const reads = cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b);
          expect(decode(framing, 7, bytes, reads)).toEqual(whole);
          expect(
            decode(
              framing,
              7,
              concatBytes([bytes]),
              Array.from(bytes, (_, i) => i + 1),
            ),
          ).toEqual(whole);
        },
      ),
      { numRuns: 500 },
    );
  });
});

test('chunks are written in hexadecimal', () => {
  expect(chunkHead(255)).toBe('ff\r\n');
  expect(lastChunk()).toBe('0\r\n\r\n');
  expect(lastChunk(new HeaderList())).toBe('0\r\n\r\n');
});
