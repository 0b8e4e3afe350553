// Every directive of every module tested against its own declaration, and the list against itself.
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

  it('name no variable twice', () => {
    const names = modules.flatMap((module) => (module.variables ?? []).map((each) => each.name));
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  });
});
