// The plan: a configuration compiled, immutable, the same in every worker. What has state (peers, zones, logs, sockets) is matched
// to it by name and lives elsewhere.
import type { Method, ServerSettings } from '../balance/upstream.ts';
import type { Pattern } from '../config/pcre.ts';
import type { Handler, PhaseName } from '../modules/module.ts';
import type { Exchange } from '../proxy/exchange.ts';
import type { BodyFilter } from '../proxy/filters.ts';
import type { Frozen } from '../proxy/late.ts';
import type { CoreSettings } from './core-settings.ts';
import type { LocationTree } from './location-tree.ts';
import type { LogOptions } from './scope.ts';
import type { ServerNames } from './server-names.ts';
import type { Variables } from './variable.ts';

export type LocationKind = 'server' | 'prefix' | 'exact' | 'no-regex' | 'regex' | 'named' | 'unnamed';

export interface Handlers extends Readonly<Record<PhaseName, readonly Handler[]>> {
  /** By place of the phase. */
  readonly inOrder: readonly (readonly Handler[])[];
}

export interface LocationPlan {
  /** As written: "/", "\.php$", "@fallback"; '' for a server's own and for `if` blocks. */
  readonly name: string;
  readonly kind: LocationKind;
  readonly pattern: Pattern | undefined;
  /** Numbers of the pattern's named groups and their slots. */
  readonly captureSlots: readonly (readonly [group: number, slot: number])[];
  /** By module number. */
  readonly slices: readonly unknown[];
  readonly core: CoreSettings;
  readonly handlers: Handlers;
  readonly filters: readonly { head(x: Exchange): BodyFilter | 'answered' | undefined }[];
  /** What must outlive an exchange that becomes a tunnel, by modules of the 'log' phase. */
  readonly freezers: readonly ((x: Exchange) => Frozen | 'keep' | undefined)[];
  readonly content: Handler | undefined;
  /** Locations inside this one. */
  readonly tree: LocationTree | undefined;
  /** A prefix location that ends with "/" and passes on: a request for it without the slash is redirected, as in nginx. */
  readonly autoRedirect: boolean;
}

export interface ServerPlan {
  readonly number: number;
  /** The first server_name as written, or '': `$server_name`. */
  readonly name: string;
  /** What holds before a location is found, and what its locations inherit from. */
  readonly root: LocationPlan;
  readonly tree: LocationTree;
  readonly named: ReadonlyMap<string, LocationPlan>;
  /** "conf:12", for messages. */
  readonly place: string;
}

export interface ListenSettings {
  /** "0.0.0.0:80", "[::]:80", "unix:/path": the key by which a reload knows it again. */
  readonly key: string;
  readonly address:
    | { readonly family: 4 | 6; readonly host: string; readonly port: number }
    | { readonly family: 'unix'; readonly path: string };
  readonly backlog: number;
  readonly reusePort: boolean;
  readonly ipv6Only: boolean;
  readonly receiveBufferBytes: number | undefined;
  readonly sendBufferBytes: number | undefined;
  readonly deferred: boolean;
  readonly keepalive:
    | 'system'
    | 'on'
    | 'off'
    | { readonly idleSeconds: number; readonly intervalSeconds: number; readonly count: number };
}

/** One bound address and the servers behind it. A wildcard address also answers for the specific ones that it stands for. */
export interface ListenerPlan extends ListenSettings {
  /** By local address where the wildcard socket stands for specific addresses too ("127.0.0.1:80"), else the one entry under `key`. */
  readonly servers: ReadonlyMap<string, ServersOfAddress>;
}

export interface ServersOfAddress {
  readonly default: ServerPlan;
  readonly names: ServerNames;
}

export interface UpstreamPlan {
  readonly number: number;
  readonly name: string;
  /** An upstream block, not a host in proxy_pass. */
  readonly explicit: boolean;
  readonly servers: readonly ServerSettings[];
  /** What modules/http-upstream.ts compiled: method, keepalive, zone. */
  readonly settings: UpstreamSettings;
}

export interface UpstreamSettings {
  readonly method: Method;
  /** For `hash`: the key of an exchange. */
  readonly hashKey: ((x: Exchange) => string) | undefined;
  /** Number of the zone, -1 for none. */
  readonly zone: number;
  /** Idle connections kept by each worker; 0 for none. */
  readonly keepaliveMax: number;
  readonly keepaliveRequestsMax: number;
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly keepaliveLocal: boolean;
}

export interface ZonePlan {
  readonly name: string;
  readonly bytes: number;
  readonly kind: string;
}

export interface LogPlan {
  /** Absolute; "stderr" and "syslog:…" stand for themselves. */
  readonly path: string;
  readonly options: LogOptions;
}

/** What the supervisor needs to know of main and events. */
export interface ProcessSettings {
  readonly daemon: boolean;
  readonly masterProcess: boolean;
  readonly workers: number;
  readonly workerConnectionsMax: number | undefined;
  readonly descriptorsMax: number | undefined;
  readonly shutdownTimeoutMs: number | undefined;
  readonly priority: number;
  readonly pidFile: string;
  readonly user: { readonly user: string; readonly group: string | undefined } | undefined;
  readonly env: readonly string[];
  readonly errorLogs: readonly { readonly log: number; readonly level: string }[];
  /** Where a directive of main stands ("conf:12"), by its name: for what a reload cannot change. */
  readonly places: Readonly<Partial<Record<string, string>>>;
}

export interface Plan {
  readonly process: ProcessSettings;
  readonly listeners: readonly ListenerPlan[];
  readonly servers: readonly ServerPlan[];
  readonly upstreams: readonly UpstreamPlan[];
  readonly zones: readonly ZonePlan[];
  readonly logs: readonly LogPlan[];
  /** For temporary files, by absolute path. */
  readonly folders: readonly string[];
  readonly variables: Variables;
}
