// The local address of proxy_bind, as a variable may give it.
import { isIpv4, isIpv6 } from '../config/address.ts';
import type { Address } from '../io/engine.ts';

/** "127.0.0.1", "127.0.0.1:8000", "[::1]:8000": proxy_bind. As ngx_parse_addr_port(), to which port 0 is none. */
export function localAddressOf(text: string): Address | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([0-9a-f]*:[0-9a-f:.]*:[0-9a-f:.]*)|([\d.]+))(?::(\d+))?$/i.exec(text);
  if (match === null) return undefined;
  const [, bracketed, bare, ipv4, port] = match;
  const host = bracketed ?? bare ?? ipv4 ?? '';
  const family = ipv4 === undefined ? 6 : 4;
  const valid = family === 4 ? isIpv4(host) : isIpv6(host);
  const portValid = port === undefined || (Number(port) > 0 && Number(port) <= 65_535);
  return valid && portValid ? { family, host, port: Number(port ?? 0) } : undefined;
}
