// Every directive of every module tested against its own declaration, and the list against itself.
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkDeclaration } from '../config/declaration.ts';
import type { Directive } from '../config/directive.ts';
import { modules } from './index.ts';

const all: readonly Directive<unknown>[] = modules.flatMap((module) => module.directives);

describe('the modules', () => {
  it('have http-core in the first place', () => {
    expect(modules[0]?.name).toBe('http-core');
    expect(modules.map((module) => module.number)).toEqual(modules.map((_, number) => number));
  });

  for (const module of modules) {
    it(`${module.name} declares directives whose examples pass and whose mistakes are refused`, () => {
      const faults = module.directives.flatMap((directive) =>
        checkDeclaration(directive, all).map((fault) => `${directive.name}: ${fault}`),
      );
      expect(faults).toEqual([]);
    });
  }

  it('declare no directive both as their own and as not supported', () => {
    const own = new Set(all.filter((each) => !each.unsupported).map((each) => each.name));
    expect(all.filter((each) => each.unsupported && own.has(each.name)).map((each) => each.name)).toEqual([]);
  });

  it('list every directive that a file of theirs declares', async () => {
    const listed = new Set<unknown>(all);
    const files = readdirSync(import.meta.dirname).filter((file) => /^[^.]+\.ts$/.test(file));
    const forgotten: string[] = [];
    for (const file of files) {
      const exported: Record<string, unknown> = await import(`./${file.slice(0, -'.ts'.length)}.ts`);
      for (const [name, value] of Object.entries(exported)) {
        if (isDirective(value) && !listed.has(value)) forgotten.push(`${file}: ${name}`);
      }
    }
    expect(forgotten).toEqual([]);
  });

  it('name no variable twice', () => {
    const names = modules.flatMap((module) => (module.variables ?? []).map((each) => each.name));
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  });
});

function isDirective(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'contexts' in value && 'defaultText' in value;
}
