import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { civilTime, formatHttpDate, httpDate, LogTime, parseHttpDate } from './date.ts';

describe('an HTTP date', () => {
  test('is written as the platform writes it, and read back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (seconds) => {
        expect(formatHttpDate(seconds)).toBe(new Date(seconds * 1000).toUTCString());
        expect(parseHttpDate(formatHttpDate(seconds))).toBe(seconds);
      }),
    );
  });

  test('is kept for its second', () => {
    expect(httpDate(1_795_560_025.2)).toBe('Tue, 24 Nov 2026 22:40:25 GMT');
    expect(httpDate(1_795_560_025.9)).toBe('Tue, 24 Nov 2026 22:40:25 GMT');
    expect(httpDate(1_795_560_026)).toBe('Tue, 24 Nov 2026 22:40:26 GMT');
  });

  test.each([
    ['Sun, 06 Nov 1994 08:49:37 GMT', 784_111_777],
    ['Sunday, 06-Nov-94 08:49:37 GMT', 784_111_777],
    ['Sun Nov  6 08:49:37 1994', 784_111_777],
    ['x,06 Nov 1994 08:49:37', 784_111_777],
    ['Thu, 29 Feb 2024 00:00:00 GMT', 1_709_164_800],
    ['Tuesday, 01-Jan-69 00:00:00 GMT', 3_124_224_000],
    ['Sun, 29 Feb 2023 00:00:00 GMT', undefined],
    ['Sun, 31 Apr 2023 00:00:00 GMT', undefined],
    ['Sun, 06 Nov 1994 24:00:00 GMT', undefined],
    ['Sun, 6 Nov 1994 08:49:37 GMT', undefined],
    ['Sun, 06 Xxx 1994 08:49:37 GMT', undefined],
    ['06 Nov 1994 08:49:37 GMT', undefined],
    ['', undefined],
  ])('%j is %j', (text, seconds) => {
    expect(parseHttpDate(text)).toBe(seconds);
  });
});

test('log times have their offset, to the west too', () => {
  const log = new LogTime();
  expect(log.timeLocal(1_795_560_025, 0)).toBe('24/Nov/2026:22:40:25 +0000');
  expect(log.timeIso8601(1_795_560_025, 330)).toBe('2026-11-25T04:10:25+05:30');
  expect(log.timeLocal(1_795_560_025.5, -210)).toBe('24/Nov/2026:19:10:25 -0330');
  expect(log.timeError(1_795_560_025, 60)).toBe('2026/11/24 23:40:25');
});

test('times before 1970 and after 9999 are its ends', () => {
  expect(civilTime(-5)).toMatchObject({ year: 1970, month: 1, day: 1, second: 0, weekday: 4 });
  expect(civilTime(1e15)).toMatchObject({ year: 9999, month: 12, day: 31, hour: 23, second: 59 });
});
