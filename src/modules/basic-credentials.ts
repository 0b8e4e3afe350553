// What `Authorization: Basic` says, as ngx_http_auth_basic_user(): for auth_basic and `$remote_user`.
import { base64Bytes, byteString } from '../base/bytes.ts';
import type { Exchange } from '../proxy/exchange.ts';

export interface BasicCredentials {
  readonly user: string;
  readonly password: string;
}

/** Undefined where the header is missing or says something else. */
export function basicCredentials(x: Exchange): BasicCredentials | undefined {
  const header = x.headers.get('authorization');
  const [, encoded] = /^basic +([^ ].*)$/is.exec(header ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const text = decodeBase64(encoded);
  const colon = text?.indexOf(':') ?? -1;
  if (text === undefined || colon < 1) return undefined;
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** As ngx_decode_base64(): what follows the first "=" is not looked at, any other foreign character is an error. */
export function decodeBase64(text: string): string | undefined {
  const end = text.indexOf('=');
  const digits = end === -1 ? text : text.slice(0, end);
  if (digits.length % 4 === 1 || !/^[A-Za-z0-9+/]*$/.test(digits)) return undefined;
  return byteString(base64Bytes(digits));
}
