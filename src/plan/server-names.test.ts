import { describe, expect, it } from 'vitest';
import { compilePattern } from '../config/pcre.ts';
import type { ServerPlan } from './plan.ts';
import { type ServerName, ServerNames } from './server-names.ts';

const NAMES: readonly (readonly [server: string, name: ServerName])[] = [
  ['exact', { kind: 'exact', name: 'www.example.com' }],
  ['empty', { kind: 'exact', name: '' }],
  ['head', { kind: 'head', name: '.example.com' }],
  ['long head', { kind: 'head', name: '.a.example.com' }],
  ['tail', { kind: 'tail', name: 'www.example.' }],
  ['long tail', { kind: 'tail', name: 'www.example.co.' }],
  ['regex', { kind: 'regex', pattern: compilePattern('^(?<user>.+)\\.net$'), slots: [[1, 3]] }],
  ['later regex', { kind: 'regex', pattern: compilePattern('net$'), slots: [] }],
];

function names(): ServerNames {
  const table = new ServerNames();
  for (const [server, name] of NAMES) table.add(name, { name: server } as ServerPlan);
  return table;
}

describe('a host', () => {
  it.each([
    ['www.example.com', 'exact'],
    ['', 'empty'],
    ['b.example.com', 'head'],
    ['x.y.example.com', 'head'],
    ['b.a.example.com', 'long head'],
    ['example.com', undefined],
    ['.example.com', 'head'],
    ['www.example.org', 'tail'],
    ['www.example.co.uk', 'long tail'],
    ['www.example.', undefined],
    ['joe.net', 'regex'],
    ['.net', 'later regex'],
    ['elsewhere.org', undefined],
  ])('"%s" is answered by %s', (host, server) => {
    expect(names().find(host)?.server.name).toBe(server);
  });

  it('that a regular expression matches brings its captures and their slots', () => {
    const found = names().find('joe.net');
    expect(found?.captures?.[1]).toBe('joe');
    expect(found?.slots).toEqual([[1, 3]]);
  });

  it('stays with the server that named it first', () => {
    const table = names();
    expect(table.add({ kind: 'exact', name: 'www.example.com' }, { name: 'second' } as ServerPlan)).toBe(
      false,
    );
    expect(table.find('www.example.com')?.server.name).toBe('exact');
  });
});
