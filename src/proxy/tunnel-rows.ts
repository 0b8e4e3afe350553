// The numbers of tunnels, in segments of 512 rows: growing moves nothing and leaves no old arrays behind. A place is one side of a
// tunnel: twice its row, plus 1 for the peer's.
import { FrameScanner } from '../websocket/frame-scanner.ts';

export const SEGMENT_ROWS = 512;
/** `place >> PLACE_BITS` is a place's segment, `place & PLACE_MASK` where it is there. */
export const PLACE_BITS = 10;
export const PLACE_MASK = 0x3ff;

/** Numbers of a row that its end alone needs, in `facts`. */
export const FACTS = 7;
export const STARTED_AT = 0;
export const CONNECTED_AT = 1;
export const ATTEMPT_STARTED_AT = 2;
export const HEAD_BYTES = 3;
export const REQUEST_BYTES = 4;
export const UPSTREAM_BYTES_SENT = 5;
export const UPSTREAM_BYTES_RECEIVED = 6;

export class TunnelRows {
  // By row.
  readonly flags = new Uint8Array(SEGMENT_ROWS);
  readonly settings = new Uint32Array(SEGMENT_ROWS);
  readonly generations = new Uint32Array(SEGMENT_ROWS);
  readonly timers = new Int32Array(SEGMENT_ROWS);
  /** When bytes last came or went, of either side. */
  readonly activeAt = new Float64Array(SEGMENT_ROWS);
  /** Stored texts: what was frozen of the exchange, and who it was for the error log. */
  readonly frozen = new Int32Array(SEGMENT_ROWS);
  readonly contexts = new Int32Array(SEGMENT_ROWS);
  readonly facts = new Float64Array(FACTS * SEGMENT_ROWS);
  // By place.
  readonly conns = new Int32Array(2 * SEGMENT_ROWS);
  /** Bytes that came from the side. */
  readonly bytes = new Float64Array(2 * SEGMENT_ROWS);
  readonly scanner: FrameScanner = new FrameScanner(2 * SEGMENT_ROWS);
}
