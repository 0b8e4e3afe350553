import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressText, ipBytes, ipv4Bytes, ipv4Text, ipv6Bytes, ipv6Text, sameAddress } from './address.ts';

describe('addresses', () => {
  it.each([
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8:0:0:8:800:200C:417A', '2001:db8::8:800:200c:417a'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:0:0:2:0:0:0', '1::2:0:0:0'],
    ['::ffff:127.0.0.1', '::ffff:127.0.0.1'],
    ['::1.2.3.4', '::1.2.3.4'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['fe80::1', 'fe80::1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ])('%s is read and printed as %s', (text, printed) => {
    const bytes = ipv6Bytes(text);
    expect(bytes).toHaveLength(16);
    expect(ipv6Text(bytes!)).toBe(printed);
  });

  it.each([
    '',
    ':',
    ':::',
    '1',
    '1:2',
    '::1::',
    '12345::',
    '1:2:3:4:5:6:7:8:9',
    '::g',
    '1.2.3.4::',
    '::1.2.3',
    '1:2:3:4:5:6:7:8::',
    'fe80::1%eth0',
    ':1:2:3:4:5:6:7',
  ])('%s is no IPv6 address', (text) => {
    expect(ipv6Bytes(text)).toBeUndefined();
  });

  it.each(['', '1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', '1.2.3.-4', 'a.b.c.d', '1..2.3', '1.2.3.4 '])(
    '%s is no IPv4 address',
    (text) => {
      expect(ipv4Bytes(text)).toBeUndefined();
    },
  );

  it('printed bytes are read back as the same bytes', () => {
    const byte = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(byte, { minLength: 16, maxLength: 16 }), (list) => {
        const bytes = Uint8Array.from(list);
        expect(ipv6Bytes(ipv6Text(bytes))).toEqual(bytes);
        expect(ipv4Bytes(ipv4Text(bytes, 3))).toEqual(bytes.slice(3, 7));
      }),
    );
  });

  it('are printed as nginx prints them', () => {
    expect(addressText({ family: 4, host: '127.0.0.1', port: 80 })).toBe('127.0.0.1:80');
    expect(addressText({ family: 6, host: '::1', port: 443 })).toBe('[::1]:443');
    expect(addressText({ family: 'unix', path: '/run/x.sock' })).toBe('unix:/run/x.sock');
  });

  it('are the same when their bytes are', () => {
    const a = { family: 6, host: '::1', port: 1 } as const;
    expect(sameAddress(a, { family: 6, host: '0:0:0:0:0:0:0:1', port: 1 })).toBe(true);
    expect(sameAddress(a, { family: 6, host: '::2', port: 1 })).toBe(false);
    expect(sameAddress(a, { family: 6, host: '::1', port: 2 })).toBe(false);
    expect(sameAddress(a, { family: 'unix', path: '::1' })).toBe(false);
    expect(sameAddress({ family: 'unix', path: 'x' }, { family: 'unix', path: 'x' })).toBe(true);
    expect(ipBytes('10.0.0.1')).toEqual(Uint8Array.of(10, 0, 0, 1));
  });
});
