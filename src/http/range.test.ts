import { describe, expect, test } from 'vitest';
import { contentRange, decideRange, multipart, type RangeQuestion, unsatisfiedRange } from './range.ts';

const ask = (range: string, change: Partial<RangeQuestion> = {}): ReturnType<typeof decideRange> =>
  decideRange({
    range,
    ifRange: undefined,
    length: 100,
    etag: '"e"',
    lastModified: 784_111_777,
    rangesMax: undefined,
    ...change,
  });

const part = (start: number, end: number): object => ({ start, end });

describe('a Range', () => {
  test.each([
    ['bytes=0-0', [part(0, 1)]],
    ['bytes=0-', [part(0, 100)]],
    ['BYTES=10-19', [part(10, 20)]],
    ['bytes=90-200', [part(90, 100)]],
    ['bytes=-10', [part(90, 100)]],
    ['bytes=-200', [part(0, 100)]],
    ['bytes= 1 - 2 , 4-5', [part(1, 3), part(4, 6)]],
    ['bytes=0-9,200-', [part(0, 10)]],
    ['bytes=0-9223372036854775807', [part(0, 100)]],
    ['bytes=0-9223372036854775808', 'unsatisfiable'],
    ['bytes=100-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=a', 'unsatisfiable'],
    ['bytes=1', 'unsatisfiable'],
    ['bytes=1-2x', 'unsatisfiable'],
    ['bytes=1-2,', 'unsatisfiable'],
    ['bytes=- 5', 'unsatisfiable'],
    ['bytes=5-4', 'unsatisfiable'],
    ['bytes=0-99,0-', 'whole'],
    ['bytes=', 'whole'],
    ['lines=0-1', 'whole'],
  ])('%s is %j', (range, decision) => {
    expect(ask(range)).toEqual(decision);
  });

  test('is not heard of too many parts, or with max_ranges 0', () => {
    expect(ask('bytes=0-1,4-5', { rangesMax: 1 })).toBe('whole');
    expect(ask('bytes=0-1', { rangesMax: 1 })).toEqual([part(0, 2)]);
    expect(ask('bytes=0-1', { rangesMax: 0 })).toBe('whole');
    const many = Array.from({ length: 40 }, (_, i) => `${i * 2}-${i * 2}`).join(',');
    expect(ask(`bytes=${many}`)).toBe('whole');
    expect(ask(`bytes=${many}`, { rangesMax: 40 })).toHaveLength(40);
  });

  test('of an empty file is the whole of it', () => {
    expect(ask('bytes=0-', { length: 0 })).toBe('whole');
    expect(ask('bytes=-5', { length: 0 })).toBe('whole');
  });

  test.each([
    ['"e"', true],
    ['"f"', false],
    ['W/"e"', false],
    ['Sun, 06 Nov 1994 08:49:37 GMT', true],
    ['Sun, 06 Nov 1994 08:49:38 GMT', false],
    ['nonsense', false],
  ])('with If-Range %s is heard: %s', (ifRange, heard) => {
    expect(ask('bytes=0-1', { ifRange })).toEqual(heard ? [part(0, 2)] : 'whole');
  });
});

test('the lines and the framing of parts', () => {
  expect(contentRange({ start: 0, end: 5 }, 100)).toBe('bytes 0-4/100');
  expect(unsatisfiedRange(100)).toBe('bytes */100');
  const parts = multipart(
    [
      { start: 0, end: 1 },
      { start: 5, end: 7 },
    ],
    100,
    'text/plain',
    7,
  );
  expect(parts.contentType).toBe('multipart/byteranges; boundary=00000000000000000007');
  expect(parts.partHeads[1]).toBe(
    '\r\n--00000000000000000007\r\nContent-Type: text/plain\r\nContent-Range: bytes 5-6/100\r\n\r\n',
  );
  expect(parts.tail).toBe('\r\n--00000000000000000007--\r\n');
  expect(parts.length).toBe(parts.partHeads.join('').length + parts.tail.length + 3);
});
