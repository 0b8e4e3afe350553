import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteString, bytesOf, concatBytes } from '../../base/bytes.ts';
import { A, AAAA, problemText, readReply, writeQuery } from './dns-message.ts';

const QUESTION_AT = '\xc0\x0c';

/** A server's answer to `query` with these records. */
function reply(query: Uint8Array, flags: number, records: readonly string[]): Uint8Array {
  const bytes = concatBytes([query, bytesOf(records.join(''))]);
  bytes.set([flags >> 8, flags & 255, 0, 1, 0, records.length], 2);
  return bytes;
}

function record(type: number, seconds: number, content: string, owner = QUESTION_AT): string {
  const fields = [type >> 8, type, 0, 1, seconds >>> 24, seconds >> 16, seconds >> 8, seconds];
  const length = [content.length >> 8, content.length];
  return owner + String.fromCharCode(...[...fields, ...length].map((byte) => byte & 255)) + content;
}

const ASKED = writeQuery('www.Example.org', A, 0x1234) as Uint8Array;
const ASKED6 = writeQuery('a.b', AAAA, 7) as Uint8Array;

describe('a query', () => {
  it('asks for one name with recursion', () => {
    const header = '\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00';
    expect(byteString(ASKED)).toBe(`${header}\x03www\x07Example\x03org\x00\x00\x01\x00\x01`);
  });

  it.each(['', 'a..b', '.a', 'a'.repeat(64), 'ab.'.repeat(84).concat('ab')])('is not made for %j', (name) => {
    expect(writeQuery(name, A, 1)).toBeUndefined();
  });
});

describe('an answer', () => {
  it('has the addresses of all its records and their least TTL', () => {
    const records = [record(A, 60, '\x7f\x00\x00\x01'), record(A, 5, '\x0a\x00\x00\xff')];
    expect(readReply(reply(ASKED, 0x8180, records), false)).toEqual({
      ident: 0x1234,
      code: 0,
      truncated: false,
      name: 'www.example.org',
      type: A,
      records: 2,
      addresses: ['127.0.0.1', '10.0.0.255'],
      cname: undefined,
      ttl: 5,
    });
  });

  it('has IPv6 addresses as everybody prints them', () => {
    const record6 = record(AAAA, 1, `\xfe\x80${'\0'.repeat(13)}\x01`);
    expect(readReply(reply(ASKED6, 0x8180, [record6]), false)).toMatchObject({ addresses: ['fe80::1'] });
  });

  it('has the name that a CNAME leads to, compressed or not', () => {
    for (const target of ['\x03foo\x07Example\x03org\0', '\x03foo\xc0\x10']) {
      const answer = readReply(reply(ASKED, 0x8180, [record(5, 9, target)]), false);
      expect(answer).toMatchObject({ cname: 'foo.example.org', addresses: [], ttl: 9 });
    }
  });

  it('may hold records of other kinds', () => {
    const records = [record(46, 9, 'signature'), record(A, 9, '\x01\x02\x03\x04', '\x01x\0')];
    expect(readReply(reply(ASKED, 0x8180, records), false)).toMatchObject({ addresses: ['1.2.3.4'] });
  });

  it('is taken for expired where its TTL is above 2^31 (RFC 2181, 8)', () => {
    expect(readReply(reply(ASKED, 0x8180, [record(A, 2 ** 31, '\x01\x02\x03\x04')]), false)).toMatchObject({
      ttl: 0,
    });
  });

  it.each([
    ['a server failure', reply(ASKED, 0x8182, []), { code: 2, name: 'www.example.org' }],
    ['a format error', reply(ASKED, 0x8181, []), { code: 1, name: '', ident: 0x1234 }],
    ['a cut one', reply(ASKED, 0x8380, []), { code: 0, truncated: true }],
  ])('%s', (_what, bytes, expected) => {
    expect(readReply(bytes, false)).toMatchObject(expected);
  });

  const short = reply(ASKED, 0x8180, [record(A, 9, '\x01\x02\x03\x04')]);
  it.each([
    ['no bytes', bytesOf(''), 'short DNS response'],
    ['a cut address', short.subarray(0, short.length - 1), 'short DNS response'],
    ['more records than bytes', reply(ASKED, 0x8180, ['', '']), 'short DNS response'],
    ['a query', ASKED, 'invalid UDP DNS response 4660 fl:0100'],
    [
      'an address of 3 bytes',
      reply(ASKED, 0x8180, [record(A, 9, '\x01\x02\x03')]),
      'invalid A record in DNS response',
    ],
    [
      'the wrong family',
      reply(ASKED, 0x8180, [record(AAAA, 9, '0123456789abcdef')]),
      'unexpected AAAA record in DNS response',
    ],
    [
      'a loop of pointers',
      reply(ASKED, 0x8180, [record(5, 9, `\xc0${String.fromCharCode(ASKED.length + 12)}`)]),
      'compression pointers loop in DNS response',
    ],
    ['a pointer to nowhere', reply(ASKED, 0x8180, [record(5, 9, '\xff\xff')]), 'name is out of DNS response'],
  ])('with %s is refused', (_what, bytes, problem) => {
    expect(readReply(bytes, false)).toBe(problem);
  });

  it('of any bytes is read or refused', () => {
    const whole = fc.constantFrom(short, reply(ASKED, 0x8180, ['', '']), reply(ASKED6, 0x8180, []));
    fc.assert(
      fc.property(whole, fc.nat(60), fc.uint8Array({ maxLength: 60 }), (start, kept, rest) => {
        const result = readReply(concatBytes([start.subarray(0, kept), rest]), false);
        expect(typeof result === 'string' || Array.isArray(result.addresses)).toBe(true);
      }),
    );
  });
});

describe('what a server says is wrong', () => {
  it.each([
    [1, '1: Format error'],
    [3, '3: Host not found'],
    [5, '5: Operation refused'],
    [9, '9: Unknown error'],
  ])('%d is %s', (code, text) => {
    expect(problemText(code)).toBe(text);
  });
});
