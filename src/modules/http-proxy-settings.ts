// What a location says about passing on, for proxy/: times, limits, causes, names of headers. With the cross checks of
// ngx_http_proxy_merge_loc_conf() and ngx_http_upstream_hide_headers_hash().
import { lowerName } from '../http/header-name.ts';
import type { Scope } from '../plan/scope.ts';
import type { Exchange } from '../proxy/exchange.ts';
import type { PassSettings } from '../proxy/pass.ts';
import * as directives from './http-proxy-directives.ts';

const HIDDEN = [
  'date',
  'server',
  'x-pad',
  'x-accel-expires',
  'x-accel-redirect',
  'x-accel-limit-rate',
  'x-accel-buffering',
  'x-accel-charset',
];

/** `bodyIsClients`: a body of our own, or none, is sent once the client's has been read, whatever proxy_request_buffering says. */
export function compileSettings(scope: Scope, bodyIsClients: boolean): PassSettings {
  const causes = new Set(scope.all(directives.proxyNextUpstream).flatMap((some) => [...some]));
  const { count, bytes } = scope.get(directives.proxyBuffers);
  const { folder, levels } = scope.get(directives.proxyTempPath);
  return {
    connectTimeoutMs: scope.get(directives.proxyConnectTimeout),
    sendTimeoutMs: scope.get(directives.proxySendTimeout),
    readTimeoutMs: scope.get(directives.proxyReadTimeout),
    nextUpstream: causes.has('off') ? new Set() : causes,
    triesMax: scope.get(directives.proxyNextUpstreamTries),
    triesTimeoutMs: scope.get(directives.proxyNextUpstreamTimeout),
    interceptErrors: scope.get(directives.proxyInterceptErrors),
    passTrailers: scope.get(directives.proxyPassTrailers),
    requestBuffering: scope.get(directives.proxyRequestBuffering) || !bodyIsClients,
    buffering: scope.get(directives.proxyBuffering),
    headBytesMax: scope.get(directives.proxyBufferSize),
    bufferBytesMax: count * bytes,
    tempFileBytesMax: scope.get(directives.proxyMaxTempFileSize),
    tempFolder: scope.temporaryFolder(folder),
    tempLevels: levels,
    ignoreClientAbort: scope.get(directives.proxyIgnoreClientAbort),
    ignoreHeaders: new Set(scope.all(directives.proxyIgnoreHeaders).flatMap((some) => [...some])),
    hideHeaders: hiddenHeaders(scope),
    socketKeepalive: scope.get(directives.proxySocketKeepalive),
    localAddress: localAddress(scope),
    keepalive: true,
  };
}

/** For a request whose body cannot be streamed: HTTP/1.0 has no chunks. */
export function bufferedSettings(settings: PassSettings): PassSettings {
  return { ...settings, requestBuffering: true };
}

function hiddenHeaders(scope: Scope): ReadonlySet<string> {
  const hidden = new Set([...HIDDEN, ...scope.all(directives.proxyHideHeader).map(lowerName)]);
  for (const name of scope.all(directives.proxyPassHeader)) hidden.delete(lowerName(name));
  return hidden;
}

function localAddress(scope: Scope): ((x: Exchange) => string) | undefined {
  const written = scope.get(directives.proxyBind);
  if (written === undefined || written === 'off') return undefined;
  return scope.render(written);
}

/** Sizes that nginx holds against one another. */
export function checkBuffers(scope: Scope): void {
  const {
    proxyBuffers,
    proxyBufferSize,
    proxyBusyBuffersSize,
    proxyTempFileWriteSize,
    proxyMaxTempFileSize,
  } = directives;
  const { count, bytes } = scope.get(proxyBuffers);
  const refuse = (message: string, ...those: Parameters<Scope['placeOf']>) =>
    scope.error(message, scope.placeOf(proxyBuffers, proxyBufferSize, ...those));
  if (count < 2) throw refuse('there must be at least 2 "proxy_buffers"');
  const size = Math.max(scope.get(proxyBufferSize), bytes);
  const most = 'the maximum of the value of "proxy_buffer_size" and one of the "proxy_buffers"';
  const busy = scope.get(proxyBusyBuffersSize) ?? 2 * size;
  if (busy < size)
    throw refuse(`"proxy_busy_buffers_size" must be equal to or greater than ${most}`, proxyBusyBuffersSize);
  if (busy > (count - 1) * bytes) {
    throw refuse(
      '"proxy_busy_buffers_size" must be less than the size of all "proxy_buffers" minus one buffer',
      proxyBusyBuffersSize,
    );
  }
  const write = scope.get(proxyTempFileWriteSize) ?? 2 * size;
  if (write < size)
    throw refuse(
      `"proxy_temp_file_write_size" must be equal to or greater than ${most}`,
      proxyTempFileWriteSize,
    );
  const file = scope.get(proxyMaxTempFileSize);
  if (file !== 0 && file < size) {
    throw refuse(
      `"proxy_max_temp_file_size" must be equal to zero to disable temporary files usage or must be equal to or greater than ${most}`,
      proxyMaxTempFileSize,
    );
  }
}
