// Which part of a file or answer a Range header asks for (RFC 9110, 14), decided as ngx_http_range_filter_module does. Pure.
import { parseHttpDate } from './date.ts';
import { readOffset } from './offset.ts';

export interface ByteRange {
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
}

/** `ranges`: 206 with these; 'unsatisfiable': 416; 'whole': as if nothing had been asked. */
export type RangeDecision = readonly ByteRange[] | 'unsatisfiable' | 'whole';

export interface RangeQuestion {
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly length: number;
  readonly etag: string | undefined;
  /** Seconds since 1970. */
  readonly lastModified: number | undefined;
  /** `max_ranges`: undefined is nginx's default, many but not wasteful; 0 switches ranges off. */
  readonly rangesMax: number | undefined;
}

/** As ngx_http_range_header_filter(). */
export function decideRange(question: RangeQuestion): RangeDecision {
  const { range, ifRange } = question;
  if (question.rangesMax === 0 || range === undefined || range.length < 7) return 'whole';
  if (range.slice(0, 6).toLowerCase() !== 'bytes=') return 'whole';
  if (ifRange !== undefined && !stillTheSame(ifRange, question)) return 'whole';
  return parseRanges(range.slice(6), question.length, question.rangesMax);
}

/** "bytes 0-499/1234" */
export function contentRange(range: ByteRange, length: number): string {
  return `bytes ${range.start}-${range.end - 1}/${length}`;
}

/** "bytes *\/1234", for a 416. */
export function unsatisfiedRange(length: number): string {
  return `bytes */${length}`;
}

/** The framing of a multipart/byteranges body: what goes before each part, and after the last. */
export interface Multipart {
  /** For Content-Type. */
  readonly contentType: string;
  readonly partHeads: readonly string[];
  readonly tail: string;
  /** Content-Length of the whole. */
  readonly length: number;
}

/** As ngx_http_range_multipart_header(). `boundary` is a number nobody has used; `contentType` has its charset in it. */
export function multipart(
  ranges: readonly ByteRange[],
  length: number,
  contentType: string,
  boundary: number,
): Multipart {
  const mark = String(boundary).padStart(20, '0');
  const type = contentType === '' ? '' : `Content-Type: ${contentType}\r\n`;
  const partHeads = ranges.map(
    (range) => `\r\n--${mark}\r\n${type}Content-Range: ${contentRange(range, length)}\r\n\r\n`,
  );
  const tail = `\r\n--${mark}--\r\n`;
  const content = ranges.reduce((sum, range) => sum + range.end - range.start, 0);
  return {
    contentType: `multipart/byteranges; boundary=${mark}`,
    partHeads,
    tail,
    length: partHeads.reduce((sum, head) => sum + head.length, tail.length) + content,
  };
}

/** If-Range: an entity tag must be the same, byte for byte; a date the same second. */
function stillTheSame(ifRange: string, { etag, lastModified }: RangeQuestion): boolean {
  if (ifRange.length >= 2 && ifRange.endsWith('"')) return ifRange === etag;
  return lastModified !== undefined && parseHttpDate(ifRange) === lastModified;
}

const SPEC = / *(?:([0-9]+) *- *([0-9]*)|-([0-9]+)) *(,|$)/y;

/** As ngx_http_range_parse(). */
function parseRanges(text: string, length: number, rangesMax: number | undefined): RangeDecision {
  const ranges: ByteRange[] = [];
  let size = 0;
  SPEC.lastIndex = 0;
  for (;;) {
    const spec = SPEC.exec(text);
    if (spec === null) return 'unsatisfiable';
    const range = rangeOf(spec[1], spec[2], spec[3], length);
    if (range === undefined) return 'unsatisfiable';
    if (range.start < range.end) {
      ranges.push(range);
      size += range.end - range.start;
      if (rangesMax !== undefined && ranges.length > rangesMax) return 'whole';
    } else if (range.start === 0) {
      return 'whole';
    }
    if (spec[4] === '') break;
  }
  if (ranges.length === 0) return 'unsatisfiable';
  if (ranges.length === 1) return ranges;
  if (size > length) return 'whole';
  // many small ranges that cost more than the whole
  if (rangesMax === undefined && size + ranges.length * 256 > length + 4096) return 'whole';
  return ranges;
}

function rangeOf(
  first: string | undefined,
  last: string | undefined,
  suffix: string | undefined,
  length: number,
): ByteRange | undefined {
  if (suffix !== undefined) {
    const count = readOffset(suffix);
    if (count === -1) return undefined;
    return { start: count < length ? length - count : 0, end: length };
  }
  const start = readOffset(first ?? '');
  const end = last === '' || last === undefined ? length : readOffset(last);
  if (start === -1 || end === -1) return undefined;
  return { start, end: end >= length ? length : end + 1 };
}
