import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8ByteString } from '../base/bytes.ts';
import { parseText } from '../config/tree.ts';
import { objectText, splitWords } from './configuration-object.ts';
import type { ConfigurationObject, HttpBlock, LocationBlock, ServerBlock } from './configuration-types.ts';

/** The text without its layout. */
function text(configuration: object): string {
  return objectText(configuration).text.replace(/\s+/g, ' ').trim();
}

function http(block: HttpBlock): ConfigurationObject {
  return { http: block };
}

function server(block: ServerBlock): ConfigurationObject {
  return http({ server: block });
}

function location(block: LocationBlock): ConfigurationObject {
  return server({ location: { '/': block } });
}

describe('a configuration as an object', () => {
  it.each<[string, ConfigurationObject, string]>([
    ['a word', { worker_shutdown_timeout: '5m' }, 'worker_shutdown_timeout 5m;'],
    ['a number', { http: { client_max_body_size: 0 } }, 'http { client_max_body_size 0; }'],
    ['a flag', http({ gzip: true, etag: false }), 'http { gzip on; etag off; }'],
    ['what is left out', { events: {}, http: undefined }, 'events { }'],
    [
      'a list of lines',
      server({ listen: ['80 default_server', 81] }),
      'http { server { listen 80 default_server; listen 81; } }',
    ],
    ['a list of blocks', http({ server: [{ listen: 80 }, {}] }), 'http { server { listen 80; } server { } }'],
    [
      'quoted words',
      location({ return: '200 "hello you"' }),
      'http { server { location / { return 200 "hello you"; } } }',
    ],
    [
      'words as they are',
      location({ return: [[200, 'a "b" ']] }),
      'http { server { location / { return 200 "a \\"b\\" "; } } }',
    ],
    ['no words', location({ internal: true }), 'http { server { location / { internal; } } }'],
    ['no directive', location({ internal: false }), 'http { server { location / { } } }'],
    [
      'a method of an upstream',
      http({ upstream: { a: { ip_hash: true, server: ['b', 'c weight=2'] } } }),
      'http { upstream a { ip_hash; server b; server c weight=2; } }',
    ],
    [
      'a block with several words',
      server({ location: { '~ \\.php$': {}, '= /x': {} } }),
      'http { server { location ~ "\\\\.php$" { } location = /x { } } }',
    ],
    [
      'a block that stands twice',
      server({ if: { '($host = x)': [{ return: 403 }, { break: true }] } }),
      'http { server { if "($host" = x) { return 403; } if "($host" = x) { break; } } }',
    ],
    [
      'a block of statements',
      http({ map: { '$a $b': { default: 'x', '': 'y', '~^a b': 1 } } }),
      'http { map "$a" "$b" { default x; "" y; "~^a b" 1; } }',
    ],
    [
      'a block of statements without words',
      http({ types: { 'text/html': 'html htm' } }),
      'http { types { text/html html htm; } }',
    ],
    ['an include', { include: ['a.conf', 'b/*.conf'] }, 'include a.conf; include b/*.conf;'],
    [
      'UTF-8',
      location({ add_header: [['X', 'ü']] }),
      `http { server { location / { add_header X ${utf8ByteString('ü')}; } } }`,
    ],
  ])('%s', (_what, configuration, expected) => {
    expect(text(configuration)).toBe(expected);
  });

  it.each<[string, object, string, string]>([
    ['a date', { http: new Date(0) }, 'http', 'a word is a string, a number or a boolean, not a Date'],
    [
      'a function',
      { http: { server: [{ listen: () => 1 }] } },
      'http.server[0].listen',
      'a word is a string, a number or a boolean, not a function',
    ],
    [
      'no number',
      { events: { worker_connections: Number.NaN } },
      'events.worker_connections',
      'a word is a string, a number or a boolean, not NaN',
    ],
    [
      'a word for a block',
      { http: { server: { location: { '/a': 'x' } } } },
      'http.server.location["/a"]',
      'a block is an object of directives, not a string',
    ],
    [
      'a list of words of no kind',
      { http: { server: { listen: [[80, null]] } } },
      'http.server.listen[0][1]',
      'a word is a string, a number or a boolean, not null',
    ],
    ['a block for words', { http: { gzip: {} } }, 'http.gzip', '"gzip" takes words and no block'],
  ])('%s is a mistake with its path', (_what, configuration, path, message) => {
    expect(objectText(configuration).mistakes).toEqual([{ path, message }]);
  });

  it('that holds itself is a mistake', () => {
    const endless: Record<string, unknown> = {};
    endless.location = { '/': endless };
    const { mistakes } = objectText({ http: { server: endless } });
    expect(mistakes.map(({ message }) => message)).toEqual(['blocks are nested deeper than 100']);
  });

  it('tells of each line where it comes from', () => {
    const { text: lines, paths } = objectText({
      http: { server: [{ listen: 80, location: { '/': { return: [[200, 'two\nlines']], etag: true } } }] },
    });
    const told = lines.split('\n').slice(0, -1);
    expect(told.map((line, i) => `${line.trim()} ← ${paths[i + 1]}`)).toEqual([
      'http { ← http',
      'server { ← http.server[0]',
      'listen 80; ← http.server[0].listen',
      'location / { ← http.server[0].location["/"]',
      'return 200 "two ← http.server[0].location["/"].return[0]',
      'lines"; ← http.server[0].location["/"].return[0]',
      'etag on; ← http.server[0].location["/"].etag',
      '} ← http.server[0].location["/"]',
      '} ← http.server[0]',
      '} ← http',
    ]);
  });

  it('has one path for each line, whatever its words are, and no word begins another directive', () => {
    const name = fc.string().filter((each) => each !== 'include' && each !== '__proto__');
    const words = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.array(fc.array(fc.string(), { maxLength: 3 }), { maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.dictionary(name, words), (map) => {
        const printed = objectText({ http: { map: { '$a $b': map } } });
        expect(printed.paths).toHaveLength(printed.text.split('\n').length);
        const { statements, errors } = parseText(printed.text);
        expect(errors).toEqual([]);
        const lines = statements[0]?.block?.[0]?.block ?? [];
        const written = Object.values(map).flat();
        expect(lines).toHaveLength(written.length);
      }),
    );
  });
});

describe('words of a string', () => {
  it.each<[string, readonly string[]]>([
    ['', []],
    ['  a\tb\n c ', ['a', 'b', 'c']],
    [`"a b" 'c "d"' e"f`, ['a b', 'c "d"', 'e"f']],
    ['"a\\"b" c\\ d e\\\\f', ['a"b', 'c\\ d', 'e\\f']],
    ['~ \\.(gif|png)$ {;}#', ['~', '\\.(gif|png)$', '{;}#']],
    ['"" \'\'', ['', '']],
    ['"open', ['"open']],
    ['a\\', ['a\\']],
  ])('%j', (written, expected) => {
    expect(splitWords(written)).toEqual(expected);
  });

  it('are those that a file would have', () => {
    const word = fc.stringMatching(/^[a-z$.*~=/\\"' ]+$/);
    fc.assert(
      fc.property(word, (written) => {
        const { statements, errors } = parseText(`x ${written};`);
        fc.pre(errors.length === 0 && !/\\$/.test(written));
        expect(splitWords(written)).toEqual(statements[0]?.words.map((each) => each.text));
      }),
    );
  });
});
