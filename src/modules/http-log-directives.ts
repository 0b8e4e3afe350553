// access_log, log_format and open_log_file_cache as they are written. As ngx_http_log_set_log() and its kin.
import { directive, type Site, type Word } from '../config/directive.ts';
import { constantText, parseTemplate, type Template } from '../config/template.ts';
import { parseSeconds, parseSize, parseTime, parseWhole } from '../config/units.ts';
import type { LogOptions } from '../plan/scope.ts';
import type { LogCacheSettings } from './http-log-files.ts';
import { readFormat } from './http-log-format.ts';

export interface WrittenLog {
  readonly off: boolean;
  /** Absolute where it has no variables; else made so when they are filled in. */
  readonly path: Template;
  readonly pathWord: Word;
  readonly format: string;
  readonly formatWord: Word;
  readonly condition: Template | undefined;
  readonly options: LogOptions;
}

const PACKED_BUFFER_BYTES = 65_536;

export const accessLog = directive({
  name: 'access_log',
  contexts: ['http', 'server', 'location', 'if in location', 'limit_except'],
  repeat: true,
  arity: [1, Number.POSITIVE_INFINITY],
  read: readAccessLog,
  default: 'logs/access.log combined',
  doc: 'Where a line for each request is written, and in which format; the path may have variables. buffer= gathers lines in memory, flush= limits how long they wait, gzip packs them, if= drops lines for which its value is empty or 0; off: none.',
  example: 'access_log logs/chat.log combined buffer=32k flush=1m if=$request_method;',
  refuses: {
    'access_log off combined;': 'invalid parameter "combined"',
    'access_log a.log nobody buffer=0;': 'invalid buffer size "0"',
    'access_log a.log combined flush=soon;': 'invalid flush time "soon"',
    'access_log a.log combined gzip=10;': 'invalid compression level "10"',
    'access_log a.log combined level=1;': 'invalid parameter "level=1"',
    'access_log a.log combined flush=1m;': 'no buffer is defined for access_log "a.log"',
    'access_log $host.log combined buffer=1k;': 'buffered logs cannot have variables in name',
    'access_log syslog:server=127.0.0.1;': 'not supported',
  },
});

export const logFormat = directive({
  name: 'log_format',
  contexts: ['http'],
  inherit: 'none',
  repeat: true,
  arity: [2, Number.POSITIVE_INFINITY],
  read: readFormat,
  doc: 'Names a format of lines for access_log. escape=json writes values as they stand in JSON strings, escape=none as they are; otherwise quotes, backslashes and all bytes beyond printable ASCII are written as \\xHH.',
  example: "log_format times '$remote_addr $status $request_time';",
  refuses: {
    'log_format a escape=xml $host;': 'unknown log format escaping "xml"',
    'log_format a "$host $";': 'invalid parameter "$"',
    'log_format a "${host";': 'the closing bracket in "host" variable is missing',
    'log_format a;': 'invalid number of arguments in "log_format" directive',
  },
});

export const openLogFileCache = directive({
  name: 'open_log_file_cache',
  contexts: ['http', 'server', 'location'],
  arity: [1, 4],
  read: readCache,
  default: 'off',
  doc: 'Keeps logs whose names have variables open: max= of them, each until inactive= (10s) without a line, opened anew every valid= (60s), after min_uses= (1) lines.',
  example: 'open_log_file_cache max=1000 inactive=20s valid=1m min_uses=2;',
  refuses: {
    'open_log_file_cache inactive=20s;': '"open_log_file_cache" must have "max" parameter',
    'open_log_file_cache max=many;': 'invalid "open_log_file_cache" parameter "max=many"',
  },
});

function readAccessLog(site: Site): WrittenLog {
  const [pathWord, formatWord = pathWord, ...parameters] = site.words;
  if (pathWord === undefined || formatWord === undefined) throw site.error('invalid number of arguments');
  if (pathWord.text === 'off') {
    if (formatWord === pathWord) return noLog(pathWord, site);
    throw site.error(`invalid parameter "${formatWord.text}"`, formatWord, '"off" stands alone');
  }
  if (pathWord.text.startsWith('syslog:')) {
    throw site.error(
      'logging to syslog is not supported by Holdfast',
      pathWord,
      'log to a file or to /dev/stderr',
    );
  }
  const path = parseTemplate(site.prefixPath(pathWord.text), pathWord, site);
  const { options, condition } = readParameters(parameters, site);
  if (options.flushMs > 0 && options.bufferBytes === 0) {
    throw site.error(
      `no buffer is defined for access_log "${pathWord.text}"`,
      pathWord,
      'flush= goes with buffer=',
    );
  }
  if (options.bufferBytes > 0 && constantText(path) === undefined) {
    throw site.error('buffered logs cannot have variables in name', pathWord);
  }
  const format = formatWord === pathWord ? 'combined' : formatWord.text;
  return { off: false, path, pathWord, format, formatWord, condition, options };
}

function noLog(word: Word, site: Site): WrittenLog {
  const options = { bufferBytes: 0, flushMs: 0, gzipLevel: 0 };
  const path = parseTemplate('', word, site);
  return { off: true, path, pathWord: word, format: '', formatWord: word, condition: undefined, options };
}

function readParameters(
  words: readonly Word[],
  site: Site,
): { readonly options: LogOptions; readonly condition: Template | undefined } {
  let bufferBytes = 0;
  let flushMs = 0;
  let gzipLevel = 0;
  let condition: Template | undefined;
  for (const word of words) {
    const { text } = word;
    const value = text.slice(text.indexOf('=') + 1);
    if (text.startsWith('buffer=')) {
      bufferBytes = parseSize(value) ?? 0;
      if (bufferBytes === 0)
        throw site.error(`invalid buffer size "${value}"`, word, 'a size is 512, 8k or 1m');
    } else if (text.startsWith('flush=')) {
      flushMs = parseTime(value) ?? 0;
      if (flushMs === 0)
        throw site.error(`invalid flush time "${value}"`, word, 'a time is 300s, 5m or 1h30m');
    } else if (text === 'gzip' || text.startsWith('gzip=')) {
      bufferBytes ||= PACKED_BUFFER_BYTES;
      gzipLevel = text === 'gzip' ? 1 : (parseWhole(value) ?? 0);
      if (gzipLevel < 1 || gzipLevel > 9) {
        throw site.error(`invalid compression level "${value}"`, word, 'a level is 1 to 9');
      }
    } else if (text.startsWith('if=')) {
      condition = parseTemplate(value, word, site);
    } else {
      throw site.error(`invalid parameter "${text}"`, word, 'allowed: buffer=, flush=, gzip, gzip=, if=');
    }
  }
  return { options: { bufferBytes, flushMs, gzipLevel }, condition };
}

/** False for `off`. */
function readCache(site: Site): LogCacheSettings | false {
  let max = 0;
  let inactiveMs: number | undefined = 10_000;
  let validMs: number | undefined = 60_000;
  let minUses: number | undefined = 1;
  let off = false;
  for (const word of site.words) {
    const { text } = word;
    const value = text.slice(text.indexOf('=') + 1);
    const seconds = parseSeconds(value);
    const whole = parseWhole(value);
    const milliseconds = seconds === undefined ? undefined : seconds * 1000;
    if (text === 'off') off = true;
    else if (text.startsWith('max=') && whole !== undefined) max = whole;
    else if (text.startsWith('inactive=') && milliseconds !== undefined) inactiveMs = milliseconds;
    else if (text.startsWith('valid=') && milliseconds !== undefined) validMs = milliseconds;
    else if (text.startsWith('min_uses=') && whole !== undefined) minUses = whole;
    else throw site.error(`invalid "open_log_file_cache" parameter "${text}"`, word);
  }
  if (off) return false;
  if (max === 0) throw site.error('"open_log_file_cache" must have "max" parameter');
  return { max, inactiveMs, validMs, minUses };
}
