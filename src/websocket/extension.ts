// Sec-WebSocket-Extensions (RFC 6455, 9.1) and what of it matters to a relay: permessage-deflate's parameters (RFC 7692, 7.1) and the
// reserved bits that frames may carry. Pure text.

export interface Extension {
  /** Lower case. */
  readonly name: string;
  /** A parameter without a value has "" and is told from `x=""`, which is no token and refused. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
}

export interface DeflateParameters {
  readonly serverNoContextTakeover: boolean;
  readonly clientNoContextTakeover: boolean;
  /** 8 to 15. */
  readonly serverMaxWindowBits: number;
  /** 8 to 15; 0 in an offer that leaves it to the server. */
  readonly clientMaxWindowBits: number;
}

/** The extensions of all lines of the header, joined by commas; undefined where the text is not of the RFC's grammar. */
export function parseExtensions(text: string): Extension[] | undefined {
  const found: Extension[] = [];
  let at = 0;
  ELEMENT.lastIndex = 0;
  while (at < text.length) {
    const element = ELEMENT.exec(text);
    if (element === null) return undefined;
    at = ELEMENT.lastIndex;
    if (element[1] !== undefined) {
      found.push({ name: element[1].toLowerCase(), parameters: parametersOf(element[2]!) });
    }
    if (at === text.length && element[3] === ',') break;
  }
  return found;
}

/** Undefined where the parameters are not permessage-deflate's: unknown, twice, or out of bounds. */
export function deflateParameters(
  extension: Extension,
  side: 'offer' | 'answer',
): DeflateParameters | undefined {
  if (extension.name !== 'permessage-deflate') return undefined;
  const seen = new Map(extension.parameters);
  if (seen.size !== extension.parameters.length) return undefined;
  for (const [name, value] of seen) {
    const known =
      name === 'server_no_context_takeover' || name === 'client_no_context_takeover'
        ? value === ''
        : name === 'server_max_window_bits'
          ? BITS.test(value)
          : name === 'client_max_window_bits' && (BITS.test(value) || (side === 'offer' && value === ''));
    if (!known) return undefined;
  }
  return {
    serverNoContextTakeover: seen.has('server_no_context_takeover'),
    clientNoContextTakeover: seen.has('client_no_context_takeover'),
    serverMaxWindowBits: Number(seen.get('server_max_window_bits') ?? 15),
    clientMaxWindowBits: Number(seen.get('client_max_window_bits') ?? 15),
  };
}

/** Bits of a frame's first byte that these agreed extensions may set: RSV1 for permessage-deflate, all for one that is not known. */
export function reservedBits(agreed: readonly Extension[]): number {
  let bits = 0;
  for (const { name } of agreed) bits |= name === 'permessage-deflate' ? 0x40 : 0x70;
  return bits;
}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
/** An element of the list, or nothing, and the comma after it. */
const ELEMENT = new RegExp(
  `[ \\t]*(?:(${TOKEN})((?:[ \\t]*;[ \\t]*${TOKEN}(?:=(?:${TOKEN}|"${TOKEN}"))?)*)[ \\t]*)?(,|$)`,
  'y',
);
const PARAMETER = new RegExp(`;[ \\t]*(${TOKEN})(?:=(?:(${TOKEN})|"(${TOKEN})"))?`, 'g');
const BITS = /^(?:[89]|1[0-5])$/;

function parametersOf(text: string): [string, string][] {
  return Array.from(text.matchAll(PARAMETER), (m) => [m[1]!.toLowerCase(), m[2] ?? m[3] ?? '']);
}
