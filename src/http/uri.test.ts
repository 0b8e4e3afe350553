import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { argument, escapeUri, extensionOf, internalTarget, normalizeTarget, unescapeUri } from './uri.ts';

describe('a target', () => {
  test.each([
    ['/', '/', '', ''],
    ['/a/b.html?x=1&y', '/a/b.html', 'x=1&y', 'html'],
    ['/a?', '/a', '', ''],
    ['/a?b?c', '/a', 'b?c', ''],
    ['/a?b#c', '/a', 'b', ''],
    ['/a#b?c', '/a', '', ''],
    ['?x=1', '/', 'x=1', ''],
    ['/a//b', '/a/b', '', ''],
    ['/./a/./b/.', '/a/b/', '', ''],
    ['/a/../b', '/b', '', ''],
    ['/a/b/..', '/a/', '', ''],
    ['/a/b/..?x', '/a/', 'x', ''],
    ['/a/.?x', '/a/', 'x', ''],
    ['/a/...', '/a/...', '', ''],
    ['/a/..b', '/a/..b', '', ''],
    ['/.a', '/.a', '', ''],
    ['/a.b.c', '/a.b.c', '', 'c'],
    ['/a.b/c', '/a.b/c', '', ''],
    ['/%41%c3%a4', '/A\xc3\xa4', '', ''],
    ['/a%2fb%2Fc', '/a/b/c', '', ''],
    ['/a/%2e%2e/b', '/b', '', ''],
    ['/a%3fb%23c%25d', '/a?b#c%d', '', ''],
    ['/%2541', '/%41', '', ''],
    ['/a?%41', '/a', '%41', ''],
    ['/%61.%68tml', '/a.html', '', 'html'],
    ['/a%2Bb+c', '/a+b+c', '', ''],
  ])('%s is %s with arguments %j and extension %j', (target, uri, args, ext) => {
    expect(normalizeTarget(target)).toMatchObject({ uri, args, ext });
  });

  test.each([
    '/..',
    '/a/../..',
    '/../a',
    '/%',
    '/%4',
    '/%4g',
    '/%00',
    '/a/%2e%2e/%2e%2e/b',
    '//..',
    '/a/..%2f..',
  ])('%s is refused', (target) => {
    expect(normalizeTarget(target)).toBeUndefined();
  });

  test('keeps double slashes with merge_slashes off', () => {
    expect(normalizeTarget('//a///b', false)?.uri).toBe('//a///b');
    expect(normalizeTarget('//a//../b', false)?.uri).toBe('//a/b');
    expect(normalizeTarget('//..', false)?.uri).toBe('/');
  });

  test('says whether it was encoded, had a plus and a question mark', () => {
    expect(normalizeTarget('/%41+?')).toMatchObject({ quoted: true, plus: true, hasArgs: true });
    expect(normalizeTarget('/a?%41+')).toMatchObject({ quoted: false, plus: false, hasArgs: true });
    expect(normalizeTarget('/a%2B')).toMatchObject({ quoted: true, plus: true, hasArgs: false });
  });

  test('never keeps a way up, whatever its bytes, and normalizing twice is normalizing once', () => {
    const piece = fc.constantFrom('/', '/.', '/..', '%2e', '%2F', 'a', '.', '//', '%41', '\xff', 'b.c', '+');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.boolean(), (pieces, merge) => {
        const normal = normalizeTarget(`/${pieces.join('')}`, merge);
        if (normal === undefined) return;
        expect(normal.uri).toMatch(/^\//);
        expect(normal.uri).not.toMatch(/\/\.\.?(?:\/|$)/);
        if (merge) expect(normal.uri).not.toContain('//');
        expect(normalizeTarget(escapeUri(normal.uri, 'uri'), merge)?.uri).toBe(normal.uri);
      }),
      { numRuns: 1000 },
    );
  });

  test('of any bytes is an answer, never an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
        const normal = normalizeTarget(`/${String.fromCharCode(...bytes)}`);
        // decoding makes no NUL; one that was sent may stand in the path or behind its end
        if (normal?.uri.includes('\0')) expect(bytes.includes(0)).toBe(true);
      }),
    );
  });

  test('as long as a buffer is no trouble', () => {
    expect(normalizeTarget(`/%41${'a/../'.repeat(20_000)}`)?.uri).toBe('/');
    expect(normalizeTarget(`/%41${'b'.repeat(100_000)}`)?.uri.length).toBe(100_002);
  });
});

describe('escaping', () => {
  test.each([
    ['uri', '/a b?#%"<>\xe4~+&', '/a%20b%3F%23%25%22%3C%3E%E4~+&'],
    ['args', 'a+b&c;d=e', 'a%2Bb%26c%3Bd=e'],
    ['uri_component', 'a/b:c~', 'a%2Fb%3Ac~'],
    ['html', "a?'", 'a?%27'],
    ['refresh', '~"}', '%7E%22}'],
    ['memcached', 'a b%\n\x7f', 'a%20b%25%0A\x7f'],
  ] as const)('as %s', (kind, text, escaped) => {
    expect(escapeUri(text, kind)).toBe(escaped);
  });

  test('is undone by unescaping', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = String.fromCharCode(...bytes);
        for (const kind of ['uri', 'args', 'uri_component'] as const)
          expect(unescapeUri(escapeUri(text, kind))).toBe(text);
      }),
    );
  });

  test.each([
    ['%41%zz%4', 'all', 'Azz'],
    ['%4zb', 'all', 'b'],
    ['a%3fb%41', 'all', 'a?bA'],
    ['a%3fb%41', 'uri', 'a?b%41'],
    ['a?b%41', 'uri', 'a?b%41'],
    ['%41%20%25%c3', 'redirect', 'A%20%25%c3'],
  ] as const)('unescaping %s as %s', (text, kind, out) => {
    expect(unescapeUri(text, kind)).toBe(out);
  });
});

test.each([
  ['/a?b', { uri: '/a', args: 'b' }],
  ['/a%3fb', { uri: '/a?b', args: '' }],
  ['', undefined],
  ['?a', undefined],
  ['../a', undefined],
  ['/a/../b', undefined],
  ['/a/..', undefined],
  ['/a/%2e%2e/b', undefined],
  ['/a%00', undefined],
  ['/a..b/..c', { uri: '/a..b/..c', args: '' }],
])('an internal target %j is %j', (text, target) => {
  expect(internalTarget(text)).toEqual(target);
});

test.each([
  ['a=1&b=2', 'b', '2'],
  ['A=1', 'a', '1'],
  ['aa=1&a=2', 'a', '2'],
  ['a&a=', 'a', ''],
  ['a', 'a', undefined],
  ['', 'a', undefined],
])('the argument of %j called %s is %j', (args, name, value) => {
  expect(argument(args, name)).toBe(value);
});

test.each([
  ['/a.b', 'b'],
  ['/.b', ''],
  ['/a.b/c', ''],
  ['/a.', ''],
])('the extension of %s is %j', (uri, ext) => {
  expect(extensionOf(uri)).toBe(ext);
});
