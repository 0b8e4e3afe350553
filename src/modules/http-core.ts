// ngx_http_core_module: what its directives settle for each location (CoreSettings), always module number 0. The directives are in
// http-core-directives.ts and http-core-no-effect.ts, the variables in http-core-variables.ts.
import { DEFAULT_TYPES } from '../http/media-type.ts';
import type { WrittenLocation } from '../plan/block-directives.ts';
import type { CoreSettings, ErrorPage } from '../plan/core-settings.ts';
import type { Render, Scope } from '../plan/scope.ts';
import type { ResolverSettings } from '../proxy/pass.ts';
import { errorLog, errorLogsOf } from './core.ts';
import * as core from './http-core-directives.ts';
import { applyLimitExcept, limitExcept, limitExceptOf } from './http-core-limit-except.ts';
import { connectionPoolSize, noEffectDirectives, unsupportedDirectives } from './http-core-no-effect.ts';
import { duplicateRoot, filePath, renderPath } from './http-core-root.ts';
import { typesByExtension } from './http-core-values.ts';
import { coreVariables } from './http-core-variables.ts';
import { defineModule } from './module.ts';

export const httpCore = defineModule<CoreSettings>({
  name: 'http-core',
  // error_log stands here because what it settles is this module's slice.
  directives: [
    ...core.coreDirectives,
    errorLog,
    limitExcept,
    ...noEffectDirectives,
    ...unsupportedDirectives,
  ],
  variables: coreVariables,
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

function headSettings(scope: Scope) {
  const largeBuffers = scope.get(core.largeClientHeaderBuffers);
  if (largeBuffers.bytes < scope.get(connectionPoolSize)) {
    throw scope.error(
      'the "large_client_header_buffers" size must be equal to or greater than "connection_pool_size"',
    );
  }
  return {
    clientHeaderTimeoutMs: scope.get(core.clientHeaderTimeout),
    headerBufferBytes: scope.get(core.clientHeaderBufferSize),
    largeBuffers,
    headersMax: scope.get(core.maxHeaders),
    ignoreInvalidHeaders: scope.get(core.ignoreInvalidHeaders),
    underscoresInHeaders: scope.get(core.underscoresInHeaders),
    mergeSlashes: scope.get(core.mergeSlashes),
  };
}

function fileSettings(scope: Scope, outer: CoreSettings | undefined) {
  return {
    ...rootOf(scope, outer),
    filePath,
    limitExcept: limitExceptOf(scope),
    internal: scope.get(core.internal) === true,
    satisfyAny: scope.get(core.satisfy) === 'any',
    authDelayMs: scope.get(core.authDelay),
    types: typesOf(scope, outer),
    defaultType: scope.get(core.defaultType),
    etag: scope.get(core.etag),
    ifModifiedSince: scope.get(core.ifModifiedSince),
    maxRanges: scope.get(core.maxRanges),
    logNotFound: scope.get(core.logNotFound),
  };
}

/** A block's own root or alias takes the place of both around it. As ngx_http_core_merge_loc_conf(). */
function rootOf(
  scope: Scope,
  outer: CoreSettings | undefined,
): Pick<CoreSettings, 'root' | 'alias' | 'aliasNameBytes'> {
  const duplicate = duplicateRoot(scope, core.root, core.alias);
  if (duplicate !== undefined) throw duplicate;
  const alias = scope.has(core.alias) ? scope.own(core.alias) : undefined;
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
  if (outer !== undefined && !scope.has(core.root)) {
    return { root: outer.root, alias: outer.alias, aliasNameBytes: outer.aliasNameBytes };
  }
  return { root: renderPath(scope.get(core.root), scope), alias: undefined, aliasNameBytes: 0 };
}

/** What the block's own `location` line says. */
export function locationOf(scope: Scope): WrittenLocation | undefined {
  const entry = scope.outer?.entries.find(({ statement }) => statement === scope.statement);
  return scope.context === 'location' ? (entry?.value as WrittenLocation | undefined) : undefined;
}

function typesOf(scope: Scope, outer: CoreSettings | undefined): ReadonlyMap<string, string> {
  if (!scope.has(core.types)) return outer?.types ?? DEFAULT_TYPES;
  return typesByExtension(scope.all(core.types), (message, word) => scope.warn(message, word));
}

function bodySettings(scope: Scope) {
  const temp = scope.get(core.clientBodyTempPath);
  return {
    clientMaxBodyBytes: scope.get(core.clientMaxBodySize),
    bodyBufferBytes: scope.get(core.clientBodyBufferSize),
    bodyTimeoutMs: scope.get(core.clientBodyTimeout),
    bodyTempFolder: scope.temporaryFolder(temp.folder),
    bodyTempLevels: temp.levels,
    bodyInFileOnly: scope.get(core.clientBodyInFileOnly),
    bodyInSingleBuffer: scope.get(core.clientBodyInSingleBuffer),
  };
}

function connectionSettings(scope: Scope, outer: CoreSettings | undefined) {
  const [keepaliveTimeoutMs, headerSeconds] = scope.get(core.keepaliveTimeout);
  const disabled = new Set(scope.all(core.keepaliveDisable).flatMap((names) => [...names]));
  return {
    sendTimeoutMs: scope.get(core.sendTimeout),
    limitRate: renderOf(scope, core.limitRate),
    limitRateAfter: renderOf(scope, core.limitRateAfter),
    keepaliveTimeoutMs,
    keepaliveHeaderSeconds: headerSeconds ?? outer?.keepaliveHeaderSeconds ?? 0,
    keepaliveMinTimeoutMs: scope.get(core.keepaliveMinTimeout),
    keepaliveRequestsMax: scope.get(core.keepaliveRequests),
    keepaliveTimeMs: scope.get(core.keepaliveTime),
    keepaliveDisableMsie6: disabled.has('msie6'),
    keepaliveDisableSafari: disabled.has('safari'),
    lingeringClose: scope.get(core.lingeringClose),
    lingeringTimeMs: scope.get(core.lingeringTime),
    lingeringTimeoutMs: scope.get(core.lingeringTimeout),
    resetTimedoutConnection: scope.get(core.resetTimedoutConnection),
    tcpNodelay: scope.get(core.tcpNodelay),
  };
}

function renderOf(scope: Scope, directive: typeof core.limitRate): Render | undefined {
  const written = scope.get(directive);
  return written === undefined ? undefined : scope.render(written);
}

function answerSettings(scope: Scope) {
  return {
    serverTokens: scope.get(core.serverTokens) !== 'off',
    absoluteRedirect: scope.get(core.absoluteRedirect),
    serverNameInRedirect: scope.get(core.serverNameInRedirect),
    portInRedirect: scope.get(core.portInRedirect),
    logSubrequest: scope.get(core.logSubrequest),
    chunkedTransferEncoding: scope.get(core.chunkedTransferEncoding),
    msiePadding: scope.get(core.msiePadding),
    msieRefresh: scope.get(core.msieRefresh),
    recursiveErrorPages: scope.get(core.recursiveErrorPages),
  };
}

/** Statuses of our own that the client sees as 400. */
const SEEN_AS_400: ReadonlySet<number> = new Set([494, 495, 496, 497]);

/** The first of several pages for one status counts. */
function errorPagesOf(scope: Scope, outer: CoreSettings | undefined): ReadonlyMap<number, ErrorPage> {
  if (outer !== undefined && !scope.has(core.errorPage)) return outer.errorPages;
  const pages = new Map<number, ErrorPage>();
  for (const { statuses, overwrite, target } of scope.all(core.errorPage)) {
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
  const timeoutMs = scope.get(core.resolverTimeout);
  if (outer !== undefined && !scope.has(core.resolver)) {
    return outer.resolver === undefined ? undefined : { ...outer.resolver, timeoutMs };
  }
  const written = scope.get(core.resolver);
  if (written === undefined) return undefined;
  const { ipv4, ipv6, validMs } = written;
  const servers = written.servers.flatMap(({ host, port, named, word }) => {
    const hosts = named ? scope.resolve(host) : [host];
    if (hosts === undefined) throw scope.error(`host not found in resolver "${word.text}"`, word);
    return hosts.map((each) => ({ host: each, port }));
  });
  return { servers, ipv4, ipv6, validMs, timeoutMs };
}
