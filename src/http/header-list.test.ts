import { describe, expect, test } from 'vitest';
import { HeaderList, listHas, listTokens, listValue, safeHeaderValue } from './header-list.ts';
import { asciiLower, CONNECTION, HOST, knownName, lowerName, UNIQUE } from './header-name.ts';

function list(...pairs: [string, string][]): HeaderList {
  const headers = new HeaderList();
  for (const [name, value] of pairs) headers.add(name, value);
  return headers;
}

describe('a header list', () => {
  const three = (): HeaderList => list(['X-A', '1'], ['Y', '2'], ['x-a', '3']);

  test('keeps order and spelling, and is asked in lower case', () => {
    const headers = three();
    expect(headers.render()).toBe('X-A: 1\r\nY: 2\r\nx-a: 3\r\n');
    expect([headers.get('x-a'), headers.getAll('x-a'), headers.joined('x-a'), headers.has('z')]).toEqual([
      '1',
      ['1', '3'],
      '1, 3',
      false,
    ]);
    expect([headers.nameAt(2), headers.lowerAt(2), headers.valueAt(2), headers.length]).toEqual([
      'x-a',
      'x-a',
      '3',
      3,
    ]);
    expect([headers.get('z'), headers.joined('z'), headers.getAll('z')]).toEqual([undefined, undefined, []]);
  });

  test('sets in the place of the first and takes the others away', () => {
    const headers = three();
    headers.set('X-a', '9');
    expect(headers.render()).toBe('X-a: 9\r\nY: 2\r\n');
    headers.set('Z', '0');
    expect(headers.render()).toBe('X-a: 9\r\nY: 2\r\nZ: 0\r\n');
  });

  test('deletes by name, clears, and a copy stays apart', () => {
    const headers = three();
    const copy = headers.copy();
    headers.delete('x-a');
    headers.delete('none');
    expect(headers.render()).toBe('Y: 2\r\n');
    expect(copy.length).toBe(3);
    copy.clear();
    expect(copy.length).toBe(0);
  });
});

test('the elements of a list header', () => {
  const headers = list(['Connection', ' Keep-Alive ,, UPGRADE\t'], ['connection', 'x']);
  expect(listTokens(headers, 'connection')).toEqual(['keep-alive', 'upgrade', 'x']);
  expect(listHas(headers, 'connection', 'upgrade')).toBe(true);
  expect(listHas(headers, 'connection', 'up')).toBe(false);
  expect(listHas(headers, 'te', 'x')).toBe(false);
  expect(listHas(list(['Connection', 'Upgrade']), 'connection', 'upgrade')).toBe(true);
});

test.each([
  ['a', '1'],
  ['B', '2'],
  ['c', 'x=y'],
  ['d', '4 '],
  ['none', undefined],
  ['e', ''],
])('the cookie %s is %j', (name, value) => {
  const headers = list(['Cookie', 'aa=0;  A=1; b = 2;c=x=y; d=4 ; flag'], ['cookie', 'e=; a=9']);
  expect(listValue(headers, 'cookie', name, ';')).toBe(value);
});

test('no value can end a header line', () => {
  expect(safeHeaderValue('a\r\nX: b\0\n')).toBe('a  X: b  ');
  const plain = 'plain';
  expect(safeHeaderValue(plain)).toBe(plain);
});

test('names are lowered as ASCII alone', () => {
  expect(lowerName('Content-Type')).toBe('content-type');
  expect(lowerName('X-\xc4B')).toBe('x-\xc4b');
  expect(asciiLower('abc')).toBe('abc');
});

test('a known name is found where it stands, in its usual and its lower-case spelling alone', () => {
  const text = 'Host: a\nconnection: b\nHOST: c\nIf-Range: d\nX-Unknown: e\n: f\n';
  const found = text
    .split('\n')
    .map((line) => [text.indexOf(line), text.indexOf(line) + line.indexOf(':')] as const)
    .slice(0, 6)
    .map(([at, end]) => knownName(text, at, end));
  const names = found.map((known) => known?.name);
  expect(names).toEqual(['Host', 'connection', undefined, 'If-Range', undefined, undefined]);
  expect(found.map((known) => known?.kind)).toEqual([
    HOST,
    CONNECTION,
    undefined,
    UNIQUE,
    undefined,
    undefined,
  ]);
});
