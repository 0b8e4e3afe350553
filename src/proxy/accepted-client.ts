// A client as the driver knows it: which listener accepted it, and whose servers answer it.
import type { ListenerPlan, ServersOfAddress } from '../plan/plan.ts';
import type { Client } from './exchange.ts';
import type { Generation } from './generation.ts';

/** The servers of an address that a reload has removed, and the generation that they are of. */
export interface HeldServers {
  readonly generation: Generation;
  readonly servers: ServersOfAddress;
}

export interface AcceptedClient extends Client {
  /** The plan's listener that accepted it, by key: looked up anew after a reload. */
  readonly listenerKey: string;
  /** Kept for the request that is under way or about to come, until its exchange holds the generation itself. */
  held: HeldServers | undefined;
}

/** The servers behind the address that the client came to; undefined where there is no such listener. */
export function serversAt(
  listeners: ReadonlyMap<string, ListenerPlan>,
  { listenerKey, localAddress, localPort, family }: AcceptedClient,
): ServersOfAddress | undefined {
  const listener = listeners.get(listenerKey);
  if (listener === undefined) return undefined;
  if (listener.servers.size > 1) {
    const exact = family === 6 ? `[${localAddress}]:${localPort}` : `${localAddress}:${localPort}`;
    const servers = listener.servers.get(exact);
    if (servers !== undefined) return servers;
  }
  return listener.servers.get(listener.key);
}
