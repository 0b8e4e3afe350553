// Runs the HTTP parsers over bytes as a connection would and writes down what they say, one event a line. Cuts of the bytes must not
// show in it: pieces of a body are joined.

import { byteString } from '../../../src/base/bytes.ts';
import { BodyDecoder } from '../../../src/http/body.ts';
import {
  REQUEST_HEAD_DEFAULTS,
  type RequestHead,
  type RequestHeadOptions,
  RequestHeadParser,
  type ResponseHead,
  ResponseHeadParser,
} from '../../../src/http/head.ts';
import { listHas } from '../../../src/http/header-list.ts';

export interface CaseOptions extends RequestHeadOptions {
  /** Of the request that an answer answers. */
  readonly method: string;
  /** `proxy_buffer_size`. */
  readonly headBytesMax: number;
}

export const CASE_DEFAULTS: CaseOptions = { ...REQUEST_HEAD_DEFAULTS, method: 'GET', headBytesMax: 4096 };

interface Parser {
  readonly consumed: number;
  readonly detail: string;
  readonly head: RequestHead | ResponseHead;
  push(bytes: Uint8Array, start: number, end: number): unknown;
  reset(): void;
}

/** `cuts`: where reads end, ascending; the last read ends with the bytes. */
export function transcript(
  kind: 'request' | 'answer',
  bytes: Uint8Array,
  cuts: readonly number[],
  options: CaseOptions,
): string {
  const connection = new Connection(kind, options);
  let at = 0;
  for (const cut of [...cuts, bytes.length]) {
    if (cut > at) connection.read(bytes, at, cut);
    at = Math.max(at, cut);
  }
  connection.closed();
  return connection.events.join('\n');
}

class Connection {
  readonly events: string[] = [];
  private readonly parser: Parser;
  private readonly kind: 'request' | 'answer';
  private readonly options: CaseOptions;
  private body: BodyDecoder | undefined;
  private content = '';
  private dead = false;
  private upgraded = false;
  private begun = false;

  constructor(kind: 'request' | 'answer', options: CaseOptions) {
    this.kind = kind;
    this.options = options;
    this.parser = kind === 'request' ? new RequestHeadParser(options) : new ResponseHeadParser(options);
  }

  read(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end && !this.dead) {
      if (this.upgraded) {
        this.content += byteString(bytes, at, end);
        return;
      }
      at += this.body === undefined ? this.head(bytes, at, end) : this.piece(this.body, bytes, at, end);
    }
  }

  closed(): void {
    if (this.dead) return;
    if (this.upgraded) this.events.push(`bytes ${JSON.stringify(this.content)}`);
    else if (this.body !== undefined) {
      this.flush();
      this.events.push(this.body.closed() === 'end' ? 'end' : 'cut off in the body');
    } else if (this.begun) this.events.push('cut off in the head');
  }

  private head(bytes: Uint8Array, at: number, end: number): number {
    const verdict = this.parser.push(bytes, at, end);
    this.begun = true;
    if (verdict === 'more') return end - at;
    if (verdict !== 'head') {
      this.dead = true;
      const { status, reason, text } = verdict as { status: number; reason?: string; text: string };
      this.events.push(
        `error ${status} ${reason === undefined ? this.parser.detail || text : reason + this.parser.detail}`,
      );
      return end - at;
    }
    this.begun = false;
    const { head } = this.parser;
    this.events.push('method' in head ? requestEvents(head) : answerEvents(head));
    this.follow(head);
    const { consumed } = this.parser;
    this.parser.reset();
    return consumed;
  }

  private follow(head: RequestHead | ResponseHead): void {
    if ('method' in head) {
      if (head.version === 9) this.dead = true;
      const framing = head.chunked ? 'chunked' : head.contentLength > 0 ? 'length' : 'none';
      if (framing !== 'none') this.body = new BodyDecoder(framing, head.contentLength);
      return;
    }
    if (head.status === 101) this.upgraded = true;
    else if (head.status >= 200)
      this.body = new BodyDecoder(head.framing(this.options.method), head.contentLength);
  }

  private piece(body: BodyDecoder, bytes: Uint8Array, at: number, end: number): number {
    const step = body.next(bytes, at, end);
    if (step === 'data') this.content += byteString(bytes, body.dataStart, body.dataEnd);
    else if (step === 'invalid') {
      this.flush();
      this.dead = true;
      this.events.push(`invalid body: ${body.detail}`);
    } else if (step === 'end') {
      this.flush();
      const { trailers } = body;
      if (trailers.length > 0)
        this.events.push(`trailers\n${trailers.render().trimEnd().replaceAll('\r\n', '\n')}`);
      this.events.push('end');
      this.body = undefined;
      if (this.kind === 'answer') this.events.push(`left ${end - at - body.consumed}`);
      if (this.kind === 'answer') this.dead = true;
    }
    return body.consumed;
  }

  private flush(): void {
    if (this.content !== '') this.events.push(`body ${JSON.stringify(this.content)}`);
    this.content = '';
  }
}

function requestEvents(head: RequestHead): string {
  const facts = [
    head.host === '' ? '' : `host=${head.host}`,
    head.port === 0 ? '' : `port=${head.port}`,
    head.contentLength === -1 ? '' : `length=${head.contentLength}`,
    head.chunked ? 'chunked' : '',
    head.keepAlive ? 'keep-alive' : 'close',
    head.expectContinue ? 'expects-continue' : '',
    head.upgrade === ''
      ? ''
      : `upgrade=${head.upgrade}${listHas(head.headers, 'connection', 'upgrade') ? '' : ' (not of this hop)'}`,
    `bytes=${head.headBytes}`,
  ];
  return lines(`${head.method} ${head.target} ${head.version}`, head, facts);
}

function answerEvents(head: ResponseHead): string {
  const facts = [
    head.contentLength === -1 ? '' : `length=${head.contentLength}`,
    head.chunked ? 'chunked' : '',
    head.keepAlive ? 'keep-alive' : 'close',
    head.upgrade === '' ? '' : `upgrade=${head.upgrade}`,
    `bytes=${head.headBytes}`,
  ];
  return lines(`${head.status} ${JSON.stringify(head.reason)} ${head.version}`, head, facts);
}

function lines(first: string, head: RequestHead | ResponseHead, facts: readonly string[]): string {
  const fields = head.headers.render().replaceAll('\r\n', '\n');
  return `${first}\n${fields}(${facts.filter((fact) => fact !== '').join(' ')})`;
}
