// CRC-32 (the polynomial of zlib and Ethernet) in steps, for the two hash methods, which feed it in pieces.

/** What a sum starts from. */
export const CRC32_START = 0xffffffff;

const TABLE = makeTable();

/** `crc` after the low bytes of `text`'s chars. */
export function crc32OfText(crc: number, text: string): number {
  let sum = crc;
  for (let i = 0; i < text.length; i++) sum = TABLE[(sum ^ text.charCodeAt(i)) & 0xff]! ^ (sum >>> 8);
  return sum;
}

/** `crc` after the four bytes of `word`, the lowest first. */
export function crc32OfWord(crc: number, word: number): number {
  let sum = crc;
  for (let shift = 0; shift < 32; shift += 8) sum = TABLE[(sum ^ (word >>> shift)) & 0xff]! ^ (sum >>> 8);
  return sum;
}

/** The finished sum, 0 to 2^32 - 1. */
export function crc32End(crc: number): number {
  return ~crc >>> 0;
}

function makeTable(): Int32Array {
  const table = new Int32Array(256);
  for (let i = 0; i < 256; i++) {
    let crc = i;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    table[i] = crc;
  }
  return table;
}
