// How a request's head is read: what the parser is told of a server's settings.
import type { RequestHeadOptions } from '../http/head.ts';
import type { CoreSettings } from '../plan/core-settings.ts';

/** A copy, since a connection that waits for its next request must not hold the plan that was left. */
export function headOptions(core: CoreSettings): RequestHeadOptions {
  let options = optionsOfCores.get(core);
  if (options === undefined) {
    const { headerBufferBytes, largeBuffers, headersMax, ignoreInvalidHeaders, underscoresInHeaders } = core;
    const { mergeSlashes } = core;
    const { count, bytes } = largeBuffers;
    options = {
      headerBufferBytes,
      largeBuffers: { count, bytes },
      headersMax,
      ignoreInvalidHeaders,
      underscoresInHeaders,
      mergeSlashes,
    };
    optionsOfCores.set(core, options);
  }
  return options;
}

const optionsOfCores = new WeakMap<CoreSettings, RequestHeadOptions>();
