// What ngx_http_core_module settles for a location, as the rest of the program asks for it; compiled by modules/http-core.ts,
// which is always module number 0. Times in ms, sizes in bytes.
import type { Level } from '../base/failures.ts';
import type { Ms } from '../base/time.ts';
import type { Exchange } from '../proxy/exchange.ts';
import type { ResolverSettings } from '../proxy/pass.ts';
import type { LocationPlan } from './plan.ts';
import type { Render } from './scope.ts';

/** `limit_except`: requests with other methods than those named are answered as its block says. */
export interface LimitExcept {
  readonly methods: ReadonlySet<string>;
  readonly block: LocationPlan;
  /** The location that it counts for; those inside share these settings. */
  owner: LocationPlan | undefined;
}

/** One `error_page`: where a status is sent. */
export interface ErrorPage {
  /** The status that the client sees: a number for `=code`, 0 for `=` (the page's own), undefined for the status itself. */
  readonly overwrite: number | undefined;
  /** "/50x.html", "@fallback", "http://host/x"; with variables filled in. */
  readonly target: Render;
}

export interface CoreSettings {
  // server level
  readonly clientHeaderTimeoutMs: Ms;
  readonly headerBufferBytes: number;
  readonly largeBuffers: { readonly count: number; readonly bytes: number };
  readonly headersMax: number;
  readonly ignoreInvalidHeaders: boolean;
  readonly underscoresInHeaders: boolean;
  readonly mergeSlashes: boolean;
  // location level
  /** The file's path for the exchange's URI by root or alias; undefined where none can be told, and the log says why. */
  readonly filePath: (x: Exchange) => string | undefined;
  readonly root: Render;
  /** In place of the first `aliasNameBytes` of the URI. */
  readonly alias: Render | undefined;
  /** Infinity in a regex location: the alias is the whole path. */
  readonly aliasNameBytes: number;
  readonly internal: boolean;
  readonly satisfyAny: boolean;
  readonly limitExcept: LimitExcept | undefined;
  readonly authDelayMs: Ms;
  readonly types: ReadonlyMap<string, string>;
  readonly defaultType: string;
  readonly etag: boolean;
  readonly ifModifiedSince: 'off' | 'exact' | 'before';
  readonly maxRanges: number | undefined;
  readonly clientMaxBodyBytes: number;
  readonly bodyBufferBytes: number;
  readonly bodyTimeoutMs: Ms;
  readonly bodyTempFolder: string;
  readonly bodyTempLevels: readonly number[];
  readonly bodyInFileOnly: 'off' | 'on' | 'clean';
  readonly bodyInSingleBuffer: boolean;
  readonly sendTimeoutMs: Ms;
  /** Bytes a second that a client is sent, a size with variables, and how many go before that. */
  readonly limitRate: Render | undefined;
  readonly limitRateAfter: Render | undefined;
  readonly keepaliveTimeoutMs: Ms;
  /** `Keep-Alive: timeout=`, 0 for none. */
  readonly keepaliveHeaderSeconds: number;
  readonly keepaliveMinTimeoutMs: Ms;
  readonly keepaliveRequestsMax: number;
  readonly keepaliveTimeMs: Ms;
  readonly keepaliveDisableMsie6: boolean;
  readonly keepaliveDisableSafari: boolean;
  readonly lingeringClose: 'off' | 'on' | 'always';
  readonly lingeringTimeMs: Ms;
  readonly lingeringTimeoutMs: Ms;
  readonly resetTimedoutConnection: boolean;
  readonly tcpNodelay: boolean;
  readonly serverTokens: boolean;
  readonly absoluteRedirect: boolean;
  readonly serverNameInRedirect: boolean;
  readonly portInRedirect: boolean;
  readonly logNotFound: boolean;
  readonly logSubrequest: boolean;
  readonly chunkedTransferEncoding: boolean;
  readonly msiePadding: boolean;
  readonly msieRefresh: boolean;
  readonly errorPages: ReadonlyMap<number, ErrorPage>;
  readonly recursiveErrorPages: boolean;
  readonly resolver: ResolverSettings | undefined;
  /** Numbers of logs with the least grave level that each takes. */
  readonly errorLogs: readonly { readonly log: number; readonly level: Level }[];
}
