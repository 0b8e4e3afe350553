// The oldest scheme of password files: crypt(3) by DES, two characters of salt and eleven of hash. DES is that of FIPS 46-3, run on arrays
// of bits; the salt swaps entries of its expansion table.

const DIGITS = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ITERATIONS = 25;
const ROUNDS = 16;

/** Whether `stored` is of this scheme: thirteen digits of base 64. */
export function isDesCrypt(stored: string): boolean {
  return /^[./0-9A-Za-z]{13}$/.test(stored);
}

/** What `password` makes of the salt that `stored` begins with: equal to `stored` when it is the password. */
export function desCrypt(password: string, stored: string): string {
  const salt = stored.slice(0, 2);
  const keys = roundKeys(keyBits(password));
  const expansion = saltedExpansion(salt);
  let block = new Uint8Array(64);
  for (let i = 0; i < ITERATIONS; i++) block = encrypt(block, keys, expansion);
  let hash = '';
  for (let at = 0; at < 66; at += 6) {
    let digit = 0;
    for (let bit = 0; bit < 6; bit++) digit = digit * 2 + (block[at + bit] ?? 0);
    hash += DIGITS[digit];
  }
  return salt + hash;
}

/** Seven bits of each of the first eight characters; the eighth is for parity, which nobody looks at. */
function keyBits(password: string): Uint8Array {
  const bits = new Uint8Array(64);
  for (let i = 0; i < Math.min(password.length, 8); i++) {
    const code = password.charCodeAt(i);
    for (let bit = 0; bit < 7; bit++) bits[i * 8 + bit] = (code >> (6 - bit)) & 1;
  }
  return bits;
}

function saltedExpansion(salt: string): Uint8Array {
  const table = Uint8Array.from(EXPANSION);
  for (let i = 0; i < 2; i++) {
    const value = DIGITS.indexOf(salt[i] ?? '.');
    for (let bit = 0; bit < 6; bit++) {
      if (((value >> bit) & 1) === 0) continue;
      const [low, high] = [i * 6 + bit, i * 6 + bit + 24];
      const kept = table[low] ?? 0;
      table[low] = table[high] ?? 0;
      table[high] = kept;
    }
  }
  return table;
}

function roundKeys(key: Uint8Array): readonly Uint8Array[] {
  const chosen = permute(key, KEY_CHOICE);
  const keys: Uint8Array[] = [];
  let turned = 0;
  for (let round = 0; round < ROUNDS; round++) {
    turned += round === 0 || round === 1 || round === 8 || round === 15 ? 1 : 2;
    keys.push(Uint8Array.from(ROUND_CHOICE, (place) => chosen[turnedPlace(place - 1, turned)] ?? 0));
  }
  return keys;
}

/** Both halves of 28 bits turn to the left. */
function turnedPlace(place: number, turned: number): number {
  const half = place < 28 ? 0 : 28;
  return half + ((place - half + turned) % 28);
}

function encrypt(
  block: Uint8Array,
  keys: readonly Uint8Array[],
  expansion: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const mixed = permute(block, INITIAL);
  let left = mixed.slice(0, 32);
  let right = mixed.slice(32);
  for (const key of keys) {
    const next = substitute(right, key, expansion);
    for (let i = 0; i < 32; i++) next[i] = (next[i] ?? 0) ^ (left[i] ?? 0);
    left = right;
    right = next;
  }
  const both = new Uint8Array(64);
  both.set(right);
  both.set(left, 32);
  return permute(both, FINAL);
}

/** Expanded, mixed with the round's key, through the eight boxes, then shuffled. */
function substitute(half: Uint8Array, key: Uint8Array, expansion: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(32);
  for (let box = 0; box < 8; box++) {
    const six: number[] = [];
    for (let i = box * 6; i < box * 6 + 6; i++)
      six.push((half[(expansion[i] ?? 1) - 1] ?? 0) ^ (key[i] ?? 0));
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = six;
    const value = BOXES[box]?.[(a * 2 + f) * 16 + b * 8 + c * 4 + d * 2 + e] ?? 0;
    for (let bit = 0; bit < 4; bit++) out[box * 4 + bit] = (value >> (3 - bit)) & 1;
  }
  return permute(out, SHUFFLE);
}

function permute(bits: Uint8Array, table: readonly number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(table, (place) => bits[place - 1] ?? 0);
}

function numbers(text: string): readonly number[] {
  return text.trim().split(/\s+/).map(Number);
}

const INITIAL = numbers(`
  58 50 42 34 26 18 10 2 60 52 44 36 28 20 12 4 62 54 46 38 30 22 14 6 64 56 48 40 32 24 16 8
  57 49 41 33 25 17 9 1 59 51 43 35 27 19 11 3 61 53 45 37 29 21 13 5 63 55 47 39 31 23 15 7`);
const FINAL = numbers(`
  40 8 48 16 56 24 64 32 39 7 47 15 55 23 63 31 38 6 46 14 54 22 62 30 37 5 45 13 53 21 61 29
  36 4 44 12 52 20 60 28 35 3 43 11 51 19 59 27 34 2 42 10 50 18 58 26 33 1 41 9 49 17 57 25`);
const EXPANSION = numbers(`
  32 1 2 3 4 5 4 5 6 7 8 9 8 9 10 11 12 13 12 13 14 15 16 17
  16 17 18 19 20 21 20 21 22 23 24 25 24 25 26 27 28 29 28 29 30 31 32 1`);
const SHUFFLE = numbers(`
  16 7 20 21 29 12 28 17 1 15 23 26 5 18 31 10 2 8 24 14 32 27 3 9 19 13 30 6 22 11 4 25`);
const KEY_CHOICE = numbers(`
  57 49 41 33 25 17 9 1 58 50 42 34 26 18 10 2 59 51 43 35 27 19 11 3 60 52 44 36
  63 55 47 39 31 23 15 7 62 54 46 38 30 22 14 6 61 53 45 37 29 21 13 5 28 20 12 4`);
const ROUND_CHOICE = numbers(`
  14 17 11 24 1 5 3 28 15 6 21 10 23 19 12 4 26 8 16 7 27 20 13 2
  41 52 31 37 47 55 30 40 51 45 33 48 44 49 39 56 34 53 46 42 50 36 29 32`);
const BOXES: readonly (readonly number[])[] = [
  `14 4 13 1 2 15 11 8 3 10 6 12 5 9 0 7 0 15 7 4 14 2 13 1 10 6 12 11 9 5 3 8
   4 1 14 8 13 6 2 11 15 12 9 7 3 10 5 0 15 12 8 2 4 9 1 7 5 11 3 14 10 0 6 13`,
  `15 1 8 14 6 11 3 4 9 7 2 13 12 0 5 10 3 13 4 7 15 2 8 14 12 0 1 10 6 9 11 5
   0 14 7 11 10 4 13 1 5 8 12 6 9 3 2 15 13 8 10 1 3 15 4 2 11 6 7 12 0 5 14 9`,
  `10 0 9 14 6 3 15 5 1 13 12 7 11 4 2 8 13 7 0 9 3 4 6 10 2 8 5 14 12 11 15 1
   13 6 4 9 8 15 3 0 11 1 2 12 5 10 14 7 1 10 13 0 6 9 8 7 4 15 14 3 11 5 2 12`,
  `7 13 14 3 0 6 9 10 1 2 8 5 11 12 4 15 13 8 11 5 6 15 0 3 4 7 2 12 1 10 14 9
   10 6 9 0 12 11 7 13 15 1 3 14 5 2 8 4 3 15 0 6 10 1 13 8 9 4 5 11 12 7 2 14`,
  `2 12 4 1 7 10 11 6 8 5 3 15 13 0 14 9 14 11 2 12 4 7 13 1 5 0 15 10 3 9 8 6
   4 2 1 11 10 13 7 8 15 9 12 5 6 3 0 14 11 8 12 7 1 14 2 13 6 15 0 9 10 4 5 3`,
  `12 1 10 15 9 2 6 8 0 13 3 4 14 7 5 11 10 15 4 2 7 12 9 5 6 1 13 14 0 11 3 8
   9 14 15 5 2 8 12 3 7 0 4 10 1 13 11 6 4 3 2 12 9 5 15 10 11 14 1 7 6 0 8 13`,
  `4 11 2 14 15 0 8 13 3 12 9 7 5 10 6 1 13 0 11 7 4 9 1 10 14 3 5 12 2 15 8 6
   1 4 11 13 12 3 7 14 10 15 6 8 0 5 9 2 6 11 13 8 1 4 10 7 9 5 0 15 14 2 3 12`,
  `13 2 8 4 6 15 11 1 10 9 3 14 5 0 12 7 1 15 13 8 10 3 7 4 12 5 6 11 0 14 9 2
   7 11 4 1 9 12 14 2 0 6 10 13 15 3 5 8 2 1 14 7 4 10 8 13 15 12 9 0 3 5 6 11`,
].map(numbers);
