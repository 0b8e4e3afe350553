// The words of a directive as values: flags, times, sizes, numbers, names, paths, templates. Each with nginx's wording for a
// wrong one, and what is allowed as the hint. A directive lists them as its `args`.
import type { Argument, Site, Word } from './directive.ts';
import { asciiLower, parseOffset, parseSeconds, parseSize, parseTime, parseWhole } from './units.ts';

/** Any text. */
export const word: Argument<string> = { allowed: 'any text', read: ({ text }) => text };

/** `on` or `off`, as ngx_conf_set_flag_slot(). */
export const flag: Argument<boolean> = {
  allowed: 'on or off',
  read(given, site) {
    const text = asciiLower(given.text);
    if (text === 'on') return true;
    if (text === 'off') return false;
    const { name } = site.statement;
    throw site.error(
      `invalid value "${given.text}" in "${name.text}" directive, it must be "on" or "off"`,
      given,
    );
  },
};

/** In milliseconds, as ngx_conf_set_msec_slot(). */
export const time: Argument<number> = measured('a time is 300s, 5m or 1h30m', parseTime);

/** In seconds, as ngx_conf_set_sec_slot(). */
export const seconds: Argument<number> = measured('a time is 300s, 5m, 1h30m or 30d', parseSeconds);

/** In bytes, as ngx_conf_set_size_slot(). */
export const size: Argument<number> = measured('a size is 512, 8k or 1m', parseSize);

/** In bytes, as ngx_conf_set_off_slot(). */
export const offset: Argument<number> = measured('a size is 512, 8k, 1m or 1g', parseOffset);

/** A path under the prefix, made absolute. */
export const path: Argument<string> = {
  allowed: 'a path; a relative one stands under the prefix',
  read: ({ text }, site) => site.prefixPath(text),
};

/** A path under the configuration's folder, made absolute. */
export const confPath: Argument<string> = {
  allowed: "a path; a relative one stands under the configuration's folder",
  read: ({ text }, site) => site.confPath(text),
};

/** A variable's name after its `$`, in lower case, as set, map and the like take it. */
export const variableName: Argument<string> = {
  allowed: 'a variable as in $name',
  read(given, site) {
    if (given.text.length > 1 && given.text.startsWith('$')) return asciiLower(given.text.slice(1));
    throw site.error(`invalid variable name "${given.text}"`, given, 'a variable is written as in $name');
  },
};

/** A whole number, as ngx_conf_set_num_slot() and ngx_conf_check_num_bounds(). */
export function integer(least = 0, most = Number.POSITIVE_INFINITY): Argument<number> {
  const bounds =
    most === Number.POSITIVE_INFINITY ? `equal to or greater than ${least}` : `between ${least} and ${most}`;
  const allowed = least === 0 && most === Number.POSITIVE_INFINITY ? 'a whole number' : `a number ${bounds}`;
  return {
    allowed,
    read(given, site) {
      const value = parseWhole(given.text);
      const { name } = site.statement;
      if (value === undefined) {
        throw site.error(`"${name.text}" directive invalid number`, given, `"${given.text}": ${allowed}`);
      }
      if (value < least || value > most) throw site.error(`value must be ${bounds}`, given);
      return value;
    },
  };
}

/** One of a few names, in any case, as ngx_conf_set_enum_slot(). */
export function oneOf<const Names extends readonly string[]>(...names: Names): Argument<Names[number]> {
  const allowed = names.map((name) => `"${name}"`).join(', ');
  return {
    allowed: `one of ${allowed}`,
    read(given, site) {
      const text = asciiLower(given.text);
      const found = names.find((name) => asciiLower(name) === text);
      if (found !== undefined) return found;
      throw site.error(`invalid value "${given.text}"`, given, `allowed: ${allowed}`);
    },
  };
}

/** May be left out at the end of the line. */
export function optional<T>(argument: Argument<T>): Argument<T | undefined> {
  return { ...argument, read: (given, site) => argument.read(given, site), optional: true };
}

/** All words to the end of the line, one at least; `optional(rest(…))` allows none. */
export function rest<T>(argument: Argument<T>): Argument<readonly T[]> {
  // Its `read` is asked once for each word, and the directive's reader makes the list (readArguments in directive.ts).
  const read = (given: Word, site: Site): T => argument.read(given, site);
  return { allowed: argument.allowed, rest: true, read } as unknown as Argument<readonly T[]>;
}

function measured(allowed: string, parse: (text: string) => number | undefined): Argument<number> {
  return {
    allowed,
    read(given, site) {
      const value = parse(given.text);
      if (value !== undefined) return value;
      throw site.error(
        `"${site.statement.name.text}" directive invalid value`,
        given,
        `"${given.text}": ${allowed}`,
      );
    },
  };
}
