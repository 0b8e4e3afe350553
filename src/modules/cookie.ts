// The value of a cookie among a request's Cookie lines, as ngx_http_parse_cookie_lines() finds it, quirks included.
import { asciiLower } from '../config/units.ts';
import type { HeaderList } from '../http/header-list.ts';

export function cookie(headers: HeaderList, name: string): string | undefined {
  const wanted = asciiLower(name);
  for (let i = headers.indexOf('cookie'); i !== -1; i = headers.indexOf('cookie', i + 1)) {
    const found = cookieOf(headers.valueAt(i), wanted);
    if (found !== undefined) return found;
  }
  return undefined;
}

function cookieOf(line: string, wanted: string): string | undefined {
  let at = 0;
  while (at < line.length) {
    if (asciiLower(line.slice(at, at + wanted.length)) === wanted) {
      at = afterSpaces(line, at + wanted.length);
      // A name without a value swallows the character after it, its semicolon too.
      if (line[at++] === '=') {
        at = afterSpaces(line, at);
        const end = line.indexOf(';', at);
        return end === -1 ? line.slice(at) : line.slice(at, end);
      }
    }
    const end = line.indexOf(';', at);
    if (end === -1) return undefined;
    at = afterSpaces(line, end + 1);
  }
  return undefined;
}

function afterSpaces(line: string, from: number): number {
  let at = from;
  while (line[at] === ' ') at++;
  return at;
}
