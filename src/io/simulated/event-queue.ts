// The simulated world's future: a heap of works by time, and by order of their adding where times are equal.
import type { Ms } from '../engine.ts';

/** 'alarm': something that only time brings (a deadline, a long wait); the rest is under way already. */
export type Kind = 'alarm' | 'motion';

export interface FutureWork {
  readonly at: Ms;
  readonly order: number;
  readonly kind: Kind;
  work: (() => void) | undefined;
}

export class EventQueue {
  private readonly heap: FutureWork[] = [];
  private added = 0;
  private moving = 0;

  add(at: Ms, kind: Kind, work: () => void): FutureWork {
    const event: FutureWork = { at, order: this.added++, kind, work };
    if (kind === 'motion') this.moving++;
    let index = this.heap.length;
    this.heap.push(event);
    while (index > 0) {
      const above = (index - 1) >> 1;
      if (!before(event, this.heap[above]!)) break;
      this.heap[index] = this.heap[above]!;
      index = above;
    }
    this.heap[index] = event;
    return event;
  }

  cancel(event: FutureWork): void {
    if (event.work === undefined) return;
    event.work = undefined;
    if (event.kind === 'motion') this.moving--;
  }

  /** The next work, left where it is. */
  peek(): FutureWork | undefined {
    while (this.heap.length > 0 && this.heap[0]!.work === undefined) this.removeFirst();
    return this.heap[0];
  }

  /** Takes the next work out; the caller runs what it returns. */
  take(): (() => void) | undefined {
    const event = this.peek();
    const work = event?.work;
    if (event === undefined || work === undefined) return undefined;
    this.cancel(event);
    this.removeFirst();
    return work;
  }

  /** Whether anything but alarms is to come. */
  get inMotion(): boolean {
    return this.moving > 0;
  }

  private removeFirst(): void {
    const last = this.heap.pop()!;
    const size = this.heap.length;
    if (size === 0) return;
    let index = 0;
    for (;;) {
      let below = 2 * index + 1;
      if (below >= size) break;
      if (below + 1 < size && before(this.heap[below + 1]!, this.heap[below]!)) below++;
      if (!before(this.heap[below]!, last)) break;
      this.heap[index] = this.heap[below]!;
      index = below;
    }
    this.heap[index] = last;
  }
}

function before(a: FutureWork, b: FutureWork): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
