// All upstreams of a plan: the blocks, and those that a host in proxy_pass makes by itself. As ngx_http_upstream_add().
import type { PeerAddress } from '../balance/peer.ts';
import { implicitUpstream } from '../balance/upstream.ts';
import { canonicalIpv6, isIpv4 } from '../config/address.ts';
import type { Word } from '../config/directive.ts';
import { asciiLower } from '../config/units.ts';
import type { AnyModule, UpstreamCompiler } from '../modules/module.ts';
import type { Builder } from './builder.ts';
import type { UpstreamPlan } from './plan.ts';
import type { Scope } from './scope.ts';

export class UpstreamTable {
  readonly all: UpstreamPlan[] = [];
  private readonly blocks = new Map<string, UpstreamPlan>();
  /** Names of blocks with a mistake, or with a host that is not resolved yet: they are no hosts to be asked for. */
  private readonly broken = new Set<string>();
  private readonly implicit = new Map<string, UpstreamPlan>();
  private readonly builder: Builder;
  private readonly compiler: UpstreamCompiler | undefined;

  constructor(builder: Builder, modules: readonly AnyModule[]) {
    this.builder = builder;
    this.compiler = modules.find((module) => module.upstreams !== undefined)?.upstreams;
  }

  addBlock(scope: Scope, name: string, word: Word): void {
    if (this.blocks.has(asciiLower(name))) throw scope.error(`duplicate upstream "${name}"`, word);
    this.broken.add(asciiLower(name));
    const compiled = this.compiler?.compile(scope, name);
    if (compiled === undefined) return;
    this.broken.delete(asciiLower(name));
    const plan: UpstreamPlan = { number: this.all.length, name, explicit: true, ...compiled };
    this.blocks.set(asciiLower(name), plan);
    this.all.push(plan);
  }

  named(name: string): UpstreamPlan | undefined {
    return this.blocks.get(asciiLower(name));
  }

  forPass(scope: Scope, host: string, port: number, defaultPort: number, word: Word): UpstreamPlan {
    const block = this.blocks.get(asciiLower(host));
    if (block !== undefined) {
      if (port !== 0) throw scope.error(`upstream "${host}" may not have port ${port}`, word);
      return block;
    }
    const actual = port === 0 ? defaultPort : port;
    const name = host.startsWith('unix:') ? host : `${host}:${actual}`;
    const known = this.implicit.get(name);
    if (known !== undefined) return known;
    if (this.compiler === undefined) throw scope.error('no module compiles upstreams', word);
    const addresses = this.addressesOf(scope, host, actual, word);
    const { servers } = implicitUpstream(host.startsWith('unix:') || port === 0 ? host : name, addresses);
    const plan: UpstreamPlan = {
      number: this.all.length,
      name: host,
      explicit: false,
      servers,
      settings: this.compiler.implicitSettings(),
    };
    this.implicit.set(name, plan);
    this.all.push(plan);
    return plan;
  }

  private addressesOf(scope: Scope, host: string, port: number, word: Word): readonly PeerAddress[] {
    if (host.startsWith('unix:')) return [{ address: { family: 'unix', path: host.slice(5) }, name: host }];
    const bare = host.startsWith('[') ? host.slice(1, -1) : host;
    if (this.broken.has(asciiLower(bare))) return [peerAddress('127.0.0.1', port)]; // there will be no plan
    const ipv6 = canonicalIpv6(bare);
    const hosts = ipv6 !== undefined ? [ipv6] : isIpv4(bare) ? [bare] : this.builder.resolve(bare);
    if (hosts === undefined) {
      if (this.builder.unresolved.has(bare)) return [peerAddress('127.0.0.1', port)]; // a first pass, thrown away
      throw scope.error(
        `host not found in upstream "${host}"`,
        word,
        'the name has no address here; is it spelled right, and does this machine resolve it?',
      );
    }
    return hosts.map((each) => peerAddress(each, port));
  }
}

export function peerAddress(host: string, port: number): PeerAddress {
  return host.includes(':')
    ? { address: { family: 6, host, port }, name: `[${host}]:${port}` }
    : { address: { family: 4, host, port }, name: `${host}:${port}` };
}
