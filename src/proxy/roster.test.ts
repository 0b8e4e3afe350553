import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Roster } from './roster.ts';

it('holds who has come and not gone, each once', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9), { maxLength: 60 }), (turns) => {
      const people = Array.from({ length: 10 }, (_, name) => ({ name, place: -1 }));
      const roster = new Roster<(typeof people)[number]>();
      const present = new Set<(typeof people)[number]>();
      for (const turn of turns) {
        const each = people[turn];
        if (each === undefined) continue;
        if (present.delete(each)) roster.remove(each);
        else {
          present.add(each);
          roster.add(each);
        }
        expect(new Set(roster.all())).toEqual(present);
        expect(roster.size).toBe(present.size);
      }
    }),
  );
});

it('is not troubled by one who leaves twice', () => {
  const roster = new Roster<{ place: number }>();
  const [one, two] = [{ place: -1 }, { place: -1 }];
  roster.add(one);
  roster.add(two);
  roster.remove(one);
  roster.remove(one);
  expect(roster.all()).toEqual([two]);
});
