import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { checkPassword } from './password.ts';
import { desCrypt, isDesCrypt } from './password-des.ts';
import { md5Crypt, md5Of } from './password-md5.ts';

const codecs = {
  md5: (bytes: Uint8Array): Uint8Array => createHash('md5').update(bytes).digest(),
  sha1: (bytes: Uint8Array): Uint8Array => createHash('sha1').update(bytes).digest(),
};

/** Password, what a file holds for it: made by crypt(3), `openssl passwd` and htpasswd. */
const KNOWN: readonly (readonly [string, string])[] = [
  ['rasmuslerdorf', 'rl.3StKT.4T8M'],
  ['', 'abmF1QH4PEr.E'],
  ['bar', '..kZqxH9.sDlQ'],
  ['a longer password than eight', 'zZS2oa9o2s9XA'],
  ['p\xe4ss', 'x9wyNm4LzK0cY'],
  ['foo', '$1$abcdefgh$XxzGe9Muun7wTYbZO4sdr0'],
  ['', '$1$s$iXWZU0LDEJ7Jjmms7KFsH0'],
  ['a longer password than sixteen bytes', '$1$12345678$erPGCeoHqOXai9DkQsnDh/'],
  ['foo', '$apr1$rOioh4Wh$HGM7EW8mxDxwPCcAxC/1J1'],
  ['', '$apr1$abc$BfqKdn9xFDWJPa3kcp/PH0'],
  ['a longer password than sixteen bytes', '$apr1$12345678$PQySD5yDpsCiEi/y5IcWE1'],
  ['foo', '{PLAIN}foo'],
  ['', '{PLAIN}'],
  ['password', '{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g='],
  ['foo', sshaOf('foo', 'salt')],
];

describe('a password', () => {
  for (const [password, stored] of KNOWN) {
    it(`"${password}" is that of ${stored}, and no other is`, () => {
      expect(checkPassword(password, stored, codecs)).toBe(true);
      expect(checkPassword(`${password}x`.slice(-7), stored, codecs)).toBe(false);
    });
  }

  it('in a scheme of the system alone is left to the system', () => {
    for (const stored of ['$5$salt$hash', '$2y$05$abc', '$6$x', '_J9..', '', 'plain text, too long']) {
      expect(checkPassword('foo', stored, codecs)).toBe('ask');
    }
  });

  it('that a broken SSHA line holds is none', () => {
    expect(checkPassword('foo', '{SSHA}', codecs)).toBe(false);
    expect(checkPassword('foo', '{SSHA}$$$', codecs)).toBe(false);
    expect(checkPassword('foo', '{SHA}', codecs)).toBe(false);
  });
});

describe('the schemes', () => {
  it('keep the salt, eight characters of it at most', () => {
    expect(md5Crypt('foo', '$apr1$0123456789$', '$apr1$', md5Of(codecs.md5))).toMatch(
      /^\$apr1\$01234567\$.{22}$/,
    );
    expect(desCrypt('foo', 'ab...........')).toMatch(/^ab/);
  });

  it('take thirteen digits of base 64 for DES', () => {
    expect(isDesCrypt('rl.3StKT.4T8M')).toBe(true);
    expect(isDesCrypt('rl.3StKT.4T8')).toBe(false);
    expect(isDesCrypt('rl.3StKT.4T8:')).toBe(false);
  });

  it('look at eight characters under DES', () => {
    expect(desCrypt('12345678', 'ab')).toBe(desCrypt('12345678 and more', 'ab'));
    expect(desCrypt('1234567', 'ab')).not.toBe(desCrypt('12345678', 'ab'));
  });
});

function sshaOf(password: string, salt: string): string {
  const digest = createHash('sha1')
    .update(password + salt)
    .digest();
  return `{SSHA}${Buffer.concat([digest, Buffer.from(salt)]).toString('base64')}`;
}
