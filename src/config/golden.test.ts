// Files in test/cases/config: what nginx says of a configuration, and what a person sees of ours.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { flag, integer, offset, oneOf, optional, rest, size, time, variableName, word } from './argument.ts';
import { checkConfig, type Environment } from './check.ts';
import { type Context, type Directive, directive, unsupported } from './directive.ts';
import { renderMistakes } from './explain.ts';
import { memoryFiles } from './files.ts';
import { readPattern } from './pcre.ts';
import { inReadingOrder } from './reading-order.ts';
import { template } from './template.ts';
import { parseConfig } from './tree.ts';

const CASES = new URL('../../test/cases/config/', import.meta.url);
const plain = { doc: 'a directive', example: 'x;' } as const;
const everywhere: readonly Context[] = ['http', 'server', 'location'];

function block(
  name: string,
  contexts: readonly Context[],
  opens: Context | 'statements',
  arity: [number, number] = [0, 0],
) {
  return directive({ ...plain, name, contexts, opens, arity, repeat: true, read: () => true });
}

/** As nginx declares them, as far as the cases go. */
const directives: readonly Directive<unknown>[] = [
  block('events', ['main'], 'events'),
  block('http', ['main'], 'http'),
  block('server', ['http'], 'server'),
  block('upstream', ['http'], 'upstream', [1, 1]),
  block('map', ['http'], 'statements', [2, 2]),
  block('types', everywhere, 'statements'),
  block('if', ['server'], 'if in server', [1, 9]),
  block('if', ['location'], 'if in location', [1, 9]),
  block('limit_except', ['location'], 'limit_except', [1, 9]),
  directive({
    ...plain,
    name: 'location',
    contexts: ['server', 'location'],
    opens: 'location',
    arity: [1, 2],
    repeat: true,
    read: (site) => {
      const [first, second] = site.words;
      return first?.text === '~' && second !== undefined ? readPattern(second, site) : first?.text;
    },
  }),
  directive({ ...plain, name: 'worker_processes', contexts: ['main'], args: [integer(1)] }),
  directive({ ...plain, name: 'gzip', contexts: [...everywhere, 'if in location'], args: [flag] }),
  directive({ ...plain, name: 'server_tokens', contexts: everywhere, args: [oneOf('on', 'off', 'build')] }),
  directive({ ...plain, name: 'gzip_comp_level', contexts: everywhere, args: [integer(1, 9)] }),
  directive({ ...plain, name: 'keepalive_requests', contexts: everywhere, args: [integer()] }),
  directive({ ...plain, name: 'proxy_read_timeout', contexts: everywhere, args: [time] }),
  directive({ ...plain, name: 'proxy_http_version', contexts: everywhere, args: [oneOf('1.0', '1.1')] }),
  directive({
    ...plain,
    name: 'proxy_set_header',
    contexts: everywhere,
    args: [word, template],
    repeat: true,
  }),
  directive({ ...plain, name: 'client_header_buffer_size', contexts: everywhere, args: [size] }),
  directive({ ...plain, name: 'client_max_body_size', contexts: everywhere, args: [offset] }),
  directive({ ...plain, name: 'listen', contexts: ['server'], args: [rest(word)], repeat: true }),
  directive({ ...plain, name: 'server_name', contexts: ['server'], args: [rest(word)], repeat: true }),
  directive({ ...plain, name: 'log_format', contexts: ['http'], args: [word, rest(word)], repeat: true }),
  directive({
    ...plain,
    name: 'set',
    contexts: ['server', 'location', 'if in server', 'if in location'],
    args: [variableName, template],
    repeat: true,
  }),
  directive({
    ...plain,
    name: 'return',
    contexts: ['server', 'location', 'if in server', 'if in location'],
    args: [word, optional(template)],
  }),
  directive({
    ...plain,
    name: 'rewrite',
    contexts: ['server', 'location', 'if in server', 'if in location'],
    args: [word, word, optional(word)],
    repeat: true,
  }),
  unsupported('perl_modules', 'there is no Perl in Holdfast'),
];
const environment: Environment = {
  confPath: (path) => `/conf/${path}`,
  prefixPath: (path) => `/prefix/${path}`,
  readFile: () => ({ code: 'ENOENT', errno: 2, text: 'No such file or directory' }),
};

function mistakesOf(file: string, text: string) {
  const files = memoryFiles({
    [file]: text,
    '/conf/sub.conf': 'server { listen 80; \n}\n}\n',
    '/conf/open.conf': 'server {\n',
    '/conf/close.conf': 'text/a b;\n }\n',
  });
  const parsed = parseConfig(file, files);
  const checked = checkConfig(parsed.statements, directives, environment);
  return inReadingOrder([...parsed.errors, ...checked.errors], parsed.sources);
}

describe('nginx -t finds the same first mistake, in the same words on the same line', () => {
  const cases: [text: string, said: string][] = JSON.parse(
    readFileSync(new URL('nginx-errors.json', CASES), 'utf8'),
  );
  it.each(cases)('%j', (text, said) => {
    const [first] = mistakesOf('/conf/n.conf', text);
    // nginx looks names of variables up at the end, and then has no line for them
    const place = said.startsWith('unknown "') ? '' : ` in ${first?.file}:${first?.line}`;
    expect(first === undefined ? 'ok' : first.message + place).toBe(said);
  });
});

describe('all mistakes of a file are shown, each with its line, a mark and help', () => {
  const folder = new URL('mistakes/', CASES);
  const names = readdirSync(folder).filter((name) => name.endsWith('.conf'));
  it.each(names)('%s', async (name) => {
    const text = renderMistakes(mistakesOf(name, readFileSync(new URL(name, folder), 'latin1')));
    await expect(`${text}\n`).toMatchFileSnapshot(new URL(name.replace('.conf', '.txt'), folder).pathname);
  });
});
