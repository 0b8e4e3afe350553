// Every bound that no directive sets: one named row each, printed into docs/limits.md. A directive's own limit is in its module.

export interface Limit {
  readonly name: string;
  readonly value: number;
  readonly unit: 'bytes' | 'ms' | 'count';
  /** What happens at the limit, for the page. */
  readonly then: string;
}

const all: Limit[] = [];

function limit(name: string, value: number, unit: Limit['unit'], then: string): number {
  all.push(Object.freeze({ name, value, unit, then }));
  return value;
}

/** All rows, for docs/limits.md. */
export function limits(): readonly Limit[] {
  return all;
}

export const INCLUDE_DEPTH_MAX = limit(
  'include_depth',
  20,
  'count',
  'the configuration is refused at the include that goes deeper',
);
export const INCLUDES_MAX = limit(
  'includes',
  100_000,
  'count',
  'the configuration is refused at the include that brings one more file, each counted as often as it is included',
);
export const CONFIG_BYTES_MAX = limit(
  'config_total',
  33_554_432,
  'bytes',
  'the configuration is refused at the include with which it is longer, each file counted as often as it is included',
);
export const BLOCK_DEPTH_MAX = limit(
  'block_depth',
  100,
  'count',
  'the configuration is refused at the block that goes deeper',
);
export const CONFIG_ERRORS_MAX = limit(
  'config_errors',
  50,
  'count',
  'further errors of one configuration are counted, not shown',
);
export const CONFIG_FILE_BYTES_MAX = limit(
  'config_file',
  268_435_456,
  'bytes',
  'a configuration file, or one that it includes, that is longer is refused',
);
export const CONFIG_FILE_WAIT_MS = limit(
  'config_file_wait',
  2000,
  'ms',
  'a FIFO as configuration is waited for no longer than this in all',
);
export const INTERNAL_REDIRECTS_MAX = limit(
  'internal_redirects',
  10,
  'count',
  'the request is answered with 500, as in nginx',
);
export const SUBREQUESTS_MAX = limit(
  'subrequests',
  50,
  'count',
  'the request is answered with 500, as in nginx',
);
export const PASSWORD_FILE_BYTES_MAX = limit(
  'password_file',
  16_777_216,
  'bytes',
  'what stands further back in an auth_basic_user_file is not read',
);
export const RECEIVE_BYTES = limit(
  'receive_buffer',
  65_536,
  'bytes',
  'a read returns at most this much; one buffer serves all connections',
);
export const DRAIN_MS = limit(
  'drain',
  5,
  'ms',
  "the engine's turn ends; Node's own work runs before the next",
);
export const ACCEPT_PAUSE_MS = limit(
  'accept_pause',
  500,
  'ms',
  'after EMFILE, ENFILE or ENOBUFS a listener rests this long, as in nginx',
);
export const SEND_QUEUE_BYTES = limit(
  'send_queue',
  65_536,
  'bytes',
  'the portable engine takes no more of what is sent on a connection until the system has taken what waits',
);
export const SEND_LINGER_MS = limit(
  'send_linger',
  60_000,
  'ms',
  'the portable engine drops a closed connection whose peer has taken nothing of what waits for this long',
);
export const HELD_AHEAD_BYTES_MAX = limit(
  'held_ahead',
  16_384,
  'bytes',
  'a client that sends more than this ahead of its answers is not read until they are out; that it leaves is then noticed at the next write only',
);
export const TUNNEL_PENDING_BYTES_MAX = limit(
  'tunnel_pending',
  131_072,
  'bytes',
  'a tunnel stops reading its fast side until the slow side has taken what waits',
);
export const SEND_PENDING_BYTES_MAX = limit(
  'send_pending',
  65_536,
  'bytes',
  'where no directive says how much (pages and files of our own, requests to peers, unbuffered answers): their source rests until the connection has taken some',
);
export const INTERIM_ANSWERS_MAX = limit(
  'interim_answers',
  1000,
  'count',
  'a peer that sends more 1xx heads before its answer has not answered: 502. Their time is bounded too: all of them together have `proxy_read_timeout`, as in nginx',
);
export const CONNECTIONS_REUSED_MAX = limit(
  'connections_reused',
  32,
  'count',
  'so many idle connections of clients are closed at once where worker_connections are used up, as in nginx',
);
export const CHANNEL_MESSAGE_BYTES_MAX = limit(
  'channel_message',
  67_108_864,
  'bytes',
  'the channel between two processes is closed at a message that says it is longer',
);
export const CHANNEL_PENDING_BYTES_MAX = limit(
  'channel_pending',
  134_217_728,
  'bytes',
  'the channel to a process that does not read is closed',
);
export const URI_CHANGES_MAX = limit(
  'uri_changes',
  10,
  'count',
  'rewrites and redirects of one request go no further: 500, as in nginx',
);
export const LOG_PENDING_BYTES_MAX = limit(
  'log_pending',
  4_194_304,
  'bytes',
  'lines of a log that its file does not take wait here; further ones are dropped and counted',
);
export const LOG_TROUBLE_MS = limit(
  'log_trouble',
  60_000,
  'ms',
  'the error log says no more often than this that a log is not written, and how many lines were lost',
);
export const RESOLVER_CACHE_MAX = limit(
  'resolver_cache',
  4096,
  'count',
  'kept answers to one `resolver` line: the one that was asked for longest ago is forgotten',
);
export const RESOLVERS_MAX = limit(
  'resolvers',
  64,
  'count',
  'different `resolver` lines, those of plans that were left included, whose answers are kept: the first one without an open question is forgotten',
);
export const RESOLVER_CNAMES_MAX = limit(
  'resolver_cnames',
  50,
  'count',
  'CNAMEs of a name are followed no further: it counts as not found, as in nginx',
);
export const WORKER_ANSWER_MS = limit(
  'worker_answer',
  30_000,
  'ms',
  'a worker that does not answer its master for so long at a reload: the reload is given up',
);
export const WORKER_STOP_MS = limit(
  'worker_stop',
  2000,
  'ms',
  'a worker that has not ended so long after TERM is killed',
);
export const WORKER_RESPAWNS_AT_ONCE = limit(
  'worker_respawns',
  3,
  'count',
  'workers that die are replaced at once so often, then one a second',
);
export const BIND_TRIES = limit(
  'bind_tries',
  5,
  'count',
  'an address that is in use is tried so often, 500 ms apart, as in nginx',
);
export const GARBAGE_BYTES = limit(
  'garbage',
  4_194_304,
  'bytes',
  'a process in which reloads or a rush of clients have left more than this behind collects it when they have become quiet',
);
export const GARBAGE_QUIET_MS = limit(
  'garbage_quiet',
  2000,
  'ms',
  'so long after the last reload or rush of clients what it has left behind is collected',
);
