// test/cases/config/nginx-verdicts.json: what nginx 1.31.5 -t says of directives that count together, recorded. Each text stands in a
// block of its context; a mistake that nginx finds at the end, or for which it names the end of http, is recorded without a place.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ConfigError } from '../config/config-error.ts';
import { memoryFiles } from '../config/files.ts';
import { compileProcess } from '../modules/core.ts';
import { modules } from '../modules/index.ts';
import { type CompileResult, compilePlan } from './compile.ts';

const AROUND: Readonly<Record<string, readonly [before: string, after: string]>> = {
  events: ['events {\n', '\n}\n'],
  http: ['events {}\nhttp {\n', '\n}\n'],
  server: ['events {}\nhttp { server { listen 127.0.0.1:18080;\n', '\n}}\n'],
  location: ['events {}\nhttp { server { listen 127.0.0.1:18080; location / {\n', '\n}}}\n'],
};

function compile(text: string, unknownHosts: readonly string[]): CompileResult {
  return compilePlan({
    file: '/n.conf',
    prefix: '/',
    files: memoryFiles({ '/n.conf': text }),
    names: new Map(unknownHosts.map((host) => [host, []])),
    hostname: 'box',
    modules,
    processSettings: (main, events) => compileProcess(main, events, 2),
  });
}

function firstMistake(text: string): ConfigError | undefined {
  const { errors } = compile(text, compile(text, []).unresolved);
  return errors[0];
}

describe('nginx -t and a compiled plan find the same first mistake, or none', () => {
  const cases: [context: string, text: string, said: string][] = JSON.parse(
    readFileSync(new URL('../../test/cases/config/nginx-verdicts.json', import.meta.url), 'utf8'),
  );
  it.each(cases)('in %s: %s', (context, text, said) => {
    const [before = '', after = ''] = AROUND[context] ?? [];
    const first = firstMistake(before + text + after);
    const place = said.includes(' in n.conf:') ? ` in n.conf:${first?.line}` : '';
    expect(first === undefined ? 'ok' : first.message + place).toBe(said);
  });
});
