// The modules of the program, in the order in which their handlers and filters run. http-core is always the first: its slice is
// `location.core`. `unsupported` is the last, so that a name which one of the others has is never refused.
import { core } from './core.ts';
import { httpAccess } from './http-access.ts';
import { httpAuthBasic } from './http-auth-basic.ts';
import { httpAuthRequest } from './http-auth-request.ts';
import { httpCore } from './http-core.ts';
import { httpGzip } from './http-gzip.ts';
import { httpHeaders } from './http-headers.ts';
import { httpIndex } from './http-index.ts';
import { httpLimitReq } from './http-limit-req.ts';
import { httpLog } from './http-log.ts';
import { httpMap } from './http-map.ts';
import { httpNotModified } from './http-not-modified.ts';
import { httpProxy } from './http-proxy.ts';
import { httpRange } from './http-range.ts';
import { httpRealip } from './http-realip.ts';
import { httpRewrite } from './http-rewrite.ts';
import { httpStatic } from './http-static.ts';
import { httpTryFiles } from './http-try-files.ts';
import { httpUpstream } from './http-upstream.ts';
import { type AnyModule, numbered } from './module.ts';
import { unsupportedModules } from './unsupported.ts';

export const modules: readonly AnyModule[] = numbered([
  httpCore,
  core,
  httpMap,
  httpRewrite,
  httpRealip,
  httpLimitReq,
  httpAccess,
  httpAuthBasic,
  httpAuthRequest,
  httpTryFiles,
  httpIndex,
  httpStatic,
  httpUpstream,
  httpProxy,
  httpNotModified,
  httpHeaders,
  httpGzip,
  httpRange,
  httpLog,
  unsupportedModules,
]);
