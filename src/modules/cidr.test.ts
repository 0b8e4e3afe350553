import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cidrOf, inCidr, ipText, parseIp, parseIpv4, unmapped } from './cidr.ts';

const TEXTS: readonly (readonly [text: string, shown: string | undefined])[] = [
  ['127.0.0.1', '127.0.0.1'],
  ['001.2.3.4', '1.2.3.4'],
  ['1.2.3.', '1.2.3.0'],
  ['255.255.255.254', '255.255.255.254'],
  ['255.255.255.255', undefined],
  ['1.2.3', undefined],
  ['1.2.3.256', undefined],
  ['1.2.3.4.5', undefined],
  ['a.b.c.d', undefined],
  ['', undefined],
  ['::1', '::1'],
  ['2001:DB8:0:0:0:0:0:5', '2001:db8::5'],
  ['::ffff:1.2.3.4', '::ffff:1.2.3.4'],
  ['::ffff:102:304', '::ffff:1.2.3.4'],
  ['::1.2.3.4', '::1.2.3.4'],
  ['1::2::3', undefined],
  ['unix:', undefined],
];

describe('addresses', () => {
  it.each(TEXTS)('"%s" is %s', (text, shown) => {
    const ip = parseIp(text);
    expect(ip && ipText(ip)).toBe(shown);
  });

  it('of IPv4 within IPv6 are IPv4', () => {
    expect(unmapped(parseIp('::ffff:10.0.0.1') ?? 0)).toBe(parseIpv4('10.0.0.1'));
    expect(unmapped([1, 0, 0, 0, 0, 0xffff, 0, 1])).toEqual([1, 0, 0, 0, 0, 0xffff, 0, 1]);
  });
});

describe('a block', () => {
  const bits = (width: number): fc.Arbitrary<number> => fc.integer({ min: 0, max: width });

  it('holds the IPv4 addresses whose first bits are its own', () => {
    const address = fc.integer({ min: 0, max: 0xffff_fffe });
    fc.assert(
      fc.property(address, address, bits(32), (one, two, length) => {
        const shift = 2 ** (32 - length);
        const same = Math.floor(one / shift) === Math.floor(two / shift);
        expect(inCidr(cidrOf(one, length), two)).toBe(same);
        expect(inCidr(cidrOf(one, length), one)).toBe(true);
      }),
    );
  });

  it('holds the IPv6 addresses whose first bits are its own', () => {
    const group = fc.integer({ min: 0, max: 0xffff });
    const address = fc.array(group, { minLength: 8, maxLength: 8 });
    const asBits = (ip: readonly number[]): string =>
      ip.map((each) => each.toString(2).padStart(16, '0')).join('');
    fc.assert(
      fc.property(address, address, bits(128), bits(128), (one, other, length, shared) => {
        // Two unrelated addresses share few bits: take some of the first.
        const mixed = asBits(one).slice(0, shared) + asBits(other).slice(shared);
        const two = Array.from({ length: 8 }, (_, i) => Number.parseInt(mixed.slice(16 * i, 16 * i + 16), 2));
        const same = mixed.slice(0, length) === asBits(one).slice(0, length);
        expect(inCidr(cidrOf(one, length), two)).toBe(same);
      }),
    );
  });
});
