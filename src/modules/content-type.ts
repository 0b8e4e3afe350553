// The type of what is answered by its name, as ngx_http_set_content_type().
import { asciiLower } from '../config/units.ts';
import { extensionOf } from '../http/uri.ts';
import type { Exchange } from '../proxy/exchange.ts';

/** Of the extension of the exchange's URI, else the location's default. */
export function contentTypeOf(x: Exchange): string {
  const { types, defaultType } = x.location.core;
  return types.get(asciiLower(extensionOf(x.uri))) ?? defaultType;
}
