// How an exchange comes to its end by a status: error_page, the built-in pages, redirects to another location, or silence.
// As ngx_http_special_response_handler(), ngx_http_internal_redirect() and ngx_http_named_location().
import { errorPage, isMsie, refreshPage, shownStatus, wantsPadding } from '../http/error-page.ts';
import { safeHeaderValue } from '../http/header-list.ts';
import type { ErrorPage } from '../plan/core-settings.ts';
import type { Exchange } from './exchange.ts';
import { letGo } from './pass.ts';
import { REWRITE, route, SERVER_REWRITE } from './route.ts';
import { productOf, respond, sendHead } from './send-head.ts';

/** After these the client may have more to say that we would misread: the connection is not kept. */
const CLOSING: ReadonlySet<number> = new Set([400, 413, 414, 495, 496, 497, 500, 501]);

/** Ends the request with `status`. */
export function finish(x: Exchange, status: number): void {
  waitForNothing(x);
  if (x.answer.headSent) return breakOff(x);
  if (status === 444 || status === 499 || status === 408) return silence(x, status);
  if (status < 300 && status !== 201 && status !== 204) return emptyAnswer(x, status);
  specialResponse(x, status);
}

function waitForNothing(x: Exchange): void {
  letGo(x, 'ok', false);
  x.awaitsBody = false;
  x.question = undefined;
}

function specialResponse(x: Exchange, status: number): void {
  x.errorStatus = status;
  if (CLOSING.has(status)) x.keepalive = false;
  x.answer.contentType = undefined;
  const { core } = x.location;
  const page = core.errorPages.get(status);
  if (page !== undefined && !x.errorPage && x.uriChangesLeft > 0) {
    if (!core.recursiveErrorPages) x.errorPage = true;
    return sendErrorPage(x, page);
  }
  builtInPage(x, status);
}

/** As ngx_http_send_error_page(). */
function sendErrorPage(x: Exchange, page: ErrorPage): void {
  if (page.overwrite !== undefined) x.errorStatus = page.overwrite;
  const target = page.target(x);
  if (target.startsWith('/')) {
    if (x.method !== 'HEAD') x.method = 'GET';
    const mark = target.indexOf('?');
    return mark === -1 ? redirect(x, target, '') : redirect(x, target.slice(0, mark), target.slice(mark + 1));
  }
  if (target.startsWith('@')) return redirectToNamed(x, target);
  x.answer.location = safeHeaderValue(target);
  x.errorStatus = REDIRECTS.has(page.overwrite ?? 0) ? x.errorStatus : 302;
  builtInPage(x, x.errorStatus);
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** As ngx_http_send_special_response(). */
function builtInPage(x: Exchange, status: number): void {
  const { answer } = x;
  const { core } = x.location;
  if (x.parent === undefined) x.body.expectsContinue = false; // an error: the client need not send it
  x.discardBody();
  if (x.subrequest?.onlyHead === true) {
    answer.status = shownStatus(status); // nobody reads its page
    return endNow(x);
  }
  answer.allowRanges = false;
  answer.lastModifiedSeconds = -1;
  answer.headers.delete('last-modified');
  answer.headers.delete('etag');
  answer.headers.delete('accept-ranges');
  const agent = x.headers.get('user-agent') ?? '';
  if (
    core.msieRefresh &&
    isMsie(agent) &&
    answer.location !== undefined &&
    (status === 301 || status === 302)
  ) {
    return sendRefresh(x, answer.location);
  }
  const padding = core.msiePadding && x.head.version >= 10 && wantsPadding(agent);
  const page = errorPage(status, productOf(x), padding);
  if (page === '') return emptyAnswer(x, status);
  respond(x, status, page, 'text/html');
}

/** As ngx_http_send_refresh(). */
function sendRefresh(x: Exchange, location: string): void {
  x.errorStatus = 200;
  x.answer.location = undefined;
  respond(x, 200, refreshPage(location), 'text/html');
}

function emptyAnswer(x: Exchange, status: number): void {
  const { answer } = x;
  x.discardBody();
  answer.status = status;
  answer.contentLength = status === 204 ? -1 : 0;
  if (!sendHead(x)) return;
  x.endAnswer();
}

/** An answer that had begun cannot be mended: the connection is closed so that the client sees that it is cut. */
export function breakOff(x: Exchange): void {
  x.keepalive = false;
  x.silent = true;
  endNow(x);
}

/** No answer at all, `status` is for the log: `return 444`, a client that has gone, one that was too slow. */
export function silence(x: Exchange, status: number): void {
  waitForNothing(x);
  x.answer.status = status;
  x.keepalive = false;
  x.silent = true;
  endNow(x);
}

export function endNow(x: Exchange): void {
  if (x.phase === 'log') return;
  letGo(x, 'ok', false);
  x.move('log');
  x.queue({ do: 'log' });
}

/** `doing` is for the log, where there is something to say of who asks for it. */
export function redirect(x: Exchange, uri: string, args: string, doing = ''): void {
  if (--x.uriChangesLeft <= 0) return cycle(x, `internally redirecting to "${uri}"${doing}`);
  x.uri = uri;
  x.args = args;
  x.internal = true;
  x.unparsedUriValid = false;
  x.locationValid = true;
  x.uriChanged = false;
  x.uriUnderAlias = false;
  x.location = x.server.root;
  enter(x, SERVER_REWRITE);
}

export function redirectToNamed(x: Exchange, name: string, doing = ''): void {
  if (--x.uriChangesLeft <= 0) return cycle(x, `redirect to named location "${name}"${doing}`);
  const location = x.server.named.get(name);
  if (location === undefined) {
    x.log('error', `could not find named location "${name}"${doing}`);
    return finish(x, 500);
  }
  x.internal = true;
  x.uriChanged = false;
  x.contentBefore = undefined;
  x.location = location;
  enter(x, REWRITE);
}

function enter(x: Exchange, stage: number): void {
  x.clearContexts();
  x.pass = undefined;
  x.passHead = undefined;
  x.stage = stage;
  x.handlerAt = 0;
  route(x);
}

function cycle(x: Exchange, doing: string): void {
  x.log('error', `rewrite or internal redirection cycle while ${doing}`);
  x.uriChangesLeft = 0;
  finish(x, 500);
}
