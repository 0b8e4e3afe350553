// Which server of an address answers a host: the exact name, the longest `*.name`, the longest `name.*`, the first regular expression
// that matches, in this order; else the address's default server. As ngx_http_find_virtual_server() and ngx_hash_find_combined().
import type { Captures, Pattern } from '../config/pcre.ts';
import type { ServerPlan } from './plan.ts';

/** One name of a server_name. */
export type ServerName =
  | { readonly kind: 'exact'; readonly name: string }
  /** `*.example.com` (name ".example.com"); `.example.com` is this and the exact one. */
  | { readonly kind: 'head'; readonly name: string }
  /** `www.example.*` (name "www.example."). */
  | { readonly kind: 'tail'; readonly name: string }
  | {
      readonly kind: 'regex';
      readonly pattern: Pattern;
      readonly slots: readonly (readonly [group: number, slot: number])[];
    };

export interface FoundServer {
  readonly server: ServerPlan;
  /** What the name's regular expression captured, and the slots that its named groups are put in. */
  readonly captures: Captures | undefined;
  readonly slots: readonly (readonly [group: number, slot: number])[];
}

export class ServerNames {
  private readonly exact = new Map<string, FoundServer>();
  private readonly heads = new Map<string, FoundServer>();
  private readonly tails = new Map<string, FoundServer>();
  private readonly regexes: { readonly name: ServerName & { kind: 'regex' }; readonly server: ServerPlan }[] =
    [];

  /** Adds a name; false where another server of the address has it already ("conflicting server name … ignored"). */
  add(name: ServerName, server: ServerPlan): boolean {
    if (name.kind === 'regex') {
      this.regexes.push({ name, server });
      return true;
    }
    const table = name.kind === 'exact' ? this.exact : name.kind === 'head' ? this.heads : this.tails;
    if (table.has(name.name)) return false;
    table.set(name.name, { server, captures: undefined, slots: [] });
    return true;
  }

  /** `host` is lower case, without port; '' where the client named none. */
  find(host: string): FoundServer | undefined {
    const found = this.exact.get(host) ?? this.findHead(host) ?? this.findTail(host);
    if (found !== undefined || host === '') return found;
    for (const { name, server: owner } of this.regexes) {
      const captures = name.pattern.exec(host);
      if (captures === undefined) continue;
      return { server: owner, captures, slots: name.slots };
    }
    return undefined;
  }

  private findHead(host: string): FoundServer | undefined {
    if (this.heads.size === 0) return undefined;
    for (let dot = host.indexOf('.'); dot !== -1; dot = host.indexOf('.', dot + 1)) {
      const server = this.heads.get(host.slice(dot)); // the label before it may be empty, as in ngx_hash_find_wc_head()
      if (server !== undefined) return server;
    }
    return undefined;
  }

  private findTail(host: string): FoundServer | undefined {
    if (this.tails.size === 0) return undefined;
    for (let dot = host.lastIndexOf('.'); dot > 0; dot = host.lastIndexOf('.', dot - 1)) {
      const server = dot < host.length - 1 ? this.tails.get(host.slice(0, dot + 1)) : undefined;
      if (server !== undefined) return server;
    }
    return undefined;
  }
}
