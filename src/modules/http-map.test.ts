// Maps end to end: each request's path is what is looked up, the body what came out.
import { afterEach, describe, expect, it } from 'vitest';
import { type Balancer, balancer, compileText } from '../../test/support/balancer.ts';

let subject: Balancer | undefined;

afterEach(async () => {
  expect((await subject?.close()) ?? []).toEqual([]);
  subject = undefined;
});

async function valuesOf(maps: string, keys: readonly string[], returned = '$value'): Promise<string[]> {
  subject = await balancer(`error_log logs/error.log info; http {
    ${maps}
    server { listen 127.0.0.1:80; location / { return 200 "${returned}"; } }
  }`);
  const values: string[] = [];
  for (const key of keys) {
    values.push((await subject.client(80).get(`/?k=${key}`)).body);
  }
  return values;
}

const CASES: readonly (readonly [name: string, block: string, answers: Readonly<Record<string, string>>])[] =
  [
    [
      'finds keys without regard to case and falls back to the default',
      'default none; One first; TWO second; "" nothing;',
      { one: 'first', TWO: 'second', three: 'none', '': 'nothing' },
    ],
    ['is empty without a default', 'one first;', { one: 'first', two: '' }],
    [
      'tries regular expressions in the order of the file, after all keys',
      'default none; ~^a first; ~b$ second; ab key;',
      { ab: 'key', aab: 'first', xb: 'second', XB: 'none' },
    ],
    ['ignores case after ~*', 'default none; ~*^AB second;', { abc: 'second', xab: 'none' }],
    ['gives captures to its values', 'default none; ~^(a+)(?<rest>.*)$ "$rest-$1";', { aabc: 'bc-aa' }],
    [
      'takes special words behind a backslash as keys',
      'default none; \\hostnames 1; \\volatile 2; \\include 3; \\default 4; \\~x 5; \\y 6;',
      { hostnames: '1', volatile: '2', include: '3', default: '4', '~x': '5', y: '6' },
    ],
    [
      'knows host names with wildcards, the longest first',
      `hostnames; default none; example.com exact; *.example.com below; .example.org both;
     *.sub.example.com deeper; www.example.* tail; www.* shorter; mail.example.com mail;`,
      {
        'example.com': 'exact',
        'EXAMPLE.com.': 'exact',
        'a.example.com': 'below',
        'b.sub.example.com': 'deeper',
        'sub.example.com': 'below',
        'example.org': 'both',
        'a.b.example.org': 'both',
        'www.example.net': 'tail',
        'www.other.net': 'shorter',
        'mail.example.com': 'mail',
        www: 'none',
        'www.example': 'shorter',
      },
    ],
    [
      'does not know wildcards without hostnames',
      'default none; *.a 1; b.* 2;',
      { '*.a': '1', 'x.a': 'none', 'b.c': 'none' },
    ],
  ];

describe('a map', () => {
  for (const [name, block, answers] of CASES) {
    it(name, async () => {
      const keys = Object.keys(answers);
      const values = await valuesOf(`map $arg_k $value { ${block} }`, keys);
      expect(Object.fromEntries(keys.map((key, i) => [key, values[i]]))).toEqual(answers);
    });
  }

  it('may be made of maps, declared in any order', async () => {
    const maps = `
      map $inner-$arg_k $value { default none; one-x "$inner and $other"; }
      map $arg_k $inner { x one; }
      map $inner $other { one two; }`;
    expect(await valuesOf(maps, ['x', 'y'])).toEqual(['one and two', 'none']);
  });

  it('keeps its first value for the whole request, unless it is volatile', async () => {
    const server = (kind: string): string => `http {
      map $seen $value { ${kind} default "<$seen>"; }
      server { listen 127.0.0.1:80; location / {
        set $seen 1; set $first $value; set $seen 2; return 200 "$first$value"; } }
    }`;
    subject = await balancer(server(''));
    expect((await subject.client(80).get('/')).body).toBe('<1><1>');
    await subject.reload(server('volatile;'));
    expect((await subject.client(80).get('/')).body).toBe('<1><2>');
  });

  it('gives way to set', async () => {
    subject = await balancer(`error_log logs/error.log info; http {
      map $arg_k $value { default mapped; }
      server { listen 127.0.0.1:80;
        location / { set $value "$value and set"; return 200 "$value"; }
        location /plain { return 200 "$value"; } }
    }`);
    expect((await subject.client(80).get('/')).body).toBe('mapped and set');
    expect((await subject.client(80).get('/plain')).body).toBe('mapped');
  });

  it('that is made of itself says so and is empty there', async () => {
    const maps = 'map $value $value { default "x"; "" "<$value>"; }';
    expect(await valuesOf(maps, ['1'])).toEqual(['<>']);
    expect(await subject?.line('logs/error.log')).toContain('cycle while evaluating variable "value"');
  });

  it('includes files', async () => {
    subject = await balancer(
      `http { map $arg_k $value { include keys; default none; }
       server { listen 127.0.0.1:80; location / { return 200 "$value"; } } }`,
      { files: { '/prefix/keys': 'a 1;\nb 2;\n' } },
    );
    expect((await subject.client(80).get('/?k=b')).body).toBe('2');
  });

  it('cannot take the name of a variable of nginx, nor one that nobody declares', () => {
    const messages = (text: string): string[] =>
      compileText(`http { ${text} }`).errors.map(({ message }) => message);
    expect(messages('map $uri $host { a b; }')).toEqual(['the duplicate "host" variable']);
    expect(messages('map $nobody $value { a b; }')).toEqual(['unknown "nobody" variable']);
    expect(messages('map $uri $value { a $nobody; }')).toEqual(['unknown "nobody" variable']);
    expect(messages('map $uri $args { a b; } map $uri $value { a b; } map $uri $value { a c; }')).toEqual([]);
  });
});
