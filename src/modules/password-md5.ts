// The MD5 schemes of password files: FreeBSD's `$1$` and Apache's `$apr1$`, one algorithm with two names.
import { byteString, bytesOf } from '../base/bytes.ts';

/** An MD5 of a byte string, as a byte string. */
export type Md5 = (text: string) => string;

const DIGITS = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SALT_MAX = 8;
const ROUNDS = 1000;

/** What `password` makes of `stored`'s salt: equal to `stored` when it is the password. As ngx_crypt_apr1(). */
export function md5Crypt(password: string, stored: string, magic: '$1$' | '$apr1$', md5: Md5): string {
  const [salt = ''] = stored.slice(magic.length, magic.length + SALT_MAX).split('$', 1);
  let digest = md5(beginning(password, salt, magic, md5(password + salt + password)));
  for (let round = 0; round < ROUNDS; round++) {
    const odd = round % 2 === 1;
    digest = md5(
      (odd ? password : digest) +
        (round % 3 === 0 ? '' : salt) +
        (round % 7 === 0 ? '' : password) +
        (odd ? digest : password),
    );
  }
  return `${magic}${salt}$${encode(digest)}`;
}

export function md5Of(digest: (bytes: Uint8Array) => Uint8Array): Md5 {
  return (text) => byteString(digest(bytesOf(text)));
}

function beginning(password: string, salt: string, magic: string, inner: string): string {
  let text = password + magic + salt;
  for (let left = password.length; left > 0; left -= inner.length) text += inner.slice(0, left);
  for (let bits = password.length; bits > 0; bits >>= 1) text += bits % 2 === 1 ? '\0' : password.slice(0, 1);
  return text;
}

/** Sixteen bytes as 22 digits, in an order of their own. */
function encode(digest: string): string {
  const at = (index: number): number => digest.charCodeAt(index);
  let text = '';
  for (let i = 0; i < 5; i++) text += digits((at(i) << 16) | (at(i + 6) << 8) | at(i === 4 ? 5 : i + 12), 4);
  return text + digits(at(11), 2);
}

function digits(value: number, count: number): string {
  let text = '';
  for (let i = 0; i < count; i++) text += DIGITS[(value >> (6 * i)) & 0x3f];
  return text;
}
