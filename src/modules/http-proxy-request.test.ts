// Laws of the head that a server is sent: whatever variables bring, it is one head with the lines that were meant.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeaderList } from '../http/header-list.ts';
import type { Render } from '../plan/scope.ts';
import type { Exchange } from '../proxy/exchange.ts';
import { requestTarget } from './http-proxy-pass.ts';
import { type HeaderPlan, renderRequestHead } from './http-proxy-request.ts';

/** Any bytes, those that end lines and words among them more often than not. */
const bytes = fc
  .array(
    fc.oneof(fc.constantFrom('\r', '\n', '\0', ' ', ':', '/', '%', '?'), fc.integer({ min: 0, max: 255 })),
  )
  .map((list) => list.map((each) => (typeof each === 'string' ? each : String.fromCharCode(each))).join(''));

function rendering(text: string): Render {
  return Object.assign(() => text, { constant: undefined, parts: [] });
}

function exchangeOf(fields: Partial<Exchange>): Exchange {
  return { headers: new HeaderList(), ...fields } as unknown as Exchange;
}

describe('the head of a request', () => {
  it('has a line for each header, whatever its value', () => {
    fc.assert(
      fc.property(bytes, bytes, (host, value) => {
        const headers: HeaderPlan = {
          host: rendering(host),
          lines: [{ start: 'X-A: ', value: rendering(value) }],
          length: true,
          encoding: true,
          dropped: new Set(),
        };
        const head = renderRequestHead(exchangeOf({}), {
          method: 'GET',
          target: '/',
          version: '1.1',
          host: 'usual',
          headers,
          passHeaders: true,
          body: { length: 3, chunked: false },
        });
        const lines = head.split('\r\n');
        const expected = ['GET', 'Host', ...(value === '' ? [] : ['X-A']), 'Content-Length', '', ''];
        expect(lines.map((line) => line.split(/[ :]/)[0])).toEqual(expected);
        expect(lines.join('')).not.toMatch(/[\r\n\0]/);
      }),
    );
  });

  it('has one target, whatever the URI', () => {
    fc.assert(
      fc.property(bytes, bytes, bytes, fc.boolean(), fc.boolean(), (uri, args, base, whole, internal) => {
        const x = exchangeOf({
          uri: `/${uri}`,
          args,
          internal,
          unparsedUriValid: false,
          locationValid: true,
        });
        const target = requestTarget(x, '/', {
          target: { name: '', addresses: [] },
          host: '',
          port: '',
          uri: `/${base}`,
          whole,
        });
        expect(target).not.toMatch(/[\x00-\x20\x7f]/);
        expect(target.startsWith('/')).toBe(true);
      }),
    );
  });
});
