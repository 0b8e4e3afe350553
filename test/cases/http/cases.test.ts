// Every case of the *.md files beside this one, whole, byte by byte, and in random cuts. README.md says how a case is written.

import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesOf } from '../../../src/base/bytes.ts';
import { CASE_DEFAULTS, type CaseOptions, transcript } from './transcript.ts';

interface Case {
  readonly title: string;
  readonly kind: 'request' | 'answer';
  readonly bytes: Uint8Array;
  readonly expected: string;
  readonly options: CaseOptions;
}

const folder = new URL('.', import.meta.url);
for (const file of readdirSync(folder).filter((name) => name.endsWith('.md') && name !== 'README.md')) {
  describe(file, () => {
    for (const each of casesOf(readFileSync(new URL(file, folder), 'utf8'))) {
      test(each.title, () => {
        expect(shown(transcript(each.kind, each.bytes, [], each.options))).toBe(each.expected);
        const all = Array.from(each.bytes, (_, i) => i + 1);
        expect(shown(transcript(each.kind, each.bytes, all, each.options)), 'byte by byte').toBe(
          each.expected,
        );
        fc.assert(
          fc.property(fc.array(fc.nat(each.bytes.length), { maxLength: 5 }), (cuts) => {
            const reads = cuts.sort((a, b) => a - b);
            expect(shown(transcript(each.kind, each.bytes, reads, each.options))).toBe(each.expected);
          }),
          { numRuns: 20 },
        );
      });
    }
  });
}

function casesOf(text: string): Case[] {
  return text
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const title = section.slice(0, section.indexOf('\n'));
      const input = /```(request|answer)\n([\s\S]*?)```/.exec(section);
      const expected = /```events\n([\s\S]*?)```/.exec(section);
      if (input === null || expected === null) throw new Error(`no bytes or no events in case "${title}"`);
      return {
        title,
        kind: input[1] as Case['kind'],
        bytes: bytesOf(wire(input[2]!)),
        expected: expected[1]!.trimEnd(),
        options: { ...CASE_DEFAULTS, ...optionsOf(section) },
      };
    });
}

/** A case's text as bytes: a line ends with CRLF, after a backslash with nothing; `\n`, `\r`, `\0`, `\t`, `\xHH`, `\(50 a)`. */
function wire(text: string): string {
  const joined = text.replace(/\\\n/g, '').replaceAll('\n', '\r\n');
  return joined.replace(
    /\\(?:x([0-9a-f]{2})|\(([0-9]+) ([^)]+)\)|([nr0t\\]))/g,
    (_all, hex, count, what, char) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      if (count !== undefined) return wire(String(what)).repeat(Number(count));
      return { n: '\n', r: '\r', 0: '\0', t: '\t', '\\': '\\' }[char as string] ?? '';
    },
  );
}

function optionsOf(section: string): Partial<CaseOptions> {
  const line = /^Options: (.*)$/m.exec(section);
  return line === null ? {} : (JSON.parse(line[1]!) as Partial<CaseOptions>);
}

/** Bytes that no editor shows, and long runs of one character, are written as the cases write them. */
function shown(text: string): string {
  return text
    .replace(/([^\\])\1{40,}/g, (run, char) => `\\(${run.length} ${char})`)
    .replace(/[\0-\x09\x0b-\x1f\x7f-\xff]/g, (char) =>
      char === '\r'
        ? '\\r'
        : char === '\t'
          ? '\\t'
          : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
    );
}
