// Zones: memory by name that all workers share and that outlives plans, as long as name, kind and size stay. The master makes them as
// memfds and hands the descriptors out; a worker maps what it is given. A process without others has plain memory.
import type { IoError } from '../io/engine.ts';
import { closeDescriptor } from '../io/epoll/descriptors.ts';
import { attachSharedMemory, createSharedMemory, type SharedMemory } from '../io/epoll/shared-memory.ts';
import { isIoError } from '../io/io-error.ts';
import type { ZonePlan } from '../plan/plan.ts';
import type { ZoneLabel } from './messages.ts';

/** The smallest zone that holds a header. */
const ZONE_BYTES_MIN = 4096;

export interface Zone extends ZoneLabel {
  readonly memory: SharedMemory;
}

/** The master's. A reload opens what is new, and then commits or aborts. */
export class SharedZones {
  private current = new Map<string, Zone>();
  private next: Map<string, Zone> | undefined;

  open(plans: readonly ZonePlan[]): IoError | undefined {
    const next = new Map<string, Zone>();
    this.next = next;
    for (const { name, kind, bytes } of plans) {
      const known = this.current.get(name);
      if (known !== undefined && sameZone(known, { name, kind, bytes })) {
        next.set(name, known);
        continue;
      }
      const memory = createSharedMemory(name, Math.max(bytes, ZONE_BYTES_MIN));
      if (isIoError(memory)) {
        this.abort();
        return memory;
      }
      next.set(name, { name, kind, bytes, memory });
    }
    return undefined;
  }

  /** What workers that run already have not been given yet. */
  added(): readonly Zone[] {
    return [...(this.next ?? []).values()].filter((zone) => this.current.get(zone.name) !== zone);
  }

  all(): readonly Zone[] {
    return [...this.current.values()];
  }

  commit(): void {
    const next = this.next ?? this.current;
    this.next = undefined;
    const before = this.current;
    this.current = next;
    for (const zone of before.values()) if (next.get(zone.name) !== zone) closeDescriptor(zone.memory.fd);
  }

  abort(): void {
    for (const zone of this.added()) closeDescriptor(zone.memory.fd);
    this.next = undefined;
  }

  /** Every zone's first word is its lock and names the process that holds it: a dead one holds nothing. */
  freeLocksOf(pid: number): void {
    for (const { memory } of this.all())
      Atomics.compareExchange(new Int32Array(memory.buffer, 0, 1), 0, pid, 0);
  }
}

interface MappedZone extends ZoneLabel {
  readonly memory: ArrayBuffer;
}

/** A worker's, or a lone process's. */
export class MappedZones {
  private readonly current = new Map<string, MappedZone>();
  /** For the plan that is being prepared. */
  private readonly incoming = new Map<string, MappedZone>();

  /** Takes over a descriptor of the master's. */
  attach({ name, kind, bytes }: ZoneLabel, fd: number): IoError | undefined {
    const memory = attachSharedMemory(fd, Math.max(bytes, ZONE_BYTES_MIN));
    closeDescriptor(fd);
    if (isIoError(memory)) return memory;
    this.incoming.set(name, { name, kind, bytes, memory });
    return undefined;
  }

  /** The zone's memory; plain where nobody has shared any. */
  memory(plan: ZonePlan): ArrayBuffer {
    const known = this.incoming.get(plan.name) ?? this.current.get(plan.name);
    if (known !== undefined && sameZone(known, plan)) return known.memory;
    const { name, kind, bytes } = plan;
    const memory = new ArrayBuffer(Math.max(bytes, ZONE_BYTES_MIN));
    this.incoming.set(name, { name, kind, bytes, memory });
    return memory;
  }

  /** What came in counts; zones that the plan does not name are forgotten, though generations that use them keep their memory. */
  commit(plans: readonly ZonePlan[]): void {
    for (const [name, zone] of this.incoming) this.current.set(name, zone);
    this.incoming.clear();
    const wanted = new Set(plans.map(({ name }) => name));
    for (const name of [...this.current.keys()]) if (!wanted.has(name)) this.current.delete(name);
  }

  abort(): void {
    this.incoming.clear();
  }
}

function sameZone(a: ZoneLabel, b: ZoneLabel): boolean {
  return a.name === b.name && a.kind === b.kind && a.bytes === b.bytes;
}
