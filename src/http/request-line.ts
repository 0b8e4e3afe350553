// The request line, as ngx_http_parse_request_line() takes it apart: methods of capitals, `_` and `-`; origin and absolute form;
// HTTP/0.9; any number of spaces between the parts. Pure: a line or its beginning in, a verdict out.
import { type HeadError, headError } from './head-error.ts';

export const INVALID_METHOD = headError(400, 'client sent invalid method');
export const INVALID_REQUEST = headError(400, 'client sent invalid request');
export const INVALID_VERSION = headError(505, 'client sent invalid version');
export const INVALID_09_METHOD = headError(400, 'client sent invalid method in HTTP/0.9 request');

/** What a request line says; `RequestHead` has these fields. */
export interface RequestLine {
  method: string;
  /** As sent; "/" where an absolute form ends with its host, "?args" where it goes on with a question mark. */
  target: string;
  /** Lower-cased "http" of an absolute form, else "". */
  scheme: string;
  /** host or host:port of an absolute form or of CONNECT, else "". */
  authority: string;
  /** The absolute form has no path: `normalizeTarget` puts a "/" before its target. */
  emptyPath: boolean;
  /** "HTTP/1.1" as sent, "" for HTTP/0.9. */
  protocol: string;
  /** 9, 10 or 11. */
  version: number;
}

/**
 * Reads `text`, which begins with a request line. With its line feed at the end: undefined when it is right. Without: 'more' as long as
 * it may become right.
 */
export function parseRequestLine(text: string, line: RequestLine): undefined | 'more' | HeadError {
  const methodEnd = run(METHOD, text, 0);
  if (methodEnd === text.length) return 'more';
  if (methodEnd === 0 || text.charCodeAt(methodEnd) !== SPACE) return INVALID_METHOD;
  line.method = text.slice(0, methodEnd);
  const at = run(SPACES, text, methodEnd);
  if (at === text.length) return 'more';
  if (line.method === 'CONNECT') return authority(text, at, line);
  if (text.charCodeAt(at) === SLASH) return target(text, at, line);
  return absolute(text, at, line);
}

/** The request line of nearly every request, taken apart without the grammar; false: let the grammar say what it is. */
export function usualRequestLine(text: string, line: RequestLine): boolean {
  const method = usualMethod(text);
  if (method === '') return false;
  const targetAt = method.length + 1;
  const targetEnd = text.length - USUAL_END;
  if (text.charCodeAt(targetAt) !== SLASH) return false;
  for (let at = targetAt; at < targetEnd; at++) {
    const code = text.charCodeAt(at);
    if (code <= SPACE || code === DELETE) return false;
  }
  const eleven = text.startsWith(' HTTP/1.1\r', targetEnd);
  if (!eleven && !text.startsWith(' HTTP/1.0\r', targetEnd)) return false;
  line.method = method;
  line.target = text.slice(targetAt, targetEnd);
  line.protocol = eleven ? 'HTTP/1.1' : 'HTTP/1.0';
  line.version = eleven ? 11 : 10;
  return true;
}

/** ` HTTP/1.1` and the line's end. */
const USUAL_END = 11;
const USUAL_METHODS = ['GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'];

/** The method before the first space where it is one of the usual, else ''. */
function usualMethod(text: string): string {
  for (let i = 0; i < USUAL_METHODS.length; i++) {
    const method = USUAL_METHODS[i]!;
    if (text.startsWith(method) && text.charCodeAt(method.length) === SPACE) return method;
  }
  return '';
}

const SPACE = 32;
const DELETE = 127;
const SLASH = 47;
const CR = 13;
const LF = 10;

const METHOD = /[A-Z_-]*/y;
const SPACES = / */y;
const SCHEME = /[A-Za-z][A-Za-z0-9+.-]*/y;
const NAME = /[A-Za-z0-9.-]*/y;
const LITERAL = /\[[A-Za-z0-9:\-._~!$&'()*+,;=]*/y;
const PORT = /:[0-9]*/y;
const URI = /[^\x00-\x20\x7f]*/y;
const DIGITS = /[0-9]*/y;
const MINOR_MAX = 999;

/** Where the run of what `class_` allows ends. */
function run(class_: RegExp, text: string, from: number): number {
  class_.lastIndex = from;
  return class_.test(text) ? class_.lastIndex : from;
}

/** `http://host:port` and what follows. */
function absolute(text: string, from: number, line: RequestLine): undefined | 'more' | HeadError {
  const schemeEnd = run(SCHEME, text, from);
  if (schemeEnd === from) return INVALID_REQUEST;
  if (!'://'.startsWith(text.slice(schemeEnd, schemeEnd + 3))) return INVALID_REQUEST;
  if (schemeEnd + 3 >= text.length) return 'more';
  line.scheme = text.slice(from, schemeEnd).toLowerCase();
  const hostAt = schemeEnd + 3;
  const hostEnd = authorityEnd(text, hostAt);
  if (hostEnd === -1) return INVALID_REQUEST;
  if (hostEnd === text.length) return 'more';
  line.authority = text.slice(hostAt, hostEnd);
  const code = text.charCodeAt(hostEnd);
  if (code === SPACE) {
    line.target = '/';
    return version(text, hostEnd, line);
  }
  if (code !== SLASH && code !== 63) return INVALID_REQUEST;
  line.emptyPath = code === 63; // ?
  return target(text, hostEnd, line);
}

/** CONNECT's `host:port`. */
function authority(text: string, from: number, line: RequestLine): undefined | 'more' | HeadError {
  const end = authorityEnd(text, from);
  if (end === -1) return INVALID_REQUEST;
  if (end === text.length) return 'more';
  line.authority = text.slice(from, end);
  line.target = '/';
  if (text.charCodeAt(end) !== SPACE || !/:[0-9]+$/.test(line.authority)) return INVALID_REQUEST;
  return version(text, end, line);
}

/** Where a host with or without port ends; `text.length` while it goes on; -1 for a literal that breaks off. */
function authorityEnd(text: string, from: number): number {
  let end: number;
  if (text.charCodeAt(from) === 91) {
    end = run(LITERAL, text, from);
    if (end === text.length) return end;
    if (text.charCodeAt(end) !== 93) return -1;
    end++;
  } else {
    end = run(NAME, text, from);
  }
  return run(PORT, text, end);
}

function target(text: string, from: number, line: RequestLine): undefined | 'more' | HeadError {
  const end = run(URI, text, from);
  if (end === text.length) return 'more';
  line.target = text.slice(from, end);
  const code = text.charCodeAt(end);
  return code === SPACE || code === CR || code === LF ? version(text, end, line) : INVALID_REQUEST;
}

/** ` HTTP/1.1` and the line's end; the end alone is HTTP/0.9. */
function version(text: string, from: number, line: RequestLine): undefined | 'more' | HeadError {
  const at = run(SPACES, text, from);
  if (at === text.length) return 'more';
  const code = text.charCodeAt(at);
  if (code === CR || code === LF) {
    line.version = 9;
    const ended = lineEnd(text, at);
    return ended === undefined && line.method !== 'GET' ? INVALID_09_METHOD : ended;
  }
  const name = text.slice(at, at + 5);
  if (!'HTTP/'.startsWith(name)) return INVALID_REQUEST;
  if (at + 5 >= text.length) return 'more';
  const majorAt = at + 5;
  const major = text.charCodeAt(majorAt) - 48;
  if (!(major >= 1 && major <= 9)) return INVALID_REQUEST;
  const majorEnd = run(DIGITS, text, majorAt);
  if (major > 1 || majorEnd > majorAt + 1) return INVALID_VERSION;
  if (majorEnd === text.length) return 'more';
  if (text.charCodeAt(majorEnd) !== 46) return INVALID_REQUEST;
  const minorAt = majorEnd + 1;
  const minorEnd = run(DIGITS, text, minorAt);
  const minor = Number(text.slice(minorAt, minorEnd));
  if (minor > MINOR_MAX) return INVALID_REQUEST;
  if (minorEnd === text.length) return 'more';
  if (minorEnd === minorAt) return INVALID_REQUEST;
  line.version = minor === 0 ? 10 : 11;
  const ended = lineEnd(text, run(SPACES, text, minorEnd));
  // nginx's $server_protocol runs to the end of the line, spaces included
  if (ended === undefined)
    line.protocol = text.slice(at, text.length - (text.charCodeAt(text.length - 2) === CR ? 2 : 1));
  return ended;
}

function lineEnd(text: string, at: number): undefined | 'more' | HeadError {
  const feedAt = text.charCodeAt(at) === CR ? at + 1 : at;
  if (feedAt === text.length) return 'more';
  return text.charCodeAt(feedAt) === LF ? undefined : INVALID_REQUEST;
}
