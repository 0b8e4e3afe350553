import { describe, expect, it } from 'vitest';
import { expandGlob, memoryFiles } from './files.ts';
import { lineOf } from './position.ts';
import { parseConfig, parseText } from './tree.ts';

function parse(files: Record<string, string>, globals?: string) {
  const parsed = parseConfig(
    '/conf/nginx.conf',
    memoryFiles(files),
    globals === undefined ? {} : { globals },
  );
  const names = parsed.statements.map(({ name }) => name.text);
  const said = parsed.errors.map(({ message, file, line }) => `${message} in ${file}:${line}`);
  return { ...parsed, names, said };
}

describe('include', () => {
  it('puts what the file holds in its place, relative to the folder of the configuration', () => {
    const { names, said, sources, statements } = parse({
      '/conf/nginx.conf': 'a;\ninclude sub/b.conf;\nd { include /abs.conf; }',
      '/conf/sub/b.conf': 'b;\ninclude c.conf;',
      '/conf/c.conf': '\n\nc;',
      '/abs.conf': 'x y;',
    });
    expect(said).toEqual([]);
    expect(names).toEqual(['a', 'b', 'c', 'd']);
    expect(statements[2]?.name.source.file).toBe('/conf/c.conf');
    expect(statements[2] && lineOf(statements[2].name)).toBe(3);
    expect(statements[3]?.block?.map(({ name }) => name.text)).toEqual(['x']);
    expect(sources.map(({ file }) => file)).toEqual([
      '/conf/nginx.conf',
      '/conf/sub/b.conf',
      '/conf/c.conf',
      '/abs.conf',
    ]);
  });

  it('takes a pattern, sorted, without hidden files; none that matches is no mistake', () => {
    const { names, said } = parse({
      '/conf/nginx.conf': 'include d/*.conf; include none/*.conf; include d/[ab].c?nf;',
      '/conf/d/b.conf': 'b;',
      '/conf/d/a.conf': 'a;',
      '/conf/d/.c.conf': 'hidden;',
      '/conf/d/e.txt': 'e;',
    });
    expect([names, said]).toEqual([['a', 'b', 'a', 'b'], []]);
  });

  it('works in blocks that hold no directives', () => {
    const { statements } = parse({
      '/conf/nginx.conf': 'map $a $b { x 1; include m; }',
      '/conf/m': 'y 2; "}" 3;',
    });
    expect(statements[0]?.block?.map(({ name }) => name.text)).toEqual(['x', 'y', '}']);
  });

  it('a file that is missing is said at its include, and reading goes on', () => {
    const { names, said } = parse({ '/conf/nginx.conf': 'a;\ninclude x;\nb;\ninclude /y;' });
    expect(names).toEqual(['a', 'b']);
    expect(said).toEqual([
      'open() "/conf/x" failed (2: No such file or directory) in /conf/nginx.conf:2',
      'open() "/y" failed (2: No such file or directory) in /conf/nginx.conf:4',
    ]);
  });

  it('a folder is said as nginx says it', () => {
    const read = (path: string) =>
      path === '/n' ? 'include /d;' : { code: 'EISDIR', errno: 21, text: 'Is a directory' };
    const { errors } = parseConfig('/n', { read, glob: () => [] });
    expect(errors[0]?.message).toBe('pread() "/d" failed (21: Is a directory)');
  });

  it('the configuration itself missing has no line', () => {
    expect(parse({}).errors).toMatchObject([
      { message: 'open() "/conf/nginx.conf" failed (2: No such file or directory)', file: '', line: 0 },
    ]);
  });

  it('a file that includes itself is refused once, however often it does', () => {
    const { said } = parse({ '/conf/nginx.conf': 'include nginx.conf;\ninclude nginx.conf;\na;' });
    expect(said).toEqual(['includes are nested deeper than 20 in /conf/nginx.conf:1']);
  });

  it('files that include the next one twice are not read a million times', () => {
    const files: Record<string, string> = { '/conf/nginx.conf': 'include 1;', '/conf/19': '' };
    for (let i = 1; i < 19; i++) files[`/conf/${i}`] = `include ${i + 1};\ninclude ${i + 1};`;
    expect(parse(files).said).toEqual(['more than 100000 files are included in /conf/18:2']);
  });

  it('a configuration that is longer than 32 MiB is refused, once, where it becomes so', () => {
    const long = `#${'x'.repeat(2 ** 20 - 2)}\n`;
    const main = (count: number): string => `${'include a;'.repeat(count)} b;`.padEnd(1000);
    const files = { '/conf/a': long };
    expect(parse({ ...files, '/conf/nginx.conf': main(31) })).toMatchObject({ said: [], names: ['b'] });
    expect(parse({ ...files, '/conf/nginx.conf': main(60) }).said).toEqual([
      'the configuration is longer than 33554432 bytes, with what it includes in /conf/nginx.conf:1',
    ]);
    expect(parse({ '/conf/nginx.conf': ' '.repeat(2 ** 25 + 1) }).errors).toMatchObject([
      { message: '"/conf/nginx.conf" is longer than 33554432 bytes', line: 0 },
    ]);
  });

  it('twenty levels are allowed', () => {
    const files: Record<string, string> = { '/conf/nginx.conf': 'include 1;' };
    for (let i = 1; i < 20; i++) files[`/conf/${i}`] = `include ${i + 1};`;
    expect(parse({ ...files, '/conf/20': 'last;' }).names).toEqual(['last']);
  });

  it('a block ends in the file in which it began', () => {
    expect(parse({ '/conf/nginx.conf': 'a { include b; }', '/conf/b': 'c {\n' }).said).toEqual([
      'unexpected end of file, expecting "}" in /conf/b:2',
    ]);
  });
});

describe('-g', () => {
  it('is read before the file', () => {
    const { names, sources } = parse({ '/conf/nginx.conf': 'b;' }, 'a 1; a "2";');
    expect(names).toEqual(['a', 'a', 'b']);
    expect(sources.map(({ file }) => file)).toEqual(['/conf/nginx.conf']);
  });

  it.each([
    ['a', 'unexpected end of parameter, expecting ";"'],
    ['a { b; }', 'block directives are not supported in -g option'],
    ['}', 'unexpected "}"'],
    [`a ${'x'.repeat(9000)}`, 'unexpected end of parameter, expecting ";"'],
  ])('%.20s: its mistakes stand in the command line', (text, message) => {
    const { errors } = parse({ '/conf/nginx.conf': 'b;' }, text);
    expect(errors).toMatchObject([{ message, file: 'command line', line: 0 }]);
  });
});

it.each(['{', ';', '}', 'a {', 'a { }'])('a line of %j without end is read in linear time', (text) => {
  const { errors, errorsDropped } = parseText(text.repeat(300_000));
  expect(errors.length + errorsDropped).toBeGreaterThanOrEqual(text.endsWith(' }') ? 0 : 1);
});

describe('a pattern of paths', () => {
  const tree: Record<string, readonly string[]> = {
    '/': ['etc', 'x'],
    '/etc/': ['b.d', 'a.d', '.h', 'é', '[x]', 'a*b'],
    '/etc/a.d/': ['1.conf', '2.conf', '.3.conf'],
    '/etc/b.d/': ['1.conf'],
    '.': ['here.conf'],
  };
  it.each([
    ['/etc/*.d/1.conf', ['/etc/a.d/1.conf', '/etc/b.d/1.conf']],
    ['/etc/a.d/*', ['/etc/a.d/1.conf', '/etc/a.d/2.conf']],
    ['/etc/a.d/.*', ['/etc/a.d/.3.conf']],
    ['/etc/[!a].d/*.conf', ['/etc/b.d/1.conf']],
    ['/etc/[[:alpha:]].d', ['/etc/a.d', '/etc/b.d']],
    ['/etc/\\[x\\]*', ['/etc/[x]']],
    ['/etc/[[]x]', ['/etc/[x]']],
    ['/etc/a\\*b*', ['/etc/a*b']],
    ['/e?c/*.d', ['/etc/a.d', '/etc/b.d']],
    ['/etc/[z-a]*', []],
    ['/etc/[a', []],
    ['/none/*', []],
    ['*.conf', ['here.conf']],
    ['/etc/*/', ['/etc/a.d/', '/etc/b.d/']],
    ['/etc/a.d/*/', []],
  ])('%s', (pattern, expected) => {
    expect(expandGlob(pattern, (folder) => tree[folder])).toEqual(expected);
  });
});
