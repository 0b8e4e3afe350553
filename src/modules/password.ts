// Whether a password is the one that a line of a password file holds. As ngx_crypt(), with `$1$` and DES by our own code too; all other
// schemes are the system's crypt(3).
import { base64Text, byteString, bytesOf } from '../base/bytes.ts';
import type { Codecs } from '../proxy/ports.ts';
import { decodeBase64 } from './basic-credentials.ts';
import { desCrypt, isDesCrypt } from './password-des.ts';
import { md5Crypt, md5Of } from './password-md5.ts';

const SHA1_BYTES = 20;

/** 'ask': the system's crypt(3) must say what `password` makes of `stored`. */
export function checkPassword(
  password: string,
  stored: string,
  codecs: Pick<Codecs, 'md5' | 'sha1'>,
): boolean | 'ask' {
  const hash = hashOf(password, stored, codecs);
  return hash === undefined ? 'ask' : hash === stored;
}

function hashOf(
  password: string,
  stored: string,
  { md5, sha1 }: Pick<Codecs, 'md5' | 'sha1'>,
): string | undefined {
  if (stored.startsWith('$apr1$')) return md5Crypt(password, stored, '$apr1$', md5Of(md5));
  if (stored.startsWith('$1$')) return md5Crypt(password, stored, '$1$', md5Of(md5));
  if (stored.startsWith('{PLAIN}')) return `{PLAIN}${password}`;
  if (stored.startsWith('{SSHA}')) {
    const decoded = decodeBase64(stored.slice(6)) ?? '';
    const salt = decoded.slice(SHA1_BYTES);
    return `{SSHA}${base64Text(bytesOf(byteString(sha1(bytesOf(password + salt))) + salt))}`;
  }
  if (stored.startsWith('{SHA}')) return `{SHA}${base64Text(sha1(bytesOf(password)))}`;
  return isDesCrypt(stored) ? desCrypt(password, stored) : undefined;
}
