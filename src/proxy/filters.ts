// The chain that an answer's bytes pass: body filters in front of a sink. An empty chain is the sink itself, so nothing is copied.

/** Where bytes of an answer go. `bytes` from `start` to `end` are lent for the call; `last` says that no more come (with or without bytes). */
export interface BodySink {
  push(bytes: Uint8Array, start: number, end: number, last: boolean): void;
}

/** One link: takes bytes, gives bytes to `next`. Made by a module's head filter for one answer. */
export interface BodyFilter extends BodySink {
  next: BodySink;
  /** Lets go of what it holds when the exchange ends early; also called after the last push. */
  close?(): void;
  /** Passes on what it holds back (a gzip stream that waits for more input), for answers that must not wait. */
  flush?(): void;
}

/** Links the filters in the order in which their heads ran, before the sink; returns where to push. */
export function chainOf(filters: readonly BodyFilter[], sink: BodySink): BodySink {
  let next = sink;
  for (let i = filters.length - 1; i >= 0; i--) {
    const filter = filters[i];
    if (filter === undefined) continue;
    filter.next = next;
    next = filter;
  }
  return next;
}
