// What can go wrong while serving, as values: returned, compared by identity, never thrown. One row each.

export type Retry = 'always' | 'reused' | 'idempotent' | 'never';
export type Level = 'debug' | 'info' | 'notice' | 'warn' | 'error' | 'crit' | 'alert' | 'emerg';

/** An expected failure: what it is, whose side it is on, the status the client gets and whether another peer may be tried. */
export interface Failure {
  readonly code: string;
  readonly side: 'downstream' | 'upstream' | 'internal';
  /** The client's status; 0 where nobody is left to be answered. */
  readonly status: number;
  readonly retry: Retry;
  readonly level: Level;
  /** nginx's wording for the error log. */
  readonly text: string;
}

function failure(
  code: string,
  side: Failure['side'],
  status: number,
  retry: Retry,
  level: Level,
  text: string,
): Failure {
  return Object.freeze({ code, side, status, retry, level, text });
}

export const CLIENT_GONE = failure(
  'client_gone',
  'downstream',
  499,
  'never',
  'info',
  'client prematurely closed connection',
);
/** Before its request was whole. */
export const CLIENT_GONE_EARLY = failure(
  'client_gone_early',
  'downstream',
  400,
  'never',
  'info',
  'client prematurely closed connection',
);
export const CLIENT_TIMED_OUT = failure(
  'client_timed_out',
  'downstream',
  408,
  'never',
  'info',
  'client timed out',
);
/** nginx says nothing of it in the error log. */
export const CLIENT_BODY_TIMED_OUT = failure('client_body_timed_out', 'downstream', 408, 'never', 'info', '');
export const CONNECT_FAILED = failure(
  'connect_failed',
  'upstream',
  502,
  'always',
  'error',
  'connect() failed',
);
/** For a reason that is the configuration's or the system's rather than the peer's. */
export const CONNECT_IMPOSSIBLE = failure(
  'connect_failed',
  'upstream',
  502,
  'always',
  'crit',
  'connect() failed',
);
export const CONNECT_TIMED_OUT = failure(
  'connect_timed_out',
  'upstream',
  504,
  'always',
  'error',
  'upstream timed out (110: Connection timed out)',
);
export const SEND_TIMED_OUT = failure(
  'send_timed_out',
  'upstream',
  504,
  'idempotent',
  'error',
  'upstream timed out (110: Connection timed out)',
);
export const READ_TIMED_OUT = failure(
  'read_timed_out',
  'upstream',
  504,
  'idempotent',
  'error',
  'upstream timed out (110: Connection timed out)',
);
export const PEER_CLOSED = failure(
  'peer_closed',
  'upstream',
  502,
  'idempotent',
  'error',
  'upstream prematurely closed connection',
);
export const PEER_RESET = failure(
  'peer_reset',
  'upstream',
  502,
  'idempotent',
  'error',
  'upstream connection reset',
);
export const INVALID_ANSWER = failure(
  'invalid_answer',
  'upstream',
  502,
  'idempotent',
  'error',
  'upstream sent invalid header',
);
export const ANSWER_TOO_BIG = failure(
  'answer_too_big',
  'upstream',
  502,
  'idempotent',
  'error',
  'upstream sent too big header',
);
export const UNASKED_UPGRADE = failure(
  'unasked_upgrade',
  'upstream',
  502,
  'never',
  'error',
  'upstream sent 101 without being asked to upgrade',
);
export const NO_LIVE_PEERS = failure('no_live_peers', 'upstream', 502, 'never', 'error', 'no live upstreams');

export const ANSWER_CUT = failure(
  'answer_cut',
  'upstream',
  502,
  'never',
  'error',
  'upstream prematurely closed connection',
);

export const CONNECTIONS_SHORT = failure(
  'connections_short',
  'internal',
  500,
  'never',
  'alert',
  'worker_connections are not enough',
);
