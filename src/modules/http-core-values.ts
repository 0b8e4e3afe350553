// Readers of directives whose words are no plain values: bit masks, media types, error pages, temporary paths, name servers.
import { type AddressProblem, parseAddress } from '../config/address.ts';
import type { Site, Word } from '../config/directive.ts';
import { constantText, parseTemplate, type Template } from '../config/template.ts';
import { asciiLower, parseSeconds, parseSize, parseWhole } from '../config/units.ts';

/** Any number of a few names, as ngx_conf_set_bitmask_slot(): for `directive({ ...setOf('a', 'b') })`. */
export function setOf<const Names extends readonly string[]>(
  ...names: Names
): {
  readonly arity: readonly [number, number];
  read(site: Site): ReadonlySet<Names[number]>;
} {
  const read = (site: Site): ReadonlySet<Names[number]> => {
    const found = new Set<Names[number]>();
    for (const each of site.words) {
      const name = names.find((known) => asciiLower(known) === asciiLower(each.text));
      if (name === undefined) {
        throw site.error(
          `invalid value "${each.text}"`,
          each,
          `allowed: ${names.map((known) => `"${known}"`).join(', ')}`,
        );
      }
      if (found.has(name)) site.warn(`duplicate value "${each.text}"`, each);
      found.add(name);
    }
    return found;
  };
  return { arity: [1, Number.POSITIVE_INFINITY], read };
}

export interface TypeLine {
  readonly type: string;
  readonly extensions: readonly Word[];
}

/** The lines of a `types` block. */
export function readTypes(site: Site): readonly TypeLine[] {
  const { block = [] } = site.statement;
  return block.map(({ name, words }) => ({ type: name.text, extensions: words }));
}

/** By extension in lower case; a later line of the same extension wins, with a warning. As ngx_http_core_type(). */
export function typesByExtension(
  blocks: readonly (readonly TypeLine[])[],
  warn: (message: string, word: Word) => void,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { type, extensions } of blocks.flat()) {
    for (const extension of extensions) {
      const key = asciiLower(extension.text);
      const previous = found.get(key);
      if (previous !== undefined) {
        warn(
          `duplicate extension "${key}", content type: "${type}", previous content type: "${previous}"`,
          extension,
        );
      }
      found.set(key, type);
    }
  }
  return found;
}

export interface WrittenErrorPage {
  readonly statuses: readonly number[];
  /** `=code`; 0 for `=` alone; undefined where none was written. */
  readonly overwrite: number | undefined;
  readonly target: Template;
}

/** As ngx_http_core_error_page(). */
export function readErrorPage(site: Site): WrittenErrorPage {
  const target = site.words.at(-1);
  const before = site.words.at(-2);
  if (target === undefined || before === undefined)
    throw site.error('invalid number of arguments in "error_page" directive');
  let statusWords = site.words.slice(0, -1);
  let overwrite: number | undefined;
  if (before.text.startsWith('=')) {
    const code = before.text === '=' ? 0 : parseWhole(before.text.slice(1));
    statusWords = statusWords.slice(0, -1);
    if (statusWords.length === 0 || code === undefined)
      throw site.error(`invalid value "${before.text}"`, before);
    overwrite = code;
  }
  const statuses = statusWords.map((each) => readErrorStatus(each, site));
  return { statuses, overwrite, target: parseTemplate(target.text, target, site) };
}

function readErrorStatus(written: Word, site: Site): number {
  const status = parseWhole(written.text);
  if (status === undefined || status === 499) throw site.error(`invalid value "${written.text}"`, written);
  if (status >= 300 && status <= 599) return status;
  throw site.error(`value "${written.text}" must be between 300 and 599`, written);
}

export interface TempPath {
  readonly folder: string;
  /** How many digits of a file's number name the folder of each level. */
  readonly levels: readonly number[];
}

const LEVEL_DIGITS_MAX = 10;

/** As ngx_conf_set_path_slot(). */
export function readTempPath(site: Site): TempPath {
  const [written, ...levelWords] = site.words;
  const { name } = site.statement;
  if (written === undefined) throw site.error(`invalid number of arguments in "${name.text}" directive`);
  const invalid = (word: Word) =>
    site.error(
      `"${name.text}" directive invalid value`,
      word,
      'a level is 1, 2 or 3 digits, all of them 10 at most',
    );
  const levels = levelWords.map((each) => {
    const level = parseWhole(each.text);
    if (level === undefined || level === 0) throw invalid(each);
    return level;
  });
  const digits = levels.reduce((sum, level) => sum + level, 0);
  if (digits > LEVEL_DIGITS_MAX) throw invalid(levelWords[0] ?? written);
  const folder = written.text.endsWith('/') ? written.text.slice(0, -1) : written.text;
  return { folder: site.prefixPath(folder), levels };
}

export interface WrittenResolver {
  readonly servers: readonly {
    readonly host: string;
    readonly port: number;
    readonly word: Word;
    readonly named: boolean;
  }[];
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  readonly validMs: number | undefined;
}

const DNS_PORT = 53;

/** As ngx_resolver_create(). */
export function readResolver(site: Site): WrittenResolver {
  const servers: WrittenResolver['servers'][number][] = [];
  let validMs: number | undefined;
  let [ipv4, ipv6] = [true, true];
  for (const each of site.words) {
    const { text } = each;
    if (text.startsWith('valid=')) {
      const found = parseSeconds(text.slice(6));
      if (found === undefined)
        throw site.error(`invalid parameter: ${text}`, each, 'a time is 300s, 5m or 1h30m');
      validMs = found * 1000;
    } else if (text.startsWith('ipv4=')) ipv4 = readSwitch(each, site);
    else if (text.startsWith('ipv6=')) ipv6 = readSwitch(each, site);
    else servers.push(readNameServer(each, site));
  }
  if (!ipv4 && !ipv6) throw site.error('"ipv4" and "ipv6" cannot both be "off"');
  if (servers.length === 0) throw site.error('no name servers defined');
  return { servers, ipv4, ipv6, validMs };
}

function readSwitch(written: Word, site: Site): boolean {
  const value = written.text.slice(5);
  if (value === 'on' || value === 'off') return value === 'on';
  throw site.error(`invalid parameter: ${written.text}`, written, 'on or off');
}

function readNameServer(written: Word, site: Site): WrittenResolver['servers'][number] {
  const address = parseAddress(written.text);
  if ('problem' in address) throw badNameServer(address, written, site);
  if (address.kind === 'unix') throw badNameServer({ problem: 'invalid host' }, written, site);
  const port = address.port === 0 ? DNS_PORT : address.port;
  return { host: address.host, port, word: written, named: address.family === 'name' };
}

function badNameServer({ problem }: AddressProblem, written: Word, site: Site) {
  return site.error(`${problem} in resolver "${written.text}"`, written);
}

export interface BufferCount {
  readonly count: number;
  readonly bytes: number;
}

/** Number and size of buffers, as ngx_conf_set_bufs_slot(): for `directive({ ...bufferCount() })`. */
export function bufferCount(): { readonly arity: readonly [2, 2]; read(site: Site): BufferCount } {
  const read = (site: Site): BufferCount => {
    const [countWord, sizeWord] = site.words;
    const count = parseWhole(countWord?.text ?? '') ?? 0;
    const bytes = parseSize(sizeWord?.text ?? '') ?? 0;
    if (count > 0 && bytes > 0) return { count, bytes };
    throw site.error(
      `"${site.statement.name.text}" directive invalid value`,
      count === 0 ? countWord : sizeWord,
      'first the number of buffers, then the size of each, as in 4 8k',
    );
  };
  return { arity: [2, 2], read };
}

/** A size that may have variables in it, as ngx_http_set_complex_value_size_slot(). */
export function readSizeTemplate(site: Site): Template {
  const [written] = site.words;
  const { name } = site.statement;
  if (written === undefined) throw site.error(`invalid number of arguments in "${name.text}" directive`);
  const found = parseTemplate(written.text, written, site);
  const constant = constantText(found);
  if (constant !== undefined && parseSize(constant) === undefined) {
    throw site.error(`"${name.text}" directive invalid value`, written, 'a size is 512, 8k or 1m');
  }
  return found;
}
