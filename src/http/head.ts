// The heads of requests and of answers (RFC 9112), as nginx reads them and stricter where two readers could differ. Fed with reads as
// they come; one parser serves all heads of a connection in turn. It never sees a socket and keeps no bytes of a read.
import { ANSWER_TOO_BIG, type Failure, INVALID_ANSWER } from '../base/failures.ts';
import type { HeadError } from './head-error.ts';
import * as errors from './head-error.ts';
import { HeadLines, quoteLine } from './head-lines.ts';
import { HeaderList, listTokens } from './header-list.ts';
import * as names from './header-name.ts';
import { portOf, validHost } from './host.ts';
import { readOffset } from './offset.ts';
import { parseRequestLine, type RequestLine, usualRequestLine } from './request-line.ts';
import { type NormalTarget, normalizeTarget } from './uri.ts';

/**
 * `client_header_buffer_size`, `large_client_header_buffers`, `max_headers`, `ignore_invalid_headers`, `underscores_in_headers`,
 * `merge_slashes`.
 */
export interface RequestHeadOptions {
  readonly headerBufferBytes: number;
  readonly largeBuffers: { readonly count: number; readonly bytes: number };
  readonly headersMax: number;
  readonly ignoreInvalidHeaders: boolean;
  readonly underscoresInHeaders: boolean;
  readonly mergeSlashes: boolean;
}

/** nginx's defaults. */
export const REQUEST_HEAD_DEFAULTS: RequestHeadOptions = Object.freeze({
  headerBufferBytes: 1024,
  largeBuffers: Object.freeze({ count: 4, bytes: 8192 }),
  headersMax: 1000,
  ignoreInvalidHeaders: true,
  underscoresInHeaders: false,
  mergeSlashes: true,
});

export class RequestHead implements RequestLine {
  method = '';
  target = '';
  scheme = '';
  authority = '';
  emptyPath = false;
  protocol = '';
  version = 0;
  /** The target, normalized; undefined until its line has been read. */
  normal: NormalTarget | undefined;
  /** As sent, without its line end: `$request`. */
  requestLine = '';
  readonly headers = new HeaderList();
  /** Of the target or, failing that, of Host: lower case, without port: what the server is chosen by. "" in HTTP/1.0 without either. */
  host = '';
  /** The port beside `host`, 0 where none was written. */
  port = 0;
  /** -1: no Content-Length. What a double cannot count is above MAX_SAFE_INTEGER and to be refused. */
  contentLength = -1;
  chunked = false;
  /** The client's wish; what is configured may say no. */
  keepAlive = false;
  /** `Expect: 100-continue` in an HTTP/1.1 request. */
  expectContinue = false;
  /** The value of Upgrade, "" without one, whether or not Connection names it. */
  upgrade = '';
  /** All its lines have come. */
  whole = false;
  /** Of the head without empty lines before it; begins `$request_length`. 0 until the request line has been read. */
  headBytes = 0;
}

export class RequestHeadParser extends HeadLines<HeadError> {
  /** Fresh for each head; after an error it holds what had been read. */
  head = new RequestHead();
  /** Names and values of header lines that `ignore_invalid_headers` left out, for the log. */
  readonly ignored: string[] = [];
  private readonly defaults: RequestHeadOptions;
  private readonly optionsFor: ((host: string) => RequestHeadOptions) | undefined;
  private options: RequestHeadOptions;
  private buffersLeft = 0;
  private headStart = 0;
  private wish: 'close' | 'keep-alive' | '' = '';

  /** `optionsFor`: the options of the server that a host chooses, once the head has named it. */
  constructor(defaults: RequestHeadOptions, optionsFor?: (host: string) => RequestHeadOptions) {
    super();
    this.defaults = defaults;
    this.optionsFor = optionsFor;
    this.options = defaults;
    this.begin();
  }

  /** Makes ready for the next head. */
  reset(): void {
    this.head = new RequestHead();
    this.ignored.length = 0;
    this.options = this.defaults;
    this.begin();
  }

  /**
   * What has been read of a head that is refused or comes to no end. Of a request line that is not whole, or is none, only its text:
   * nothing is known before. Lines count as far as they are header lines, as in ngx_http_process_request_headers().
   */
  unfinishedHead(refusal?: HeadError): RequestHead {
    const { head } = this;
    if (this.begun && !head.whole) {
      const refused = refusal === errors.INVALID_LINE ? 0 : this.refusedBytes;
      head.headBytes = this.passed - this.headStart + refused;
    }
    if (head.headBytes > 0) return head;
    const cut = new RequestHead();
    cut.requestLine = head.requestLine;
    return cut;
  }

  private begin(): void {
    this.buffersLeft = this.options.largeBuffers.count;
    this.headStart = 0;
    this.wish = '';
    this.clear(this.options.headerBufferBytes);
  }

  protected startLine(text: string, whole: boolean): undefined | 'head' | HeadError {
    const head = this.head;
    if (whole && usualRequestLine(text, head)) head.requestLine = text.slice(0, -2);
    else {
      head.requestLine = firstLine(text);
      const verdict = parseRequestLine(text, head);
      if (!whole) return verdict === 'more' ? undefined : verdict;
      if (verdict !== undefined && verdict !== 'more') return verdict;
    }
    head.headBytes = text.length;
    // The default server's merge_slashes counts for all servers of its address: no Host is known yet.
    head.normal = normalizeTarget(head.target, this.defaults.mergeSlashes);
    if (head.normal === undefined) {
      head.target = '';
      return errors.INVALID_TARGET;
    }
    if (head.authority !== '' || head.scheme !== '') {
      const host = validHost(head.authority);
      if (host === undefined) return errors.INVALID_LINE_HOST;
      this.choose(host, head.authority);
    }
    if (head.version !== 9) return undefined;
    head.whole = true;
    return 'head';
  }

  protected unusualField(
    name: string,
    lower: string,
    kind: names.NameKind,
    value: string,
  ): undefined | HeadError {
    const usual = this.options.underscoresInHeaders ? /^[a-z0-9_-]+$/ : /^[a-z0-9-]+$/;
    if (!usual.test(lower)) {
      if (this.options.ignoreInvalidHeaders) {
        this.ignored.push(`${name}: ${value}`);
        return undefined;
      }
      // nginx sends any bytes on as a name; what is no token (RFC 9110, 5.1) is read differently by different servers
      if (!names.isToken(name)) return this.invalid(`${name}: ${value}`);
    }
    return this.field(name, lower, kind, value);
  }

  protected field(name: string, lower: string, kind: names.NameKind, value: string): undefined | HeadError {
    const { head } = this;
    const { headers } = head;
    if (headers.length >= this.options.headersMax) return errors.TOO_MANY_LINES;
    const failure = kind === names.PLAIN ? undefined : this.special(name, lower, kind, value);
    headers.addLowered(name, lower, value); // a refused one too: the log tells of a Host
    return failure;
  }

  private special(name: string, lower: string, kind: names.NameKind, value: string): undefined | HeadError {
    const { head } = this;
    switch (kind) {
      case names.CONNECTION: {
        // as ngx_http_process_connection(): anywhere in the value; of several lines the last that says something
        const text = value.toLowerCase();
        if (text.includes('close')) this.wish = 'close';
        else if (text.includes('keep-alive')) this.wish = 'keep-alive';
        return undefined;
      }
      case names.UPGRADE:
        if (head.upgrade === '') head.upgrade = value;
        return undefined;
      case names.HOST: {
        if (head.headers.has(lower)) return this.duplicate(errors.DUPLICATE_HOST, name, lower, value);
        const host = validHost(value);
        if (host === undefined) return errors.INVALID_HOST;
        if (head.host === '') this.choose(host, value);
        return undefined;
      }
      default: {
        if (head.headers.has(lower)) return this.duplicate(errors.DUPLICATE_LINE, name, lower, value);
        if (kind === names.EXPECT && value.length === 12) {
          head.expectContinue = head.version === 11 && value.toLowerCase() === '100-continue';
        }
        return undefined;
      }
    }
  }

  private duplicate(error: HeadError, name: string, lower: string, value: string): HeadError {
    this.detail = againstPrevious(this.head.headers, name, lower, value);
    return error;
  }

  /** What only the whole head can tell, in the order of ngx_http_process_request_header(). */
  protected finish(at: number): undefined | HeadError {
    const { head } = this;
    const { headers } = head;
    head.keepAlive = this.wish === '' ? head.version === 11 : this.wish === 'keep-alive';
    head.headBytes = at - this.headStart;
    head.whole = true;
    if (head.version === 11 && !headers.has('host')) return errors.NO_HOST;
    const length = headers.get('content-length');
    if (length !== undefined) {
      head.contentLength = readOffset(length);
      if (head.contentLength === -1) return errors.INVALID_LENGTH;
    }
    const encoding = headers.get('transfer-encoding');
    if (encoding !== undefined) {
      if (head.version < 11) return errors.ENCODING_IN_10;
      if (encoding.toLowerCase() !== 'chunked') {
        this.detail = `: "${encoding}"`;
        return errors.UNKNOWN_ENCODING;
      }
      if (length !== undefined) return errors.LENGTH_AND_ENCODING;
      head.chunked = true;
    }
    if (head.method === 'CONNECT') return errors.CONNECT_METHOD;
    if (head.method === 'TRACE') return errors.TRACE_METHOD;
    return undefined;
  }

  protected invalid(line: string): HeadError {
    this.detail = `: ${quoteLine(line)}`;
    return errors.INVALID_LINE;
  }

  private choose(host: string, text: string): void {
    this.head.host = host;
    if (text.length !== host.length) this.head.port = portOf(text);
    if (this.optionsFor !== undefined) this.options = this.optionsFor(host);
  }

  /** As ngx_http_alloc_large_header_buffer(): a line that the buffer at hand cuts is moved to the start of a large one. */
  protected makeRoom(lineAt: number, lineEnd: number): undefined | HeadError {
    const { bytes } = this.options.largeBuffers;
    while (lineEnd > this.roomEnd) {
      if (this.buffersLeft === 0 || this.roomEnd - lineAt >= bytes) {
        if (!this.begun) return errors.TOO_LONG_URI;
        return this.head.headers.length === 0 && lineAt === this.roomEnd
          ? errors.TOO_LARGE_REQUEST
          : errors.TOO_LONG_LINE;
      }
      this.buffersLeft--;
      this.roomEnd = lineAt + bytes;
    }
    return undefined;
  }

  /** nginx's buffer is begun anew when empty lines have filled it. */
  protected skipsEmpty(at: number): boolean {
    this.headStart = at;
    while (at >= this.roomEnd) this.roomEnd += this.options.headerBufferBytes;
    return true;
  }
}

/** `proxy_buffer_size`: an answer's head must fit in it. */
export interface ResponseHeadOptions {
  readonly headBytesMax: number;
}

export class ResponseHead {
  status = 0;
  /** "OK", as sent; "" where there is none. */
  reason = '';
  /** 10 or 11. */
  version = 0;
  readonly headers = new HeaderList();
  /** -1: no Content-Length. */
  contentLength = -1;
  chunked = false;
  /** The peer will keep the connection open: HTTP/1.1 without `Connection: close`. */
  keepAlive = false;
  upgrade = '';
  headBytes = 0;

  /** What Connection names, lower case: these headers end at this hop (RFC 9110, 7.6.1). */
  connectionTokens(): string[] {
    return listTokens(this.headers, 'connection');
  }

  /** How the body ends (RFC 9112, 6.3): for `new BodyDecoder`. */
  framing(requestMethod: string): 'none' | 'length' | 'chunked' | 'close' {
    const { status } = this;
    if (requestMethod === 'HEAD' || status < 200 || status === 204 || status === 304) return 'none';
    if (this.chunked) return 'chunked';
    return this.contentLength === -1 ? 'close' : 'length';
  }
}

/**
 * After a 1xx head but 101 call `reset` and push on: the final head follows. After an error `detail` is nginx's whole sentence for the
 * log, "upstream sent …".
 */
export class ResponseHeadParser extends HeadLines<Failure> {
  head = new ResponseHead();
  private readonly options: ResponseHeadOptions;
  private close = false;

  constructor(options: ResponseHeadOptions) {
    super();
    this.options = options;
    this.clear(options.headBytesMax);
  }

  reset(): void {
    this.head = new ResponseHead();
    this.close = false;
    this.clear(this.options.headBytesMax);
  }

  /** As ngx_http_parse_status_line(); what is no HTTP at all is refused, where nginx takes it for a body in HTTP/0.9. */
  protected startLine(text: string, whole: boolean): undefined | Failure {
    if (whole && usualStatusLine(text, this.head)) return undefined;
    const begins = 'HTTP/'.startsWith(text.slice(0, 5));
    if (begins && !whole) return undefined;
    const parts = begins ? STATUS_LINE.exec(text) : null;
    const status = parts === null ? 0 : Number(parts[3]);
    if (parts === null || status < 100 || Number(parts[2]) > 999) {
      this.detail = 'upstream sent no valid HTTP/1.0 header';
      return INVALID_ANSWER;
    }
    const { head } = this;
    head.status = status;
    head.reason = parts[5] ?? '';
    head.version = parts[1] === '1' && Number(parts[2]) === 0 ? 10 : 11;
    return undefined;
  }

  protected unusualField(
    name: string,
    lower: string,
    kind: names.NameKind,
    value: string,
  ): undefined | Failure {
    return names.isToken(name) ? this.field(name, lower, kind, value) : this.invalid(`${name}: ${value}`);
  }

  protected field(name: string, lower: string, kind: names.NameKind, value: string): undefined | Failure {
    const { head } = this;
    if (kind === names.CONTENT_LENGTH || kind === names.TRANSFER_ENCODING) {
      const failure = this.framingField(name, lower, value);
      if (failure !== undefined) return failure;
    } else if (kind === names.CONNECTION) {
      if (value.toLowerCase().includes('close')) this.close = true;
    } else if (kind === names.UPGRADE && head.upgrade === '') {
      head.upgrade = value;
    }
    head.headers.addLowered(name, lower, value);
    return undefined;
  }

  private framingField(name: string, lower: string, value: string): undefined | Failure {
    const { headers } = this.head;
    if (headers.has(lower)) {
      return this.refuse(
        `upstream sent duplicate header line${againstPrevious(headers, name, lower, value)}`,
      );
    }
    if (headers.has('content-length') || headers.has('transfer-encoding')) {
      return this.refuse('upstream sent "Content-Length" and "Transfer-Encoding" headers at the same time');
    }
    if (lower === 'content-length') {
      const length = readOffset(value);
      if (length === -1 || length > Number.MAX_SAFE_INTEGER) {
        return this.refuse(`upstream sent invalid "Content-Length" header: "${name}: ${value}"`);
      }
      this.head.contentLength = length;
      return undefined;
    }
    if (value.toLowerCase() !== 'chunked') {
      return this.refuse(`upstream sent unknown "Transfer-Encoding": "${value}"`);
    }
    // RFC 9112, 6.1: the framing of such an answer is faulty. nginx decodes it.
    if (this.head.version < 11) return this.refuse('upstream sent HTTP/1.0 answer with "Transfer-Encoding"');
    this.head.chunked = true;
    return undefined;
  }

  protected finish(at: number): undefined | Failure {
    const { head } = this;
    head.headBytes = at;
    head.keepAlive = head.version === 11 && !this.close;
    if (head.status === 103 && head.version < 11) {
      return this.refuse('upstream sent HTTP/1.0 response with early hints');
    }
    return undefined;
  }

  protected makeRoom(): Failure {
    this.detail = 'upstream sent too big header';
    return ANSWER_TOO_BIG;
  }

  protected skipsEmpty(): boolean {
    return false;
  }

  protected invalid(line: string): Failure {
    return this.refuse(`upstream sent invalid header: ${quoteLine(line)}`);
  }

  private refuse(detail: string): Failure {
    this.detail = detail;
    return INVALID_ANSWER;
  }
}

/** The status line of nearly every answer, taken apart without the grammar; false: let the grammar say what it is. */
function usualStatusLine(text: string, head: ResponseHead): boolean {
  const end = text.length - 2;
  if (end <= REASON_AT || text.charCodeAt(end) !== 13 || text.charCodeAt(REASON_AT - 1) !== 32) return false;
  const eleven = text.startsWith('HTTP/1.1 ');
  if (!eleven && !text.startsWith('HTTP/1.0 ')) return false;
  let status = 0;
  for (let at = STATUS_AT; at < STATUS_AT + 3; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return false;
    status = status * 10 + digit;
  }
  if (status < 100) return false;
  for (let at = REASON_AT; at < end; at++) {
    const code = text.charCodeAt(at);
    if (code === 0 || code === 13) return false;
  }
  head.status = status;
  head.reason = text.slice(REASON_AT, end);
  head.version = eleven ? 11 : 10;
  return true;
}

const STATUS_AT = 9;
const REASON_AT = 13;

/** IIS may send 403.1; the reason may be missing. */
const STATUS_LINE =
  /^HTTP\/([1-9][0-9]{0,2})\.([0-9]+) +([0-9]{3})((?:\.[^ \r\n\0]*)?(?: ([^\r\n\0]*))?)\r?\n$/;

function againstPrevious(headers: HeaderList, name: string, lower: string, value: string): string {
  const index = headers.indexOf(lower);
  const previous = `${headers.nameAt(index)}: ${headers.valueAt(index)}`;
  return `: "${name}: ${value}", previous value: "${previous}"`;
}

function firstLine(text: string): string {
  const end = text.search(/[\r\n]/);
  return end === -1 ? text : text.slice(0, end);
}
