// What it means for an exchange that its client has left: whether it goes on alone, and the event that it is told.
import { CLIENT_GONE, CLIENT_GONE_EARLY } from '../base/failures.ts';
import type { IoError } from '../io/engine.ts';
import { ioErrorText } from './error-text.ts';
import type { Event, Exchange } from './exchange.ts';

/** The request is not whole: a client that leaves has sent a bad one. */
export function readsBody({ body }: Exchange): boolean {
  return body.phase === 'storing' || body.phase === 'streaming';
}

/** Whether a half-close ends it. As ngx_http_upstream_check_broken_connection() and ngx_http_test_reading(). */
export function noticesGone({ pass, peer, phase }: Exchange): boolean {
  if (pass?.settings.ignoreClientAbort === true) return false;
  return phase === 'wait' || peer !== undefined;
}

/** `proxy_ignore_client_abort`: a client that has gone is noticed when it is to be sent something. */
export function goesOnAlone(x: Exchange): boolean {
  return (
    x.pass?.settings.ignoreClientAbort === true && !x.answer.headSent && !x.wantsUpgrade && !readsBody(x)
  );
}

/** The client has left: by a half-close, or by an error. */
export function leaving(x: Exchange, error?: IoError): Event {
  const early = readsBody(x);
  const failure = early ? CLIENT_GONE_EARLY : CLIENT_GONE;
  if (x.peer === undefined || early || (error !== undefined && error.call !== 'recv'))
    return error === undefined
      ? { type: 'failed', failure }
      : { type: 'failed', failure, detail: ioErrorText(error) };
  const why = error === undefined ? '' : ` (${error.errno}: ${error.text})`;
  return { type: 'failed', failure, detail: GONE_WHILE_PASSED + why };
}

/** As ngx_http_upstream_check_broken_connection() says it where there is epoll. */
const GONE_WHILE_PASSED =
  'epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too';
