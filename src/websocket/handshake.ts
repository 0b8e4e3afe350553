// Is this request a WebSocket's opening handshake, and does that 101 accept it (RFC 6455, 4)? Facts, not verdicts: nginx passes any
// upgrade, so what is odd is named for the caller to judge. The digest is a port.
import { type Extension, parseExtensions } from './extension.ts';

/** As much of a header list as is asked for (http/header-list.ts has it). */
export interface Fields {
  get(lower: string): string | undefined;
  joined(lower: string, separator: string): string | undefined;
}

/** The SHA-1 of a byte string, in base64. */
export type Sha1 = (text: string) => string;

export interface Handshake {
  /** Sec-WebSocket-Key as sent, "" without one. */
  readonly key: string;
  /** What is offered, in the client's order. */
  readonly protocols: readonly string[];
  readonly extensions: readonly Extension[];
  /** What the RFC would refuse in it, "" for nothing. */
  readonly fault: string;
}

export interface Acceptance {
  /** "" where none was chosen. */
  readonly protocol: string;
  readonly extensions: readonly Extension[];
  /** Why the client must fail the connection, "" for nothing. */
  readonly fault: string;
}

/** Undefined where no WebSocket is asked for: another method or protocol, HTTP/1.0, no Connection: upgrade. */
export function openingHandshake(method: string, version: number, fields: Fields): Handshake | undefined {
  if (method !== 'GET' || version < 11) return undefined;
  if (!hasToken(fields, 'upgrade', 'websocket') || !hasToken(fields, 'connection', 'upgrade'))
    return undefined;
  const key = fields.get('sec-websocket-key') ?? '';
  const protocols = tokens(fields.joined('sec-websocket-protocol', ',') ?? '');
  const extensions = parseExtensions(fields.joined('sec-websocket-extensions', ',') ?? '');
  return {
    key,
    protocols,
    extensions: extensions ?? [],
    fault: openingFault(key, protocols, extensions, fields),
  };
}

/** What the answer to `asked` agrees to. The status is 101 already. */
export function acceptance(asked: Handshake, fields: Fields, sha1: Sha1): Acceptance {
  const protocol = fields.get('sec-websocket-protocol') ?? '';
  const extensions = parseExtensions(fields.joined('sec-websocket-extensions', ',') ?? '');
  return { protocol, extensions: extensions ?? [], fault: acceptanceFault(asked, fields, extensions, sha1) };
}

/** Sec-WebSocket-Accept for a key (RFC 6455, 4.2.2). */
export function acceptKey(key: string, sha1: Sha1): string {
  return sha1(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
}

function openingFault(
  key: string,
  protocols: readonly string[],
  extensions: readonly Extension[] | undefined,
  fields: Fields,
): string {
  if (!/^[A-Za-z0-9+/]{21}[AQgw]==$/.test(key)) return 'Sec-WebSocket-Key is not 16 bytes in base64';
  if (fields.get('sec-websocket-version') !== '13') return 'Sec-WebSocket-Version is not 13';
  if (protocols.length > 1 && new Set(protocols).size !== protocols.length)
    return 'a subprotocol is offered twice';
  return extensions === undefined ? 'Sec-WebSocket-Extensions is malformed' : '';
}

function acceptanceFault(
  asked: Handshake,
  fields: Fields,
  extensions: readonly Extension[] | undefined,
  sha1: Sha1,
): string {
  if (!hasToken(fields, 'upgrade', 'websocket')) return 'Upgrade is not websocket';
  if (!hasToken(fields, 'connection', 'upgrade')) return 'Connection is not upgrade';
  if (fields.get('sec-websocket-accept') !== acceptKey(asked.key, sha1))
    return 'Sec-WebSocket-Accept does not match';
  const protocol = fields.joined('sec-websocket-protocol', ',');
  if (protocol !== undefined && !asked.protocols.includes(protocol)) return 'subprotocol was not offered';
  if (extensions === undefined) return 'Sec-WebSocket-Extensions is malformed';
  const stranger = extensions.some(({ name }) => !asked.extensions.some((offer) => offer.name === name));
  return stranger ? 'extension was not offered' : '';
}

function hasToken(fields: Fields, lower: string, token: string): boolean {
  const text = fields.joined(lower, ',');
  if (text === undefined) return false;
  if (text.length === token.length) return text.toLowerCase() === token; // shorter ones and a comma cannot make it up
  return tokens(text).some((each) => each.toLowerCase() === token);
}

function tokens(text: string): string[] {
  if (text === '') return [];
  return text
    .split(',')
    .map((each) => each.replace(/^[ \t]+|[ \t]+$/g, ''))
    .filter((each) => each !== '');
}
