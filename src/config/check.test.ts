import { describe, expect, it } from 'vitest';
import { flag, integer, oneOf, optional, rest, time, word } from './argument.ts';
import { checkConfig, defaultValue, type Environment } from './check.ts';
import { type Directive, directive, type Site, unsupported } from './directive.ts';
import { parseText } from './tree.ts';

const plain = { doc: 'a directive', example: 'x;' } as const;
const http = directive({ ...plain, name: 'http', contexts: ['main'], args: [], opens: 'http' });
const server = directive({
  ...plain,
  name: 'server',
  contexts: ['http'],
  args: [],
  opens: 'server',
  repeat: true,
});
const peer = directive({
  ...plain,
  name: 'server',
  contexts: ['upstream'],
  args: [word, optional(word)],
  repeat: true,
});
const upstream = directive({
  ...plain,
  name: 'upstream',
  contexts: ['http'],
  args: [word],
  opens: 'upstream',
  repeat: true,
});
const location = directive({
  ...plain,
  name: 'location',
  contexts: ['server', 'location'],
  args: [word, optional(word)],
  opens: 'location',
  repeat: true,
});
const ifServer = directive({
  ...plain,
  name: 'if',
  contexts: ['server'],
  args: [rest(word)],
  opens: 'if in server',
  repeat: true,
});
const ifLocation = directive({
  ...plain,
  name: 'if',
  contexts: ['location'],
  args: [rest(word)],
  opens: 'if in location',
  repeat: true,
});
const gzip = directive({
  ...plain,
  name: 'gzip',
  contexts: ['http', 'server', 'location', 'if in location'],
  args: [flag],
  default: 'off',
});
const readTimeout = directive({
  ...plain,
  name: 'proxy_read_timeout',
  contexts: ['http', 'server', 'location'],
  args: [time],
  default: '60s',
});
const processes = directive({
  ...plain,
  name: 'worker_processes',
  contexts: ['main'],
  args: [integer(1, 512)],
});
const level = directive({ ...plain, name: 'level', contexts: ['main'], args: [oneOf('info', 'warn')] });
const map = directive({
  ...plain,
  name: 'map',
  contexts: ['http'],
  arity: [2, 2],
  opens: 'statements',
  repeat: true,
  read: ({ statement }) => (statement.block ?? []).length,
});
const many = directive({
  ...plain,
  name: 'many',
  contexts: ['main'],
  arity: [2, Number.POSITIVE_INFINITY],
  read: () => 1,
});
const bare = directive({ ...plain, name: 'bare', contexts: ['main'], args: [optional(word)] });
const all: readonly Directive<unknown>[] = [
  http,
  server,
  peer,
  upstream,
  location,
  ifServer,
  ifLocation,
  gzip,
  readTimeout,
  processes,
  level,
  map,
  many,
  bare,
  unsupported('perl_modules', 'there is no Perl in Holdfast'),
];
const environment: Environment = {
  confPath: (path) => `/conf/${path}`,
  prefixPath: (path) => `/prefix/${path}`,
  readFile: () => ({ code: 'ENOENT', errno: 2, text: 'No such file or directory' }),
};

function check(text: string) {
  const { statements, errors } = parseText(text);
  expect(errors).toEqual([]);
  return checkConfig(statements, all, environment);
}

describe('a configuration that is right', () => {
  it('becomes blocks of entries with their values', () => {
    const { block, errors } = check(
      'worker_processes 4; http { gzip on; server { location / { proxy_read_timeout 1h30m; } } }',
    );
    expect(errors).toEqual([]);
    expect(block.entries.map(({ value }) => value)).toEqual([4, []]);
    const inner = block.entries[1]!.block!;
    expect(inner.context).toBe('http');
    expect(inner.entries[0]!.value).toBe(true);
    const deepest = inner.entries[1]!.block!.entries[0]!.block!;
    expect(deepest.context).toBe('location');
    expect(deepest.entries[0]).toMatchObject({ directive: readTimeout, value: 5_400_000 });
  });

  it('chooses among directives of one name by where they stand', () => {
    const { block, errors } = check(
      'http { upstream u { server a:80 backup; } server { if ($a) { } location / { if ($b) { gzip on; } } } }',
    );
    expect(errors).toEqual([]);
    const [up, srv] = block.entries[0]!.block!.entries;
    expect(up!.block!.entries[0]!.directive).toBe(peer);
    expect(srv!.directive).toBe(server);
    expect(srv!.block!.entries[0]!.block!.context).toBe('if in server');
    expect(srv!.block!.entries[1]!.block!.entries[0]!.block!.context).toBe('if in location');
  });

  it('keeps an entry whose only argument is left out', () => {
    expect(check('bare;').block.entries).toMatchObject([{ directive: bare, value: undefined }]);
  });

  it('reads a default by the code that reads the file', () => {
    expect(defaultValue(readTimeout, environment)).toBe(60_000);
    expect(defaultValue(processes, environment)).toBeUndefined();
  });

  it('reads a default once, but one that depends on where the configuration stands each time', () => {
    let reads = 0;
    const counted = (value: (site: Site) => string): Directive<string> => ({
      ...bare,
      defaultText: '',
      read: (site) => {
        reads++;
        return value(site);
      },
    });
    const constant = counted(() => 'constant');
    const path = counted((site) => site.prefixPath('logs'));
    expect(defaultValue(constant, environment)).toBe('constant');
    expect(defaultValue(constant, environment)).toBe('constant');
    expect(reads).toBe(1);
    expect(defaultValue(path, environment)).toBe('/prefix/logs');
    expect(defaultValue(path, { ...environment, prefixPath: (name) => `/else/${name}` })).toBe('/else/logs');
    expect(defaultValue(constant, environment, 'other')).toBe('constant');
    expect(reads).toBe(4);
  });
});

describe("a mistake has nginx's words, then help", () => {
  const cases: readonly [text: string, message: string, hint: string | undefined, place: string][] = [
    ['htpt { }', 'unknown directive "htpt"', 'did you mean "http"?', '1:1'],
    [
      'proxy_raed_timeout 1s;',
      'unknown directive "proxy_raed_timeout"',
      'did you mean "proxy_read_timeout"? "proxy_read_timeout" is allowed in "http", "server", "location"',
      '1:1',
    ],
    ['nonsense 1;', 'unknown directive "nonsense"', undefined, '1:1'],
    [
      '\u00ef\u00bb\u00bfevents {}',
      'unknown directive "\u00ef\u00bb\u00bfevents"',
      'the file begins with a byte order mark',
      '1:1',
    ],
    [
      '#@author me;',
      'unknown directive "author"',
      'a comment that begins with "#@" is read as configuration; write "# @" for any other',
      '1:3',
    ],
    [
      'gzip on;',
      '"gzip" directive is not allowed here',
      '"gzip" is allowed in "http", "server", "location", "if in location", and this is the top of the file',
      '1:1',
    ],
    ['http {\n  server a;\n}', 'directive "server" has no opening "{"', undefined, '2:3'],
    ['worker_processes 4 {}', 'directive "worker_processes" is not terminated by ";"', undefined, '1:1'],
    [
      'worker_processes;',
      'invalid number of arguments in "worker_processes" directive',
      '"worker_processes" takes 1 argument',
      '1:1',
    ],
    ['many 1;', 'invalid number of arguments in "many" directive', '"many" takes 2 arguments or more', '1:1'],
    [
      'http { location / a b {} }',
      '"location" directive is not allowed here',
      '"location" is allowed in "server", "location", and this is "http"',
      '1:8',
    ],
    [
      'http { server { location / a b {} } }',
      'invalid number of arguments in "location" directive',
      '"location" takes 1 or 2 arguments before its "{"',
      '1:17',
    ],
    [
      'http on {}',
      'invalid number of arguments in "http" directive',
      '"http" takes no arguments before its "{"',
      '1:1',
    ],
    ['http { gzip on; gzip off; }', '"gzip" directive is duplicate', undefined, '1:17'],
    [
      'http { gzip yes; }',
      'invalid value "yes" in "gzip" directive, it must be "on" or "off"',
      undefined,
      '1:13',
    ],
    [
      'http { proxy_read_timeout soon; }',
      '"proxy_read_timeout" directive invalid value',
      '"soon": a time is 300s, 5m or 1h30m',
      '1:27',
    ],
    [
      'worker_processes four;',
      '"worker_processes" directive invalid number',
      '"four": a number between 1 and 512',
      '1:18',
    ],
    ['worker_processes 0;', 'value must be between 1 and 512', undefined, '1:18'],
    ['level loud;', 'invalid value "loud"', 'allowed: "info", "warn"', '1:7'],
    ['http { map $a $b { c { } } }', 'unexpected "{"', undefined, '1:20'],
    [
      'perl_modules x;',
      '"perl_modules" directive is not supported by Holdfast',
      'there is no Perl in Holdfast',
      '1:1',
    ],
    [
      'worker_processes 4\nhttp { }',
      'directive "worker_processes" is not terminated by ";"',
      'is ";" missing after "4" on line 1?',
      '1:1',
    ],
    [
      'worker_processes 4\nlevel info;',
      'invalid number of arguments in "worker_processes" directive',
      'is ";" missing after "4" on line 1?',
      '1:1',
    ],
  ];
  it.each(cases)('%s', (text, message, hint, place) => {
    const { errors } = check(text);
    expect(errors.map((error) => [error.message, error.hint, `${error.line}:${error.column}`])).toEqual([
      [message, hint, place],
    ]);
  });

  it('every mistake of the file is found, not the first alone', () => {
    const { errors } = check('htpt {}\nhttp { gzip yes; server { gzip no; foo; } }\nlevel x;');
    expect(errors.map(({ line, message }) => `${line} ${message}`)).toEqual([
      '1 unknown directive "htpt"',
      '2 invalid value "yes" in "gzip" directive, it must be "on" or "off"',
      '2 invalid value "no" in "gzip" directive, it must be "on" or "off"',
      '2 unknown directive "foo"',
      '3 invalid value "x"',
    ]);
  });

  it('a block under a wrong name or in a wrong place is looked into', () => {
    const { errors } = check('htpt { gzip yes; }\nserver {}\nupstream u { gzip no; }\nnonsense { gzip 1; }');
    expect(errors.map(({ line, message }) => `${line} ${message}`)).toEqual([
      '1 unknown directive "htpt"',
      '1 invalid value "yes" in "gzip" directive, it must be "on" or "off"',
      '2 "server" directive is not allowed here',
      '3 "upstream" directive is not allowed here',
      '3 "gzip" directive is not allowed here',
      '4 unknown directive "nonsense"',
    ]);
  });

  it('beyond fifty they are counted', () => {
    const { errors, errorsDropped } = check('foo;'.repeat(60));
    expect([errors.length, errorsDropped]).toEqual([50, 10]);
  });

  it('half a million on one line are counted in linear time', () => {
    const { errors, errorsDropped } = check('foo;'.repeat(500_000));
    expect([errors.length, errorsDropped]).toEqual([50, 499_950]);
  });
});
