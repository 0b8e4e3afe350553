import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { bytesOf } from '../base/bytes.ts';
import { closeCodeName, isSendable } from './close-code.ts';
import { deflateParameters, parseExtensions, reservedBits } from './extension.ts';
import { acceptance, acceptKey, type Fields, openingHandshake } from './handshake.ts';
import { closeFrame, frame, pingFrame } from './injected.ts';

const sha1 = (text: string): string => createHash('sha1').update(text, 'latin1').digest('base64');
const fields = (map: Record<string, string>): Fields => ({
  get: (lower) => map[lower],
  joined: (lower) => map[lower],
});
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ASK = {
  upgrade: 'WebSocket',
  connection: 'keep-alive, Upgrade',
  'sec-websocket-key': KEY,
  'sec-websocket-version': '13',
  'sec-websocket-protocol': 'chat, v2',
  'sec-websocket-extensions': 'permessage-deflate; client_max_window_bits',
};
const YES = {
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
};

describe('an opening handshake', () => {
  test('is recognized with what it offers', () => {
    expect(openingHandshake('GET', 11, fields(ASK))).toEqual({
      key: KEY,
      protocols: ['chat', 'v2'],
      extensions: [{ name: 'permessage-deflate', parameters: [['client_max_window_bits', '']] }],
      fault: '',
    });
  });
  test.each([
    ['POST', 11, ASK],
    ['GET', 10, ASK],
    ['GET', 11, { ...ASK, upgrade: 'h2c' }],
    ['GET', 11, { ...ASK, connection: 'close' }],
    ['GET', 11, {}],
  ])('is none: %s %i (%#)', (method, version, map) => {
    expect(openingHandshake(method, version, fields(map as Record<string, string>))).toBeUndefined();
  });
  test.each([
    ['Sec-WebSocket-Key is not 16 bytes in base64', { 'sec-websocket-key': 'short' }],
    ['Sec-WebSocket-Version is not 13', { 'sec-websocket-version': '8' }],
    ['a subprotocol is offered twice', { 'sec-websocket-protocol': 'a,a' }],
    ['Sec-WebSocket-Extensions is malformed', { 'sec-websocket-extensions': 'a; =' }],
  ])('has the fault: %s', (fault, change) => {
    expect(openingHandshake('GET', 11, fields({ ...ASK, ...change }))?.fault).toBe(fault);
  });
});

describe('a 101', () => {
  const asked = openingHandshake('GET', 11, fields(ASK))!;
  test("accepts with the RFC's own example", () => {
    expect(acceptKey(KEY, sha1)).toBe(YES['sec-websocket-accept']);
    const answer = {
      ...YES,
      'sec-websocket-protocol': 'v2',
      'sec-websocket-extensions': 'permessage-deflate',
    };
    expect(acceptance(asked, fields(answer), sha1)).toEqual({
      protocol: 'v2',
      extensions: [{ name: 'permessage-deflate', parameters: [] }],
      fault: '',
    });
  });
  test.each([
    ['Upgrade is not websocket', { upgrade: 'h2c' }],
    ['Connection is not upgrade', { connection: 'close' }],
    ['Sec-WebSocket-Accept does not match', { 'sec-websocket-accept': 'x' }],
    ['subprotocol was not offered', { 'sec-websocket-protocol': 'v3' }],
    ['extension was not offered', { 'sec-websocket-extensions': 'mux' }],
    ['Sec-WebSocket-Extensions is malformed', { 'sec-websocket-extensions': ';' }],
  ])('has the fault: %s', (fault, change) => {
    expect(acceptance(asked, fields({ ...YES, ...change }), sha1).fault).toBe(fault);
  });
});

describe('extensions', () => {
  test.each([
    ['', []],
    [
      ' , a ,, b;x;y=1 ; z="q" ,',
      [
        { name: 'a', parameters: [] },
        {
          name: 'b',
          parameters: [
            ['x', ''],
            ['y', '1'],
            ['z', 'q'],
          ],
        },
      ],
    ],
    ['a b', undefined],
    ['a;', undefined],
    ['a; x="b c"', undefined],
    ['a; x=', undefined],
  ])('%j are read', (text, expected) => {
    expect(parseExtensions(text)).toEqual(expected);
  });
  test.each([
    [
      'permessage-deflate',
      { serverNoContextTakeover: false, serverMaxWindowBits: 15, clientMaxWindowBits: 15 },
    ],
    [
      'permessage-deflate; server_no_context_takeover; server_max_window_bits=10',
      { serverNoContextTakeover: true, serverMaxWindowBits: 10 },
    ],
    ['permessage-deflate; server_max_window_bits=16', undefined],
    ['permessage-deflate; server_max_window_bits=9; server_max_window_bits=9', undefined],
    ['permessage-deflate; client_max_window_bits', undefined],
    ['permessage-deflate; other', undefined],
    ['mux', undefined],
  ])('permessage-deflate as an answer: %s', (text, expected) => {
    const told = deflateParameters(parseExtensions(text)![0]!, 'answer');
    if (expected === undefined) expect(told).toBeUndefined();
    else expect(told).toMatchObject(expected);
  });
  test('name the bits that frames may set', () => {
    expect(reservedBits([])).toBe(0);
    expect(reservedBits(parseExtensions('permessage-deflate')!)).toBe(0x40);
    expect(reservedBits(parseExtensions('permessage-deflate, mux')!)).toBe(0x70);
  });
});

describe('frames of our own', () => {
  test('have the bytes that the RFC shows (5.7)', () => {
    expect(frame(1, bytesOf('Hello'))).toEqual(Uint8Array.of(0x81, 5, 0x48, 0x65, 0x6c, 0x6c, 0x6f));
    expect(frame(1, bytesOf('Hello'), 0x37fa213d)).toEqual(
      Uint8Array.of(0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58),
    );
    expect(frame(2, new Uint8Array(256)).subarray(0, 4)).toEqual(Uint8Array.of(0x82, 126, 1, 0));
    expect(frame(2, new Uint8Array(65_536)).subarray(0, 10)).toEqual(
      Uint8Array.of(0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0),
    );
    expect(pingFrame('x')).toEqual(Uint8Array.of(0x89, 1, 0x78));
    expect(closeFrame(1001, 'go')).toEqual(Uint8Array.of(0x88, 4, 3, 0xe9, 0x67, 0x6f));
  });
  test('are cut to what a control frame may carry, between characters', () => {
    expect(pingFrame('x'.repeat(200)).length).toBe(127);
    expect(closeFrame(1000, `${'x'.repeat(122)}Ã¤`).length).toBe(2 + 2 + 122);
    expect(closeFrame(1000, `${'x'.repeat(121)}Ã¤`).length).toBe(2 + 2 + 123);
  });
});

test.each([
  [999, false],
  [1000, true],
  [1003, true],
  [1004, false],
  [1005, false],
  [1006, false],
  [1007, true],
  [1014, true],
  [1015, false],
  [2999, false],
  [3000, true],
  [4999, true],
  [5000, false],
])('close code %i may be sent: %s', (code, sendable) => {
  expect(isSendable(code)).toBe(sendable);
});

test('close codes have names', () => {
  expect(closeCodeName(1012)).toBe('service restart');
  expect(closeCodeName(4000)).toBe('');
});
