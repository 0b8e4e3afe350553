import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes } from '../base/bytes.ts';
import { FrameScanner, VIOLATIONS } from './frame-scanner.ts';
import { closeFrame, frame, pingFrame } from './injected.ts';

const KEY = 0x12345678;

/** Everything that a row says after the bytes, with the places of the boundaries and of the first breach. */
function scan(
  bytes: Uint8Array,
  cuts: readonly number[],
  sender: 'client' | 'server',
  reserved = 0,
): unknown {
  const scanner = new FrameScanner(3);
  scanner.open(1, sender, reserved);
  const boundaries: number[] = [];
  let breachAt = -1;
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    if (cut <= from) continue;
    scanner.at = from;
    while (scanner.at < cut) {
      const step = scanner.next(1, bytes, cut);
      if (step === 'violation') breachAt = scanner.at;
      if (scanner.atBoundary(1)) boundaries.push(scanner.at);
    }
    from = cut;
  }
  return { boundaries, breachAt, ...tally(scanner, 1) };
}

function tally(scanner: FrameScanner, row: number): object {
  return {
    messages: scanner.messages(row),
    payload: scanner.payloadBytes(row),
    close: scanner.closeCode(row),
    violation: VIOLATIONS[scanner.violation(row)],
    opcode: scanner.opcode(row),
    between: scanner.betweenMessages(row),
  };
}

function header(first: number, second: number, ...rest: number[]): Uint8Array {
  return Uint8Array.from([first, second, ...rest]);
}

const text = (length: number, key?: number): Uint8Array => frame(1, new Uint8Array(length), key);

describe('frames', () => {
  test('of all three length forms are counted with their payload', () => {
    const bytes = concatBytes([text(0), text(125), text(126), text(65_535), text(65_536)]);
    expect(scan(bytes, [], 'server')).toMatchObject({
      messages: 5,
      payload: 125 + 126 + 65_535 + 65_536,
      violation: '',
      boundaries: [2, 129, 259, 65_798, 131_344],
    });
  });

  test('of a fragmented message with a ping within are one message', () => {
    const bytes = concatBytes([header(0x01, 1, 65), pingFrame('x'), header(0x00, 0), header(0x80, 1, 66)]);
    expect(scan(bytes, [], 'server')).toMatchObject({
      messages: 1,
      payload: 2,
      violation: '',
      between: true,
    });
    expect(scan(bytes.subarray(0, 6), [], 'server')).toMatchObject({ messages: 0, between: false });
  });

  test('that close tell their code, masked and not, and 1005 without one', () => {
    expect(scan(closeFrame(1001, 'bye'), [], 'server')).toMatchObject({
      close: 1001,
      messages: 0,
      payload: 0,
      opcode: 8,
    });
    expect(scan(closeFrame(4321, '', KEY), [], 'client')).toMatchObject({ close: 4321, violation: '' });
    expect(scan(header(0x88, 0), [], 'server')).toMatchObject({ close: 1005 });
    expect(scan(header(0x88, 2, 3), [], 'server')).toMatchObject({ close: 0 });
  });

  test('with reserved bits are right where an extension uses them', () => {
    const compressed = header(0xc1, 0);
    expect(scan(compressed, [], 'server', 0x40)).toMatchObject({ violation: '', messages: 1 });
    expect(scan(compressed, [], 'server')).toMatchObject({ violation: 'reserved bit set', messages: 1 });
    expect(scan(concatBytes([header(0x41, 0), header(0xc0, 0)]), [], 'server', 0x40)).toMatchObject({
      violation: 'reserved bit set',
      breachAt: 4,
    });
    expect(scan(header(0xc9, 0), [], 'server', 0x70)).toMatchObject({ violation: '' });
  });

  const breaches: [string, Uint8Array, 'client' | 'server'][] = [
    ['reserved opcode', header(0x83, 0), 'server'],
    ['reserved opcode', header(0x8b, 0), 'server'],
    ['fragmented control frame', header(0x09, 0), 'server'],
    ['control frame longer than 125 bytes', header(0x89, 126, 0, 126), 'server'],
    ['continuation without a message', header(0x80, 0), 'server'],
    ['new message within a fragmented one', header(0x01, 0, 0x81, 0), 'server'],
    ['frame of a client not masked', header(0x81, 0), 'client'],
    ['frame of a server masked', header(0x81, 0x80, 1, 2, 3, 4), 'server'],
    ['length not in its shortest form', header(0x81, 126, 0, 125), 'server'],
    ['length not in its shortest form', header(0x81, 127, 0, 0, 0, 0, 0, 0, 255, 255), 'server'],
    ['length of 2^63 or more', header(0x81, 127, 128, 0, 0, 0, 0, 0, 0, 0), 'server'],
    ['close frame with a payload of one byte', header(0x88, 1, 3), 'server'],
    ['frame after a close frame', header(0x88, 0, 0x81, 0), 'server'],
  ];
  test.each(breaches)('report: %s', (violation, bytes, sender) => {
    expect(scan(bytes, [], sender)).toMatchObject({ violation });
  });

  test('after a breach are followed on, and it is reported once', () => {
    const bytes = concatBytes([header(0x83, 0), header(0xf1, 0), text(300), text(1)]);
    expect(scan(bytes, [], 'server')).toMatchObject({
      messages: 4,
      payload: 301,
      breachAt: 2,
      boundaries: [2, 4, 308, 311],
    });
  });
});

describe('the law: whole = any cuts = byte by byte = with trailing bytes', () => {
  const someFrame = fc
    .record({
      first: fc.oneof(
        { weight: 4, arbitrary: fc.constantFrom(0x81, 0x82, 0x01, 0x00, 0x80, 0x88, 0x89, 0x8a) },
        fc.nat(255),
      ),
      length: fc.oneof(fc.nat(5), fc.nat(200), fc.constantFrom(125, 126, 127)),
      masked: fc.boolean(),
    })
    .map(({ first, length, masked }) => {
      const bytes = frame(1, new Uint8Array(length).fill(3), masked ? KEY : undefined);
      bytes[0] = first;
      return bytes;
    });
  const stream = fc.oneof(
    fc.array(someFrame, { maxLength: 6 }).map((frames) => concatBytes(frames)),
    fc.uint8Array({ maxLength: 60 }),
  );

  test('for any bytes and any cuts', () => {
    fc.assert(
      fc.property(
        stream,
        fc.array(fc.nat(400), { maxLength: 6 }),
        fc.constantFrom<'client' | 'server'>('client', 'server'),
        fc.constantFrom(0, 0x40, 0x70),
        (bytes, cuts, sender, reserved) => {
          const whole = scan(bytes, [], sender, reserved);
          const inBounds = cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b);
          expect(scan(bytes, inBounds, sender, reserved)).toEqual(whole);
          expect(
            scan(
              bytes,
              Array.from(bytes, (_, i) => i + 1),
              sender,
              reserved,
            ),
          ).toEqual(whole);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('and skim tells what next tells', () => {
    fc.assert(
      fc.property(stream, fc.constantFrom<'client' | 'server'>('client', 'server'), (bytes, sender) => {
        const {
          boundaries,
          breachAt: _,
          ...told
        } = scan(bytes, [], sender) as { boundaries: number[]; breachAt: number };
        const scanner = new FrameScanner(2);
        scanner.open(1, sender);
        let boundaryAt = -1;
        while (scanner.at < bytes.length) {
          scanner.skim(1, bytes, bytes.length);
          if (scanner.boundaryAt !== -1) boundaryAt = scanner.boundaryAt;
        }
        expect(tally(scanner, 1)).toEqual(told);
        expect(boundaryAt).toBe(boundaries.at(-1) ?? -1);
      }),
      { numRuns: 300 },
    );
  });
});

test('rows are apart, and a fresh row is a server side', () => {
  const scanner = new FrameScanner(2);
  const bytes = concatBytes([text(3), text(200)]);
  scanner.next(0, bytes, 3);
  scanner.at = 0;
  expect(scanner.next(1, bytes, 5)).toBe('boundary');
  scanner.at = 3;
  expect(scanner.skim(0, bytes, bytes.length)).toBe('boundary');
  expect(tally(scanner, 0)).toMatchObject({ messages: 2, payload: 203, violation: '' });
  scanner.at = 5;
  expect(scanner.next(0, bytes, 5)).toBe('more');
});
