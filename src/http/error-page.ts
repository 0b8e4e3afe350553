// The words for a status and the pages that nginx makes by itself, byte for byte but for the name at their foot. Pure text.
import { escapeUri } from './uri.ts';

/** What follows "HTTP/1.1 " in an answer of our own: "404 Not Found"; without a phrase the number and a space, as nginx writes it. */
export function statusLine(status: number): string {
  return LINES.get(status) ?? `${status} `;
}

/** The status that a client is shown: nginx's own numbers 494 to 497 are a 400 to it. */
export function shownStatus(status: number): number {
  return status >= 494 && status <= 497 ? 400 : status;
}

/** What stands at a page's foot and in `Server`, by `server_tokens`. */
export type Product = string;

/**
 * The page for a status, as ngx_http_send_special_response(); "" where nginx sends none. `padding` is `msie_padding on` and a browser
 * that wants it (see `wantsPadding`) and at least HTTP/1.0.
 */
export function errorPage(status: number, product: Product, padding = false): string {
  const head = pageHead(status);
  if (head === '') return '';
  const tail = `<hr><center>${product}</center>\r\n</body>\r\n</html>\r\n`;
  return padding && status >= 400 ? head + tail + PADDING : head + tail;
}

/** `msie_refresh`: the page instead of a 301 or 302 for old browsers, sent with status 200. */
export function refreshPage(location: string): string {
  const url = escapeUri(location, 'refresh');
  return `<html><head><meta http-equiv="Refresh" content="0; URL=${url}"></head><body></body></html>\r\n`;
}

/** Is this the user agent of a browser that shows its own page for a short one? As ngx_http_process_user_agent(). */
export function wantsPadding(userAgent: string): boolean {
  return isMsie(userAgent) || (userAgent.includes('Chrome/') && !/Opera|Gecko\//.test(userAgent));
}

export function isMsie(userAgent: string): boolean {
  const at = userAgent.indexOf('MSIE ');
  return at !== -1 && at + 7 < userAgent.length && !userAgent.includes('Opera');
}

/** `keepalive_disable msie6`, and gzip for it: versions 4 to 6, the last without its second service pack. */
export function isMsie6(userAgent: string): boolean {
  const at = userAgent.indexOf('MSIE ');
  if (!isMsie(userAgent) || userAgent[at + 6] !== '.') return false;
  const version = userAgent[at + 5];
  return version === '4' || version === '5' || (version === '6' && !userAgent.includes('SV1', at + 8));
}

/** `keepalive_disable safari`. */
export function isSafari(userAgent: string): boolean {
  if (isMsie(userAgent) || /Opera|Gecko\/|Chrome\//.test(userAgent)) return false;
  return userAgent.includes('Safari/') && userAgent.includes('Mac OS X');
}

const LINES: ReadonlyMap<number, string> = lines(
  '200 OK|201 Created|202 Accepted|204 No Content|206 Partial Content|' +
    '301 Moved Permanently|302 Moved Temporarily|303 See Other|304 Not Modified|307 Temporary Redirect|308 Permanent Redirect|' +
    '400 Bad Request|401 Unauthorized|402 Payment Required|403 Forbidden|404 Not Found|405 Not Allowed|406 Not Acceptable|' +
    '407 Proxy Authentication Required|408 Request Time-out|409 Conflict|410 Gone|411 Length Required|412 Precondition Failed|' +
    '413 Request Entity Too Large|414 Request-URI Too Large|415 Unsupported Media Type|416 Requested Range Not Satisfiable|' +
    '421 Misdirected Request|429 Too Many Requests|' +
    '500 Internal Server Error|501 Not Implemented|502 Bad Gateway|503 Service Temporarily Unavailable|504 Gateway Time-out|' +
    '505 HTTP Version Not Supported|507 Insufficient Storage',
);

/** Where a page's title differs from the status line. */
const TITLES: ReadonlyMap<number, string> = lines('302 Found|401 Authorization Required');

/** nginx's own numbers: a 400 with a sentence. 498 is shown as a 404. */
const SENTENCES: ReadonlyMap<number, string> = lines(
  '494 Request Header Or Cookie Too Large|495 The SSL certificate error|496 No required SSL certificate was sent|' +
    '497 The plain HTTP request was sent to HTTPS port',
);

/** These have a status line but no page. */
const PAGELESS_MAX = 300;

const PADDING = '<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n'.repeat(6);

function lines(text: string): ReadonlyMap<number, string> {
  return new Map(text.split('|').map((line) => [Number(line.slice(0, 3)), line]));
}

function pageHead(status: number): string {
  const sentence = SENTENCES.get(status)?.slice(4);
  if (sentence !== undefined) {
    return `${pageTop(`400 ${sentence}`, '400 Bad Request')}<center>${sentence}</center>\r\n`;
  }
  const shown = status === 498 ? 404 : status;
  if (shown <= PAGELESS_MAX || shown === 304) return '';
  const title = TITLES.get(shown) ?? LINES.get(shown);
  return title === undefined ? '' : pageTop(title, title);
}

function pageTop(title: string, heading: string): string {
  return (
    `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n` +
    `<center><h1>${heading}</h1></center>\r\n`
  );
}
