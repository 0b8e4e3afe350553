// The way of a request through its modules, by phase, until one of them answers. As ngx_http_core_run_phases() and the checkers
// beside it. Entered again by redirects and by whatever an exchange has waited for.

import { escapeUri } from '../http/uri.ts';
import type { Handler, Verdict } from '../modules/module.ts';
import type { Exchange } from './exchange.ts';
import { finish } from './finish.ts';
import { respondRedirect } from './send-head.ts';

/** Places in `PHASES`; the location is found between the second and the third. */
export const SERVER_REWRITE = 1;
export const REWRITE = 2;
const ACCESS = 4;
const CONTENT = 6;

/** Goes on from where the exchange is. */
export function route(x: Exchange): void {
  x.move('route');
  while (x.stage <= CONTENT) {
    const verdict = runStage(x);
    if (verdict === 'wait') {
      if (x.phase === 'route') x.move('wait');
      return;
    }
    if (verdict === 'done') return;
    if (typeof verdict === 'number') return finish(x, verdict);
    if (!leaveStage(x)) return;
  }
  notFound(x);
}

/** Asks the handlers of the stage one by one; 'next' when all have passed. */
function runStage(x: Exchange): Verdict {
  const { stage } = x;
  if (stage === CONTENT) {
    const content = x.location.content ?? x.contentBefore;
    if (content !== undefined) return content(x, x.now);
  }
  if (stage === ACCESS) return x.parent === undefined ? delayRefusal(x) : 'next';
  // A handler may change the location (`if` blocks): the list is read anew each time.
  for (; ; x.handlerAt++) {
    const handler: Handler | undefined = x.location.handlers.inOrder[stage]?.[x.handlerAt];
    if (handler === undefined) return 'next';
    const verdict = handler(x, x.now);
    if (verdict !== 'next' && verdict !== 'allow') return verdict;
    if (x.stage !== stage) return 'done'; // it redirected
  }
}

/** A password may not be guessed quickly. As ngx_http_core_auth_delay(). */
function delayRefusal(x: Exchange): Verdict {
  const delayed = x.delayedStatus;
  x.delayedStatus = 0;
  if (delayed !== 0) return delayed;
  const verdict = runAccess(x);
  const { authDelayMs } = x.location.core;
  if (verdict !== 401 || authDelayMs === 0) return verdict;
  x.log('info', 'delaying unauthorized request');
  x.delayedStatus = 401;
  x.sleepUntil(x.now + authDelayMs);
  return 'wait';
}

/** As ngx_http_core_access_phase(): under `satisfy all` each must pass, under `satisfy any` one 'allow' is enough. */
function runAccess(x: Exchange): Verdict {
  const any = x.location.core.satisfyAny;
  const handlers = x.location.handlers.access;
  for (; x.handlerAt < handlers.length; x.handlerAt++) {
    const verdict = handlers[x.handlerAt]?.(x, x.now) ?? 'next';
    if (verdict === 'next' || (verdict === 'allow' && !any)) continue;
    if (verdict === 'allow') {
      x.accessStatus = 0;
      x.answer.headers.delete('www-authenticate'); // a handler before this one asked for a password in vain
      return 'next';
    }
    if (any && (verdict === 401 || verdict === 403)) {
      if (x.accessStatus !== 401) x.accessStatus = verdict;
      continue;
    }
    return verdict;
  }
  const refused = x.accessStatus;
  x.accessStatus = 0;
  if (refused === 403) x.log('error', 'access forbidden by rule');
  return refused === 0 ? 'next' : refused;
}

/** The step to the next stage; false when the request has been answered on the way. */
function leaveStage(x: Exchange): boolean {
  const from = x.stage;
  x.handlerAt = 0;
  x.stage = from + 1;
  if (from === SERVER_REWRITE) return findLocation(x);
  if (from === REWRITE && x.uriChanged) {
    x.uriChanged = false;
    if (--x.uriChangesLeft <= 0) {
      x.log('error', `rewrite or internal redirection cycle while processing "${x.uri}"`);
      finish(x, 500);
      return false;
    }
    x.location = x.server.root;
    x.stage = REWRITE; // the new location's own rewrites come first
    return findLocation(x);
  }
  return true;
}

/** As ngx_http_core_find_config_phase(). */
function findLocation(x: Exchange): boolean {
  x.uriChanged = false;
  x.contentBefore = undefined;
  x.location = x.server.root;
  const found = x.server.tree.find(x.uri);
  if (found !== undefined) {
    x.location = found.location;
    if (found.captures !== undefined) {
      x.captures = found.captures;
      for (const [group, slot] of found.location.captureSlots)
        x.variables[slot] = found.captures[group] ?? '';
    }
  }
  const { core } = x.location;
  if (core.internal && !x.internal) {
    finish(x, 404);
    return false;
  }
  // no limit allows a length that cannot be counted
  const bytesMax = core.clientMaxBodyBytes > 0 ? core.clientMaxBodyBytes : Number.MAX_SAFE_INTEGER;
  if (x.head.contentLength > bytesMax && !x.body.discarded) {
    const length = x.headers.get('content-length')?.replace(/^0+/, '');
    x.log('error', `client intended to send too large body: ${length} bytes`);
    x.body.expectsContinue = false;
    x.discardBody();
    finish(x, 413);
    return false;
  }
  if (found?.redirect === true) {
    const name = escapeUri(x.location.name, 'uri');
    respondRedirect(x, 301, x.args === '' ? name : `${name}?${x.args}`);
    return false;
  }
  return true;
}

/** Nobody answered. As the end of ngx_http_core_content_phase(). */
function notFound(x: Exchange): void {
  if (!x.uri.endsWith('/')) return finish(x, 404);
  const path = x.location.core.filePath(x);
  if (path !== undefined) x.log('error', `directory index of "${path}" is forbidden`);
  finish(x, 403);
}
