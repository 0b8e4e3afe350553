// What only the end of a tunnel knows. Its exchange is gone by then: what the log phase needs of it was frozen at the 101.
import type { Ms } from '../base/time.ts';

/** Counts are of the whole exchange, its head included, as the variables are. */
export interface LateFacts {
  /** Monotonic, and since 1970, both of the end. */
  readonly now: Ms;
  readonly wall: Ms;
  /** Minutes east of UTC then. */
  readonly zoneMinutes: number;
  /** When the request began: `$request_time`. */
  readonly startedAt: Ms;
  /** When the client's connection began: `$connection_time`. */
  readonly connectedAt: Ms;
  /** To the client, and how many of them were heads. */
  readonly bytesSent: number;
  readonly headBytes: number;
  /** From the client: `$request_length`. */
  readonly requestBytes: number;
  /** When the last peer was asked: `$upstream_response_time`. */
  readonly attemptStartedAt: Ms;
  readonly upstreamBytesSent: number;
  readonly upstreamBytesReceived: number;
  /** Without the answer's head: `$upstream_response_length`. */
  readonly upstreamBodyBytes: number;
}

/**
 * What of an exchange outlives it, for one module: a byte string, and who makes something of it at the end. Kept as bytes, so that a
 * tunnel costs no object.
 */
export interface Frozen {
  readonly text: string;
  readonly shape: FrozenShape;
}

/** One object for all tunnels alike. It holds neither an exchange nor the plan. */
export interface FrozenShape {
  end(text: string, late: LateFacts): void;
}

/** What several modules have frozen, as one. */
export function frozenTogether(parts: readonly Frozen[]): Frozen | undefined {
  if (parts.length < 2) return parts[0];
  return {
    text: parts.map(({ text }) => text).join(''),
    shape: new Several(parts),
  };
}

class Several implements FrozenShape {
  private readonly shapes: readonly FrozenShape[];
  private readonly lengths: readonly number[];

  constructor(parts: readonly Frozen[]) {
    this.shapes = parts.map(({ shape }) => shape);
    this.lengths = parts.map(({ text }) => text.length);
  }

  end(text: string, late: LateFacts): void {
    let at = 0;
    for (const [i, shape] of this.shapes.entries()) {
      const length = this.lengths[i] ?? 0;
      shape.end(text.slice(at, at + length), late);
      at += length;
    }
  }
}
