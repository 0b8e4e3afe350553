// From the `listen` lines of all servers to bound addresses, each with its servers by name. As ngx_http_add_listen() and
// ngx_http_optimize_servers(): an address beside a wildcard of the same port shares the wildcard's socket unless it has options of its own.

import { ANY_PORT, canonicalIpv6, isIpv4 } from '../config/address.ts';
import type { WrittenListen, WrittenName } from './block-directives.ts';
import type { Builder } from './builder.ts';
import type { ListenerPlan, ListenSettings, ServerPlan, ServersOfAddress } from './plan.ts';
import type { Scope } from './scope.ts';
import { ServerNames } from './server-names.ts';

interface AddressEntry {
  readonly settings: ListenSettings;
  readonly bind: boolean;
  /** The socket's options were written at this `listen`. */
  default: ServerPlan;
  defaultWritten: boolean;
  readonly names: ServerNames;
  readonly servers: Set<ServerPlan>;
}

export class ListenerTable {
  private readonly entries = new Map<string, AddressEntry>();
  private readonly builder: Builder;

  constructor(builder: Builder) {
    this.builder = builder;
  }

  add(scope: Scope, server: ServerPlan, written: WrittenListen, names: readonly WrittenName[]): void {
    for (const address of this.addressesOf(scope, written)) {
      const settings = settingsOf(address, written);
      const known = this.entries.get(settings.key);
      if (known === undefined) {
        const entry: AddressEntry = {
          settings,
          bind: written.bind,
          default: server,
          defaultWritten: written.defaultServer,
          names: new ServerNames(),
          servers: new Set([server]),
        };
        this.entries.set(settings.key, entry);
        this.addNames(scope, entry, server, names);
        continue;
      }
      this.join(scope, known, settings, server, written, names);
    }
  }

  private join(
    scope: Scope,
    known: AddressEntry,
    settings: ListenSettings,
    server: ServerPlan,
    written: WrittenListen,
    names: readonly WrittenName[],
  ): void {
    if (known.servers.has(server)) throw scope.error(`a duplicate listen ${settings.key}`, written.word);
    if (written.bind && known.bind)
      throw scope.error(`duplicate listen options for ${settings.key}`, written.word);
    if (written.defaultServer && known.defaultWritten) {
      throw scope.error(`a duplicate default server for ${settings.key}`, written.word);
    }
    if (written.defaultServer) {
      known.default = server;
      known.defaultWritten = true;
    }
    if (written.bind) this.entries.set(settings.key, { ...known, settings, bind: true });
    const entry = this.entries.get(settings.key) ?? known;
    entry.servers.add(server);
    this.addNames(scope, entry, server, names);
  }

  private addNames(
    scope: Scope,
    entry: AddressEntry,
    server: ServerPlan,
    names: readonly WrittenName[],
  ): void {
    for (const name of names) {
      const kinds = name.kind === 'both' ? (['exact', 'head'] as const) : [name.kind];
      for (const kind of kinds) {
        if (kind === 'hostname') continue; // compile.ts has put the machine's name in its place
        const added =
          name.kind === 'regex'
            ? entry.names.add(
                {
                  kind: 'regex',
                  pattern: name.pattern,
                  slots: scope.captureSlots(name.pattern),
                },
                server,
              )
            : kind === 'regex' ||
              name.kind === 'hostname' ||
              entry.names.add(
                { kind, name: kind === 'exact' && name.kind === 'both' ? name.name.slice(1) : name.name },
                server,
              );
        if (!added) scope.warn(`conflicting server name "${name.written}" on ${entry.settings.key}, ignored`);
      }
    }
  }

  /** The sockets to bind. */
  listeners(): ListenerPlan[] {
    const wildcards = new Map<string, ListenerPlan & { servers: Map<string, ServersOfAddress> }>();
    const plans: ListenerPlan[] = [];
    const entries = [...this.entries.values()];
    for (const entry of entries.filter(isWildcard)) {
      const plan = { ...entry.settings, servers: new Map([[entry.settings.key, entry as ServersOfAddress]]) };
      wildcards.set(familyAndPort(entry), plan);
      plans.push(plan);
    }
    for (const entry of entries) {
      if (isWildcard(entry)) continue;
      const own = entry.bind || hasAnyPort(entry); // the system gives each its port: they cannot share one
      const wildcard = own ? undefined : wildcards.get(familyAndPort(entry));
      if (wildcard !== undefined) wildcard.servers.set(entry.settings.key, entry as ServersOfAddress);
      else
        plans.push({
          ...entry.settings,
          servers: new Map([[entry.settings.key, entry as ServersOfAddress]]),
        });
    }
    const order = new Map([...this.entries.keys()].map((key, i) => [key, i]));
    return plans.sort((a, b) => (order.get(a.key) ?? 0) - (order.get(b.key) ?? 0));
  }

  private addressesOf(scope: Scope, written: WrittenListen): ListenSettings['address'][] {
    const { address } = written;
    if (address.kind === 'unix') return [{ family: 'unix', path: address.path }];
    const first = address.port === 0 ? 80 : address.port === ANY_PORT ? 0 : address.port;
    const last = address.lastPort ?? first;
    return this.hostsOf(scope, written, address).flatMap(({ family, host }) =>
      Array.from({ length: last - first + 1 }, (_, i) => ({ family, host, port: first + i })),
    );
  }

  private hostsOf(
    scope: Scope,
    { word }: WrittenListen,
    { family, host }: Extract<WrittenListen['address'], { kind: 'inet' }>,
  ): { readonly family: 4 | 6; readonly host: string }[] {
    if (family === 'any') return [{ family: 4, host: '0.0.0.0' }];
    if (family !== 'name') return [{ family, host }];
    const hosts = this.builder.resolve(host);
    if (hosts !== undefined)
      return hosts.map((each) =>
        isIpv4(each) ? { family: 4, host: each } : { family: 6, host: canonicalIpv6(each) ?? each },
      );
    if (this.builder.unresolved.has(host)) return [{ family: 4, host: '127.0.0.1' }];
    throw scope.error(`host not found in "${word.text}" of the "listen" directive`, word);
  }
}

function isWildcard({ settings: { address } }: AddressEntry): boolean {
  return address.family !== 'unix' && (address.host === '0.0.0.0' || address.host === '::');
}

function hasAnyPort({ settings: { address } }: AddressEntry): boolean {
  return address.family !== 'unix' && address.port === 0;
}

function familyAndPort({ settings: { address } }: AddressEntry): string {
  return address.family === 'unix' ? '' : `${address.family}:${address.port}`;
}

export function addressKey(address: ListenSettings['address']): string {
  if (address.family === 'unix') return `unix:${address.path}`;
  return address.family === 6 ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

function settingsOf(address: ListenSettings['address'], written: WrittenListen): ListenSettings {
  return {
    key: addressKey(address),
    address,
    backlog: written.backlog ?? 511,
    reusePort: written.reusePort,
    ipv6Only: written.ipv6Only ?? true,
    receiveBufferBytes: written.receiveBufferBytes,
    sendBufferBytes: written.sendBufferBytes,
    deferred: written.deferred,
    keepalive: written.keepalive,
  };
}
