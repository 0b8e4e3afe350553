// What an open tunnel is doing, for whoever shows it: read from its row when asked, never kept.
import type { Peer } from '../balance/peer.ts';
import type { Ms } from '../base/time.ts';
import type { Conn } from '../io/engine.ts';
import { FACTS, STARTED_AT, type TunnelRows } from './tunnel-rows.ts';

/** One side of a tunnel, as the sender of its bytes. */
export interface TunnelSide {
  readonly conn: Conn;
  readonly bytes: number;
  /** Of a WebSocket, else 0: messages that have ended, payload bytes of data frames, the close frame's code (0: none yet). */
  readonly messages: number;
  readonly payloadBytes: number;
  readonly closeCode: number;
  /** The first breach of RFC 6455, an index of the scanner's VIOLATIONS; 0 for none. */
  readonly violation: number;
  /** Bytes that wait for this side to take them. */
  readonly waiting: number;
}

export interface TunnelView {
  readonly startedAt: Ms;
  readonly activeAt: Ms;
  /** The number of the generation that it began under. */
  readonly generation: number;
  readonly webSocket: boolean;
  readonly peer: Peer | undefined;
  readonly client: TunnelSide;
  readonly upstream: TunnelSide;
}

/** `i` is the row's place in its segment. */
export function viewOf(
  rows: TunnelRows,
  i: number,
  webSocket: boolean,
  peer: Peer | undefined,
  waiting: (side: number) => number,
): TunnelView {
  const sideOf = (side: number): TunnelSide => {
    const at = 2 * i + side;
    return {
      conn: rows.conns[at] ?? -1,
      bytes: rows.bytes[at] ?? 0,
      messages: webSocket ? rows.scanner.messages(at) : 0,
      payloadBytes: webSocket ? rows.scanner.payloadBytes(at) : 0,
      closeCode: webSocket ? rows.scanner.closeCode(at) : 0,
      violation: webSocket ? rows.scanner.violation(at) : 0,
      waiting: waiting(side),
    };
  };
  return {
    startedAt: rows.facts[i * FACTS + STARTED_AT] ?? 0,
    activeAt: rows.activeAt[i] ?? 0,
    generation: rows.generations[i] ?? 0,
    webSocket,
    peer,
    client: sideOf(0),
    upstream: sideOf(1),
  };
}
