// ngx_http_core_module: what its directives settle for each location (CoreSettings), always module number 0. The directives are in
// http-core-*-directives.ts and http-core-no-effect.ts, the variables in http-core-variables.ts.
import { DEFAULT_TYPES } from '../http/media-type.ts';
import type { WrittenLocation } from '../plan/block-directives.ts';
import type { CoreSettings, ErrorPage } from '../plan/core-settings.ts';
import type { Render, Scope } from '../plan/scope.ts';
import type { ResolverSettings } from '../proxy/pass.ts';
import { errorLog, errorLogsOf } from './core.ts';
import * as answers from './http-core-answer-directives.ts';
import * as connections from './http-core-connection-directives.ts';
import { applyLimitExcept, limitExcept, limitExceptOf } from './http-core-limit-except.ts';
import { connectionPoolSize, noEffectDirectives, unsupportedDirectives } from './http-core-no-effect.ts';
import * as requests from './http-core-request-directives.ts';
import { duplicateRoot, filePath, renderPath } from './http-core-root.ts';
import { typesByExtension } from './http-core-values.ts';
import { coreVariables } from './http-core-variables.ts';
import { defineModule } from './module.ts';

export const httpCore = defineModule<CoreSettings>({
  name: 'http-core',
  // error_log stands here because what it settles is this module's slice.
  directives: [
    ...requests.requestDirectives,
    ...connections.connectionDirectives,
    ...answers.answerDirectives,
    errorLog,
    limitExcept,
    ...noEffectDirectives,
    ...unsupportedDirectives,
  ],
  variables: coreVariables,
  check,
  compile: compileCore,
  phases: [
    { phase: 'rewrite', applies: (core) => core.limitExcept !== undefined, handler: applyLimitExcept },
  ],
});

function compileCore(scope: Scope, outer: CoreSettings | undefined): CoreSettings {
  return {
    ...headSettings(scope),
    ...fileSettings(scope, outer),
    ...bodySettings(scope),
    ...connectionSettings(scope, outer),
    ...answerSettings(scope),
    errorPages: errorPagesOf(scope, outer),
    resolver: resolverOf(scope, outer),
    errorLogs: errorLogsOf(scope),
  };
}

function check(scope: Scope): void {
  const { largeClientHeaderBuffers } = requests;
  if (scope.get(largeClientHeaderBuffers).bytes >= scope.get(connectionPoolSize)) return;
  throw scope.error(
    'the "large_client_header_buffers" size must be equal to or greater than "connection_pool_size"',
    scope.placeOf(largeClientHeaderBuffers, connectionPoolSize),
  );
}

function headSettings(scope: Scope) {
  const largeBuffers = scope.get(requests.largeClientHeaderBuffers);
  return {
    clientHeaderTimeoutMs: scope.get(requests.clientHeaderTimeout),
    headerBufferBytes: scope.get(requests.clientHeaderBufferSize),
    largeBuffers,
    headersMax: scope.get(requests.maxHeaders),
    ignoreInvalidHeaders: scope.get(requests.ignoreInvalidHeaders),
    underscoresInHeaders: scope.get(requests.underscoresInHeaders),
    mergeSlashes: scope.get(requests.mergeSlashes),
  };
}

function fileSettings(scope: Scope, outer: CoreSettings | undefined) {
  return {
    ...rootOf(scope, outer),
    filePath,
    limitExcept: limitExceptOf(scope),
    internal: scope.get(requests.internal) === true,
    satisfyAny: scope.get(requests.satisfy) === 'any',
    authDelayMs: scope.get(requests.authDelay),
    types: typesOf(scope, outer),
    defaultType: scope.get(answers.defaultType),
    etag: scope.get(answers.etag),
    ifModifiedSince: scope.get(answers.ifModifiedSince),
    maxRanges: scope.get(answers.maxRanges),
    logNotFound: scope.get(answers.logNotFound),
  };
}

/** A block's own root or alias takes the place of both around it. As ngx_http_core_merge_loc_conf(). */
function rootOf(
  scope: Scope,
  outer: CoreSettings | undefined,
): Pick<CoreSettings, 'root' | 'alias' | 'aliasNameBytes'> {
  const duplicate = duplicateRoot(scope, answers.root, answers.alias);
  if (duplicate !== undefined) throw duplicate;
  const alias = scope.has(answers.alias) ? scope.own(answers.alias) : undefined;
  if (alias !== undefined) {
    const location = locationOf(scope);
    if (location?.kind === 'named') {
      throw scope.error(
        'the "alias" directive cannot be used inside the named location',
        alias.template.word,
      );
    }
    const root = renderPath(alias, scope);
    const aliasNameBytes =
      location?.kind === 'regex' ? Number.POSITIVE_INFINITY : (location?.name.length ?? 0);
    return { root, alias: root, aliasNameBytes };
  }
  if (outer !== undefined && !scope.has(answers.root)) {
    return { root: outer.root, alias: outer.alias, aliasNameBytes: outer.aliasNameBytes };
  }
  return { root: renderPath(scope.get(answers.root), scope), alias: undefined, aliasNameBytes: 0 };
}

/** What the block's own `location` line says. */
export function locationOf(scope: Scope): WrittenLocation | undefined {
  const entry = scope.outer?.entries.find(({ statement }) => statement === scope.statement);
  return scope.context === 'location' ? (entry?.value as WrittenLocation | undefined) : undefined;
}

function typesOf(scope: Scope, outer: CoreSettings | undefined): ReadonlyMap<string, string> {
  if (!scope.has(answers.types)) return outer?.types ?? DEFAULT_TYPES;
  return typesByExtension(scope.all(answers.types), (message, word) => scope.warn(message, word));
}

function bodySettings(scope: Scope) {
  const temp = scope.get(requests.clientBodyTempPath);
  return {
    clientMaxBodyBytes: scope.get(requests.clientMaxBodySize),
    bodyBufferBytes: scope.get(requests.clientBodyBufferSize),
    bodyTimeoutMs: scope.get(requests.clientBodyTimeout),
    bodyTempFolder: scope.temporaryFolder(temp.folder),
    bodyTempLevels: temp.levels,
    bodyInFileOnly: scope.get(requests.clientBodyInFileOnly),
    bodyInSingleBuffer: scope.get(requests.clientBodyInSingleBuffer),
  };
}

function connectionSettings(scope: Scope, outer: CoreSettings | undefined) {
  const [keepaliveTimeoutMs, headerSeconds] = scope.get(connections.keepaliveTimeout);
  const disabled = new Set(scope.all(connections.keepaliveDisable).flatMap((names) => [...names]));
  return {
    sendTimeoutMs: scope.get(connections.sendTimeout),
    limitRate: renderOf(scope, connections.limitRate),
    limitRateAfter: renderOf(scope, connections.limitRateAfter),
    keepaliveTimeoutMs,
    keepaliveHeaderSeconds: headerSeconds ?? outer?.keepaliveHeaderSeconds ?? 0,
    keepaliveMinTimeoutMs: scope.get(connections.keepaliveMinTimeout),
    keepaliveRequestsMax: scope.get(connections.keepaliveRequests),
    keepaliveTimeMs: scope.get(connections.keepaliveTime),
    keepaliveDisableMsie6: disabled.has('msie6'),
    keepaliveDisableSafari: disabled.has('safari'),
    lingeringClose: scope.get(connections.lingeringClose),
    lingeringTimeMs: scope.get(connections.lingeringTime),
    lingeringTimeoutMs: scope.get(connections.lingeringTimeout),
    resetTimedoutConnection: scope.get(connections.resetTimedoutConnection),
    tcpNodelay: scope.get(connections.tcpNodelay),
  };
}

function renderOf(scope: Scope, directive: typeof connections.limitRate): Render | undefined {
  const written = scope.get(directive);
  return written === undefined ? undefined : scope.render(written);
}

function answerSettings(scope: Scope) {
  return {
    serverTokens: scope.get(answers.serverTokens) !== 'off',
    absoluteRedirect: scope.get(answers.absoluteRedirect),
    serverNameInRedirect: scope.get(answers.serverNameInRedirect),
    portInRedirect: scope.get(answers.portInRedirect),
    logSubrequest: scope.get(answers.logSubrequest),
    chunkedTransferEncoding: scope.get(answers.chunkedTransferEncoding),
    msiePadding: scope.get(answers.msiePadding),
    msieRefresh: scope.get(answers.msieRefresh),
    recursiveErrorPages: scope.get(answers.recursiveErrorPages),
  };
}

/** Statuses of our own that the client sees as 400. */
const SEEN_AS_400: ReadonlySet<number> = new Set([494, 495, 496, 497]);

/** The first of several pages for one status counts. */
function errorPagesOf(scope: Scope, outer: CoreSettings | undefined): ReadonlyMap<number, ErrorPage> {
  if (outer !== undefined && !scope.has(answers.errorPage)) return outer.errorPages;
  const pages = new Map<number, ErrorPage>();
  for (const { statuses, overwrite, target } of scope.all(answers.errorPage)) {
    const render = scope.render(target);
    for (const status of statuses) {
      if (pages.has(status)) continue;
      const implied = SEEN_AS_400.has(status) ? 400 : undefined;
      pages.set(status, { overwrite: overwrite ?? implied, target: render });
    }
  }
  return pages;
}

function resolverOf(scope: Scope, outer: CoreSettings | undefined): ResolverSettings | undefined {
  const timeoutMs = scope.get(answers.resolverTimeout);
  if (outer !== undefined && !scope.has(answers.resolver)) {
    return outer.resolver === undefined ? undefined : { ...outer.resolver, timeoutMs };
  }
  const written = scope.get(answers.resolver);
  if (written === undefined) return undefined;
  const { ipv4, ipv6, validMs } = written;
  const servers = written.servers.flatMap(({ host, port, named, word }) => {
    const hosts = named ? scope.resolve(host) : [host];
    if (hosts === undefined) throw scope.error(`host not found in resolver "${word.text}"`, word);
    return hosts.map((each) => ({ host: each, port }));
  });
  return { servers, ipv4, ipv6, validMs, timeoutMs };
}
