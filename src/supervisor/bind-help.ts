// What a person can do about an address that cannot be bound.
import { readFileSync } from 'node:fs';
import type { IoError } from '../io/engine.ts';
import { ioErrorText } from '../io/io-error.ts';
import type { ListenerPlan } from '../plan/plan.ts';

/** nginx's line: `bind() to 0.0.0.0:80 failed (98: Address already in use)`. */
export function bindText(listener: ListenerPlan, error: IoError): string {
  const { key, backlog } = listener;
  if (error.call === 'listen') return `listen() to ${key}, backlog ${backlog} failed (${ioErrorText(error)})`;
  return `${error.call}() to ${key} failed (${ioErrorText(error)})`;
}

export function bindHelp({ address, servers }: ListenerPlan, error: IoError): string | undefined {
  const [first] = servers.values();
  const where = first === undefined ? '' : `; the server stands at ${first.default.place}`;
  const help = helpFor(address, error.code);
  return help === undefined ? undefined : help + where;
}

function helpFor(address: ListenerPlan['address'], code: string): string | undefined {
  if (address.family === 'unix') {
    return code === 'EADDRINUSE'
      ? 'a program listens there, or one that was killed has left the file behind: remove it if no program does'
      : undefined;
  }
  const { host, port } = address;
  switch (code) {
    case 'EACCES':
      return `ports below ${unprivilegedStart()} are root's here: start as root, or allow them with "sysctl -w net.ipv4.ip_unprivileged_port_start=${port}" or "setcap cap_net_bind_service=+ep ${process.execPath}", or listen on another port, ${port + 8000} for instance`;
    case 'EADDRINUSE':
      return `another program listens on port ${port}; "ss -ltnp sport = :${port}" tells which`;
    case 'EADDRNOTAVAIL':
      return `this machine has no address ${host}; "ip address" lists those that it has`;
    case 'EAFNOSUPPORT':
      return 'this system has no IPv6; remove the "listen" line or switch it on';
    default:
      return undefined;
  }
}

function unprivilegedStart(): string {
  try {
    return `net.ipv4.ip_unprivileged_port_start (${readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'latin1').trim()})`;
  } catch {
    return '1024';
  }
}
