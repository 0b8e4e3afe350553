// From the `listen` lines of all servers to bound addresses, each with its servers by name. As ngx_http_add_listen() and
// ngx_http_optimize_servers(): an address beside a wildcard of the same port shares the wildcard's socket unless it has options of its own.
import type { Steps } from '../base/steps.ts';
import { ANY_PORT, canonicalIpv6, isIpv4 } from '../config/address.ts';
import { WILDCARDS, type WrittenListen, type WrittenName } from './block-directives.ts';
import type { Builder } from './builder.ts';
import type { ListenerPlan, ListenSettings, ServerPlan, ServersOfAddress } from './plan.ts';
import type { Scope } from './scope.ts';
import { type ServerName, ServerNames } from './server-names.ts';

interface AddressEntry {
  readonly settings: ListenSettings;
  readonly bind: boolean;
  /** The socket's options were written at this `listen`. */
  default: ServerPlan;
  defaultWritten: boolean;
  readonly names: ServerNames;
  readonly servers: Map<ServerPlan, { readonly scope: Scope; readonly names: readonly WrittenName[] }>;
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
        this.entries.set(settings.key, {
          settings,
          bind: written.bind,
          default: server,
          defaultWritten: written.defaultServer,
          names: new ServerNames(),
          servers: new Map([[server, { scope, names }]]),
        });
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
    known.servers.set(server, { scope, names });
    if (written.bind) this.entries.set(settings.key, { ...known, settings, bind: true });
  }

  /** Once all servers are there, for names that they have in common. As ngx_http_optimize_servers(). */
  *bindNames(): Steps<void> {
    for (const entry of this.entries.values()) {
      if (!namesCount(entry)) continue;
      for (const [server, { scope, names }] of entry.servers) {
        yield;
        for (const name of names) this.builder.attempt(() => addName(scope, entry, server, name));
      }
    }
  }

  /** The sockets to bind. */
  listeners(): ListenerPlan[] {
    const wildcards = new Map<string, ListenerPlan & { servers: Map<string, ServersOfAddress> }>();
    const plans: ListenerPlan[] = [];
    const entries = [...this.entries.values()];
    for (const entry of entries.filter(isWildcard)) {
      const plan = { ...entry.settings, servers: new Map([[entry.settings.key, answering(entry)]]) };
      wildcards.set(familyAndPort(entry), plan);
      plans.push(plan);
    }
    for (const entry of entries) {
      if (isWildcard(entry)) continue;
      const own = entry.bind || hasAnyPort(entry); // the system gives each its port: they cannot share one
      const wildcard = own ? undefined : wildcards.get(familyAndPort(entry));
      if (wildcard !== undefined) wildcard.servers.set(entry.settings.key, answering(entry));
      else plans.push({ ...entry.settings, servers: new Map([[entry.settings.key, answering(entry)]]) });
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

/** The only server of an address answers whatever the client calls it, and nginx does not look at its names unless they capture. */
function namesCount({ servers }: AddressEntry): boolean {
  if (servers.size > 1) return true;
  const [only] = servers.values();
  return only?.names.some((name) => name.kind === 'regex' && name.pattern.groups > 0) ?? false;
}

/** As ngx_http_server_names(). */
function addName(
  scope: Scope,
  { settings: { key }, names }: AddressEntry,
  server: ServerPlan,
  name: WrittenName,
): void {
  if (name.kind === 'invalid')
    throw scope.error(`invalid server name or wildcard "${name.written}" on ${key}`, name.word, WILDCARDS);
  const conflict = readNames(scope, name).some((each) => !names.add(each, server));
  if (conflict) scope.warn(`conflicting server name "${name.written}" on ${key}, ignored`);
}

/** What a written name is looked up by: `.example.com` is two names. compile.ts has put the machine's name in $hostname's place. */
function readNames(scope: Scope, name: Exclude<WrittenName, { kind: 'invalid' }>): readonly ServerName[] {
  switch (name.kind) {
    case 'regex':
      return [{ kind: 'regex', pattern: name.pattern, slots: scope.captureSlots(name.pattern) }];
    case 'both':
      return [
        { kind: 'exact', name: name.name.slice(1) },
        { kind: 'head', name: name.name },
      ];
    case 'hostname':
      return [];
    default:
      return [{ kind: name.kind, name: name.name }];
  }
}

/** What of an address the plan keeps: not the scopes, which are the whole file. */
function answering({ default: server, names }: AddressEntry): ServersOfAddress {
  return { default: server, names };
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

function addressKey(address: ListenSettings['address']): string {
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
