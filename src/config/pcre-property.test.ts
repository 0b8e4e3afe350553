import { describe, expect, it } from 'vitest';
import { compilePattern } from './pcre.ts';

/** The bytes that a pattern matches, as ranges. */
function bytesOfPattern(source: string): string {
  const pattern = compilePattern(`^(?:${source})$`);
  const ranges: [number, number][] = [];
  for (let byte = 0; byte < 256; byte++) {
    if (byte === 10 || !pattern.test(String.fromCharCode(byte))) continue; // "$" before a line feed
    const last = ranges.at(-1);
    if (last?.[1] === byte - 1) last[1] = byte;
    else ranges.push([byte, byte]);
  }
  return ranges.map((range) => range.join('-')).join(' ');
}

const DIGITS = '48-57 178-179 185-185 188-190';
const CASED = '65-90 97-122 181-181 192-214 216-246 248-255';

// What PCRE2 10.42 says without UTF.
describe('a Unicode property is the set of bytes that PCRE2 makes of it', () => {
  it.each([
    ['\\p{N}', DIGITS],
    ['\\pN', DIGITS],
    ['\\P{^N}', DIGITS],
    ['\\p{ n }', DIGITS],
    ['\\p{N-d}', '48-57'],
    ['\\p{^ N}', '0-9 11-47 58-177 180-184 186-187 191-255'],
    ['\\P{N}', '0-9 11-47 58-177 180-184 186-187 191-255'],
    ['[\\p{Nd}_]', '48-57 95-95'],
    ['\\p{L}', '65-90 97-122 170-170 181-181 186-186 192-214 216-246 248-255'],
    ['\\p{Lc}', CASED],
    ['\\p{L&}', CASED],
    ['(?i)\\p{Lu}', '65-90 192-214 216-222'],
    ['(?i)[\\p{Lu}]', '65-90 192-214 216-222'],
    ['\\p{Cn}', ''],
    ['\\p{Xwd}', '48-57 65-90 95-95 97-122 170-170 178-179 181-181 185-186 188-190 192-214 216-246 248-255'],
    ['\\p{Xsp}', '9-9 11-13 32-32 133-133 160-160'],
    ['\\p{Xuc}', '36-36 64-64 96-96 160-255'],
  ])('%s', (source, ranges) => {
    expect(bytesOfPattern(source)).toBe(ranges);
  });
});
