// What a content handler hands over to have a request answered by a peer, and what is remembered of each attempt.

import type { PeerAddress } from '../balance/peer.ts';
import type { Ms } from '../base/time.ts';
import type { ResponseHead } from '../http/head.ts';
import type { UpstreamPlan } from '../plan/plan.ts';
import type { Exchange } from './exchange.ts';

/** What one location says about passing on; compiled once, shared by all its exchanges. Times and sizes as nginx's `proxy_*` name them. */
export interface PassSettings {
  readonly connectTimeoutMs: Ms;
  readonly sendTimeoutMs: Ms;
  readonly readTimeoutMs: Ms;
  /** Causes for trying the next peer: error, timeout, invalid_header, http_500 …, non_idempotent; empty for `off`. */
  readonly nextUpstream: ReadonlySet<string>;
  /** 0: as many as there are peers. */
  readonly triesMax: number;
  /** 0: no limit. */
  readonly triesTimeoutMs: Ms;
  readonly interceptErrors: boolean;
  /** What follows the last chunk of an answer goes on to the client. */
  readonly passTrailers: boolean;
  readonly requestBuffering: boolean;
  readonly buffering: boolean;
  /** For the answer's head, and the read size without buffering. */
  readonly headBytesMax: number;
  /** Of an answer's body held in memory while the client is slow. */
  readonly bufferBytesMax: number;
  /** Of it in a temporary file after that; 0: none. */
  readonly tempFileBytesMax: number;
  readonly tempFolder: string;
  readonly tempLevels: readonly number[];
  readonly ignoreClientAbort: boolean;
  /** Lower-case names of X-Accel headers and the like that are not obeyed. */
  readonly ignoreHeaders: ReadonlySet<string>;
  /** Lower-case names that are not passed to the client. */
  readonly hideHeaders: ReadonlySet<string>;
  readonly socketKeepalive: boolean;
  /** proxy_bind: the local address, '' for the system's choice. */
  readonly localAddress: ((x: Exchange) => string) | undefined;
  /** The connection may be kept for the next request. */
  readonly keepalive: boolean;
}

/** Where to: a named or implicit upstream of the plan, or what proxy_pass with variables gave: a host to resolve, or an address. */
export type PassTarget =
  | { readonly upstream: UpstreamPlan }
  | { readonly host: string; readonly port: number; readonly resolver: ResolverSettings | undefined }
  | { readonly name: string; readonly addresses: readonly PeerAddress[] };

export interface ResolverSettings {
  readonly servers: readonly { readonly host: string; readonly port: number }[];
  readonly ipv4: boolean;
  readonly ipv6: boolean;
  readonly validMs: Ms | undefined;
  readonly timeoutMs: Ms;
}

export interface Pass {
  readonly settings: PassSettings;
  readonly target: PassTarget;
  /** The request's head as sent to a peer; rendered once, when the request body's length is known or known to be unknown. */
  renderHead(x: Exchange): string;
  /** The URI sent to the peer, for the log. */
  readonly uri: string;
  /** In place of the client's body (proxy_set_body, or '' for none); undefined passes the client's. */
  readonly body: string | undefined;
  /** Rewrites what names the peer in its answer (proxy_redirect, proxy_cookie_path), after the headers were taken over. */
  rewriteAnswer?(x: Exchange, head: ResponseHead): void;
}

/** One attempt at one peer, for `$upstream_*`. Times are -1 where it did not come so far. */
export interface Attempt {
  /** "127.0.0.1:8010", or the upstream's name where no peer was left. */
  readonly peer: string;
  readonly startedAt: Ms;
  status: number;
  connectMs: Ms;
  headMs: Ms;
  responseMs: Ms;
  bytesSent: number;
  bytesReceived: number;
  /** Body bytes. */
  responseBytes: number;
  /** Internal redirects (X-Accel-Redirect) are shown with " : " in between. */
  readonly redirected: boolean;
}

export function newAttempt(peer: string, now: Ms, redirected: boolean): Attempt {
  return {
    peer,
    startedAt: now,
    status: 0,
    connectMs: -1,
    headMs: -1,
    responseMs: -1,
    bytesSent: 0,
    bytesReceived: 0,
    responseBytes: 0,
    redirected,
  };
}

/** The attempt is over, if there is one: counts it, has the driver keep or close the connection. `doing` is for the log. */
export function letGo(x: Exchange, outcome: 'ok' | 'failed', keep: boolean, doing = ''): void {
  x.body.stream = undefined; // what comes from now on waits for the next peer
  const attempt = x.attempts.at(-1);
  if (attempt !== undefined && attempt.responseMs < 0) attempt.responseMs = x.now - attempt.startedAt;
  if (x.peer === undefined) return;
  x.peer = undefined;
  if (x.selection?.release(outcome, x.now) === true)
    x.log('warn', `upstream server temporarily disabled${doing}`);
  x.queue({ do: 'release', keep });
}
