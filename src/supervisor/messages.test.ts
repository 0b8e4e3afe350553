import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeMessage, encodeMessage, type Order } from './messages.ts';

it('a message comes out as it went in, bytes of a configuration included', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (name, text) => {
      const bytes = text.replace(/[^\0-\xff]/g, '\xe9');
      const order: Order = { do: 'logs', paths: [name, bytes, '\xff\x00\xc3\xa9'] };
      expect(decodeMessage(encodeMessage(order))).toEqual(JSON.parse(JSON.stringify(order)));
    }),
  );
});
