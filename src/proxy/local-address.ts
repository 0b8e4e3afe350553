// The local address of proxy_bind, as a variable may give it.
import { isIpv4, isIpv6 } from '../config/address.ts';
import type { Address } from '../io/engine.ts';

/** "127.0.0.1", "127.0.0.1:8000", "[::1]:0": proxy_bind. */
export function localAddressOf(text: string): Address | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*)|([\d.]+))(?::(\d+))?$/i.exec(text);
  if (match === null) return undefined;
  const [, bracketed, bare, ipv4, port] = match;
  const host = bracketed ?? bare ?? ipv4 ?? '';
  const family = ipv4 === undefined ? 6 : 4;
  const valid = family === 4 ? isIpv4(host) : isIpv6(host);
  return valid && Number(port ?? 0) <= 65_535 ? { family, host, port: Number(port ?? 0) } : undefined;
}
