// How values stand in a log's line, so that nobody can forge one: as ngx_http_log_escape() and ngx_escape_json().
import type { Value } from '../plan/variable.ts';

export type Escaping = 'default' | 'json' | 'none';

export const ESCAPES: Readonly<Record<Escaping, (value: Value) => string>> = {
  default: (value) => (value === undefined ? '-' : escapeDefault(value)),
  json: (value) => (value === undefined ? '' : escapeJson(value)),
  none: (value) => value ?? '',
};

const UNSAFE = /[\0-\x1f"\\\x7f-\xff]/;
const UNSAFE_ALL = new RegExp(UNSAFE.source, 'g');
const JSON_UNSAFE = /[\0-\x1f"\\]/;
const JSON_UNSAFE_ALL = new RegExp(JSON_UNSAFE.source, 'g');

/** `\xHH` for quotes, backslashes, control characters and all bytes beyond ASCII. */
function escapeDefault(text: string): string {
  return UNSAFE.test(text) ? text.replace(UNSAFE_ALL, (char) => `\\x${hex(char)}`) : text;
}

const JSON_SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\b': '\\b',
  '\f': '\\f',
};

function escapeJson(text: string): string {
  if (!JSON_UNSAFE.test(text)) return text;
  return text.replace(JSON_UNSAFE_ALL, (char) => JSON_SHORT[char] ?? `\\u00${hex(char)}`);
}

function hex(char: string): string {
  return char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0');
}
