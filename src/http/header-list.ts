// The header lines of one head, in order and in their original spelling, looked up by lower-case name. One array, walked by index:
// nothing is allocated by a look-up, and one array grows where three would. Names and values are byte strings (base/bytes.ts).
import { asciiLower, lowerName } from './header-name.ts';

export class HeaderList {
  /** How many lines there are. */
  length = 0;
  /** Of each line its name, its name in lower case and its value. */
  private readonly parts: string[] = [];

  nameAt(index: number): string {
    return this.parts[index * 3]!;
  }

  lowerAt(index: number): string {
    return this.parts[index * 3 + 1]!;
  }

  valueAt(index: number): string {
    return this.parts[index * 3 + 2]!;
  }

  /** Where the first line of that name stands from `from` on, or -1. */
  indexOf(lower: string, from = 0): number {
    const { parts, length } = this;
    for (let i = from; i < length; i++) if (parts[i * 3 + 1] === lower) return i;
    return -1;
  }

  has(lower: string): boolean {
    return this.indexOf(lower) !== -1;
  }

  /** The value of the first line of that name. */
  get(lower: string): string | undefined {
    const index = this.indexOf(lower);
    return index === -1 ? undefined : this.parts[index * 3 + 2];
  }

  getAll(lower: string): string[] {
    const found: string[] = [];
    for (let i = this.indexOf(lower); i !== -1; i = this.indexOf(lower, i + 1)) found.push(this.valueAt(i));
    return found;
  }

  /** All values of that name in one: `, ` between lists, `; ` between cookies. Undefined where there is none. */
  joined(lower: string, separator = ', '): string | undefined {
    let i = this.indexOf(lower);
    if (i === -1) return undefined;
    let text = this.valueAt(i);
    for (i = this.indexOf(lower, i + 1); i !== -1; i = this.indexOf(lower, i + 1)) {
      text += separator + this.valueAt(i);
    }
    return text;
  }

  add(name: string, value: string): void {
    this.addLowered(name, lowerName(name), value);
  }

  /** `add` for one who knows the lower-case name already. */
  addLowered(name: string, lower: string, value: string): void {
    this.parts.push(name, lower, value);
    this.length++;
  }

  /** One line of that name in the place of the first; at the end where there was none. */
  set(name: string, value: string): void {
    const lower = lowerName(name);
    const first = this.indexOf(lower);
    if (first === -1) return this.addLowered(name, lower, value);
    this.parts[first * 3] = name;
    this.parts[first * 3 + 2] = value;
    if (this.indexOf(lower, first + 1) !== -1) this.remove(lower, first + 1);
  }

  setAt(index: number, value: string): void {
    this.parts[index * 3 + 2] = value;
  }

  delete(lower: string): void {
    const first = this.indexOf(lower);
    if (first !== -1) this.remove(lower, first);
  }

  clear(): void {
    this.truncate(0);
  }

  copy(): HeaderList {
    const list = new HeaderList();
    for (let i = 0; i < this.length; i++) list.addLowered(this.nameAt(i), this.lowerAt(i), this.valueAt(i));
    return list;
  }

  /** `Name: value\r\n` for each line. */
  render(): string {
    let text = '';
    for (let i = 0; i < this.length; i++) text += `${this.nameAt(i)}: ${this.valueAt(i)}\r\n`;
    return text;
  }

  private remove(lower: string, from: number): void {
    const { parts } = this;
    let kept = from;
    for (let i = from; i < this.length; i++) {
      if (parts[i * 3 + 1] === lower) continue;
      parts[kept * 3] = parts[i * 3]!;
      parts[kept * 3 + 1] = parts[i * 3 + 1]!;
      parts[kept * 3 + 2] = parts[i * 3 + 2]!;
      kept++;
    }
    this.truncate(kept);
  }

  private truncate(length: number): void {
    this.parts.length = length * 3;
    this.length = length;
  }
}

/**
 * `text` as it may stand in a head: CR, LF and NUL become spaces (RFC 9110, 5.5). Every value that a variable had a part in passes
 * here, so that nobody can end a header line with it.
 */
export function safeHeaderValue(text: string): string {
  return /[\r\n\0]/.test(text) ? text.replace(/[\r\n\0]/g, ' ') : text;
}

/** The elements of a comma-separated list over all lines of that name, lower case, without empty ones (RFC 9110, 5.6.1). */
export function listTokens(headers: HeaderList, lower: string): string[] {
  const tokens: string[] = [];
  for (let i = headers.indexOf(lower); i !== -1; i = headers.indexOf(lower, i + 1)) {
    const value = headers.valueAt(i);
    if (isOneToken(value)) {
      tokens.push(asciiLower(value));
      continue;
    }
    for (const element of value.split(',')) {
      const token = element.replace(/^[ \t]+|[ \t]+$/g, '');
      if (token !== '') tokens.push(asciiLower(token));
    }
  }
  return tokens;
}

/** Nothing to part or to strip: letters and the like alone. */
function isOneToken(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code <= SPACE || code === COMMA) return false;
  }
  return value !== '';
}

const SPACE = 32;
const COMMA = 44;

/** Is `token`, lower case, an element of that list? */
export function listHas(headers: HeaderList, lower: string, token: string): boolean {
  const first = headers.indexOf(lower);
  if (first === -1) return false;
  const value = headers.valueAt(first);
  if (value.length === token.length && value.toLowerCase() === token) return true;
  return listTokens(headers, lower).includes(token);
}

/**
 * The value of `name`, whatever its case, in lists of `name=value` parted by `separator`, as ngx_http_parse_multi_header_lines() finds it:
 * `$cookie_name` asks the Cookie lines with a semicolon.
 */
export function listValue(
  headers: HeaderList,
  lower: string,
  name: string,
  separator: string,
): string | undefined {
  const wanted = asciiLower(name);
  for (let i = headers.indexOf(lower); i !== -1; i = headers.indexOf(lower, i + 1)) {
    let swallowed = false;
    for (const element of headers.valueAt(i).split(separator)) {
      const equals = element.indexOf('=');
      const named = (equals === -1 ? element : element.slice(0, equals)).replace(/^ +| +$/g, '');
      const here: boolean = !swallowed && asciiLower(named) === wanted;
      if (here && equals !== -1) return element.slice(equals + 1).replace(/^ +/, '');
      swallowed = here; // nginx: a name without a value takes the element behind it along
    }
  }
  return undefined;
}
