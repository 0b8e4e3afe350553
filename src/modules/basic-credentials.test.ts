import { describe, expect, it } from 'vitest';
import { decodeBase64 } from './basic-credentials.ts';
import { storedPassword } from './http-auth-basic.ts';

describe("nginx's base 64", () => {
  for (const [text, decoded] of [
    ['Zm9v', 'foo'],
    ['Zm8=', 'fo'],
    ['Zm8', 'fo'],
    ['Zm8=rest that is not looked at', 'fo'],
    ['', ''],
    ['=', ''],
    ['/+//', '\xff\xef\xff'],
    ['Z', undefined],
    ['Zm9vY', undefined],
    ['Zm9 v', undefined],
    ['Zm9-', undefined],
  ] as const) {
    it(`reads "${text}" as ${decoded === undefined ? 'nothing' : JSON.stringify(decoded)}`, () => {
      expect(decodeBase64(text)).toBe(decoded);
    });
  }
});

describe('the line of a user', () => {
  const file = '# a:remark\n\nann:one\nbob:two:more\r\ncy\ncyd:three\ncyd:four\neve:\nlast:five';
  for (const [user, password] of [
    ['ann', 'one'],
    ['bob', 'two'],
    ['cyd', 'four'], // the line "cy" takes the one after it along, as in nginx
    ['eve', ''],
    ['last', 'five'],
    ['an', undefined],
    ['annn', undefined],
    ['# a', undefined],
    ['cy', undefined],
    ['one', undefined],
  ] as const) {
    it(`of ${user} ${password === undefined ? 'is not there' : `holds "${password}"`}`, () => {
      expect(storedPassword(file, user)).toBe(password);
    });
  }

  it('may be none at all', () => {
    expect(storedPassword('', 'x')).toBeUndefined();
    expect(storedPassword('x', 'x')).toBeUndefined();
    expect(storedPassword('\n\n', 'x')).toBeUndefined();
  });
});
