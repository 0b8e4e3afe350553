// The keys of a map: texts without regard to case, and host names with wildcards. As ngx_hash_add_key() and
// ngx_hash_find_combined().
import { asciiLower } from '../config/units.ts';

export class HostTable<V> {
  private readonly exact = new Map<string, V>();
  /** "example.com" of "*.example.com"; of ".example.com" too, which stands in `exact` besides. */
  private readonly heads = new Map<string, V>();
  /** "www.example" of "www.example.*". */
  private readonly tails = new Map<string, V>();

  /** 'conflict' where the key is there already; 'invalid' for a wildcard that nginx does not know. */
  add(key: string, value: V, wildcards: boolean): 'conflict' | 'invalid' | undefined {
    const lower = asciiLower(key);
    if (!wildcards) return addTo(this.exact, lower, value);
    const stars = lower.split('*').length - 1;
    if (stars > 1 || lower.includes('..') || lower.includes('\0')) return 'invalid';
    if (lower.length > 1 && lower.startsWith('.')) return this.addBoth(lower.slice(1), value);
    if (lower.length > 2) {
      if (lower.startsWith('*.')) return addTo(this.heads, lower.slice(2), value);
      if (lower.endsWith('.*')) return addTo(this.tails, lower.slice(0, -2), value);
    }
    return stars > 0 ? 'invalid' : addTo(this.exact, lower, value);
  }

  /** The same table with other values. */
  mapped<W>(change: (value: V) => W): HostTable<W> {
    const table = new HostTable<W>();
    for (const [key, value] of this.exact) table.exact.set(key, change(value));
    for (const [key, value] of this.heads) table.heads.set(key, change(value));
    for (const [key, value] of this.tails) table.tails.set(key, change(value));
    return table;
  }

  /** The exact key first, then the longest `*.name`, then the longest `name.*`. */
  find(text: string): V | undefined {
    const lower = asciiLower(text);
    const found = this.exact.get(lower);
    if (found !== undefined || (this.heads.size === 0 && this.tails.size === 0)) return found;
    return this.findHead(lower) ?? this.findTail(lower);
  }

  private addBoth(name: string, value: V): 'conflict' | undefined {
    return addTo(this.exact, name, value) ?? addTo(this.heads, name, value);
  }

  private findHead(name: string): V | undefined {
    if (this.heads.size === 0) return undefined;
    for (let dot = name.indexOf('.'); dot !== -1; dot = name.indexOf('.', dot + 1)) {
      const found = this.heads.get(name.slice(dot + 1));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  private findTail(name: string): V | undefined {
    if (this.tails.size === 0) return undefined;
    for (let dot = name.lastIndexOf('.'); dot > 0; dot = name.lastIndexOf('.', dot - 1)) {
      const found = this.tails.get(name.slice(0, dot));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function addTo<V>(keys: Map<string, V>, key: string, value: V): 'conflict' | undefined {
  if (keys.has(key)) return 'conflict';
  keys.set(key, value);
  return undefined;
}
