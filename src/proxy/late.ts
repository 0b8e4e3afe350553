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

/** What of an exchange outlives it, for one module. It holds neither the exchange nor the plan. */
export interface Frozen {
  end(late: LateFacts): void;
}
