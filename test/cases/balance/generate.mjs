// Makes the upstreams and questions that nginx is asked, from a seed: the same on every machine.
import { lookup } from 'node:dns/promises';
import { HOSTS, PORTS, UNIX_PEERS } from './nginx.mjs';

/** Whole numbers below a bound (mulberry32). */
export function dice(seed) {
  let state = seed;
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * bound);
  };
}

const NAMES = (process.env.NAMES ?? '').split(',').filter((name) => name !== '');

const DIRECTIVES = {
  round_robin: '',
  ip_hash: 'ip_hash;',
  hash: 'hash $http_x_key;',
  'hash consistent': 'hash $http_x_key consistent;',
  least_conn: 'least_conn;',
  random: 'random;',
  'random two': 'random two least_conn;',
};

/** An upstream of `method` with `count` servers; `ways` says what may befall them. */
export async function group(roll, method, count, ways) {
  const spellings = shuffled(roll, [
    ...HOSTS.flatMap((host) => PORTS.map((port) => `${host}:${port}`)),
    ...(ways.names === false ? [] : [...UNIX_PEERS, ...NAMES.map((name) => `${name}:${PORTS[0]}`)]),
  ]);
  // Names and Unix sockets are few among so many: now and then one comes first.
  if (ways.names !== false && roll(3) === 0) {
    const rare = [...UNIX_PEERS, ...NAMES.map((name) => `${name}:${PORTS[1 + roll(5)]}`)];
    spellings.unshift(rare[roll(rare.length)]);
  }
  const later = ['round_robin', 'least_conn'].includes(method) ? false : roll(4) === 0;
  const backups = ways.backups && (later || ['round_robin', 'least_conn'].includes(method)) && roll(3) === 0;
  const heavy = roll(3);
  const servers = [...new Set(spellings)].slice(0, count).map((server, i) => {
    const parameters = [];
    if (heavy > 0 && roll(2) === 0) parameters.push(`weight=${1 + roll(heavy === 1 ? 5 : 30)}`);
    if (ways.down && roll(6) === 0) parameters.push('down');
    if (backups && i > 0 && roll(3) === 0) parameters.push('backup');
    if (ways.fails) {
      parameters.push(`max_fails=${roll(4)}`);
      parameters.push(`fail_timeout=${1 + roll(4)}s`);
    }
    if (ways.conns && roll(2) === 0) parameters.push(`max_conns=${1 + roll(5)}`);
    if (ways.fails && roll(5) === 0 && server.startsWith('127.0.0.')) {
      return { server: server.replace(/^127\.0\.0\.\d+/, '127.0.0.9'), parameters, refuses: true };
    }
    return { server, parameters, refuses: false };
  });
  for (const entry of servers) entry.addresses = await addressesOf(entry.server);
  return { method, directive: DIRECTIVES[method], later, servers };
}

async function addressesOf(server) {
  const [, host, port] = /^([a-z][^:]*):(\d+)$/i.exec(server) ?? [];
  if (host === undefined) return [server];
  const found = await lookup(host, { all: true, verbatim: true });
  return found.map(({ address, family }) => (family === 6 ? `[${address}]:${port}` : `${address}:${port}`));
}

/** The group as the file shows it. */
export function describe({ method, later, servers }) {
  const lines = servers.map(({ server, parameters, addresses, refuses }) => {
    const words = ['+', server, ...parameters, ...(refuses ? ['x'] : [])];
    if (addresses.length > 1 || addresses[0] !== server) words.push('|', ...addresses);
    return words.join(' ');
  });
  return [`@ ${method}${later ? ' later' : ''}`, ...lines];
}

export function peersOf({ servers }) {
  return servers.flatMap(({ addresses }) => addresses);
}

function shuffled(roll, list) {
  const result = [...list];
  for (let i = result.length - 1; i > 0; i--) {
    const j = roll(i + 1);
    [result[i], result[j]] = [result[j], result[i]];
  }
  return result;
}

/** A client: any IPv4, often of few networks; an IPv6 address; "unix:" for one that came over a Unix socket. */
export function client(roll) {
  const kind = roll(20);
  if (kind === 0) return 'unix:';
  if (kind < 6) {
    const words = Array.from({ length: 8 }, () => (roll(3) === 0 ? 0 : roll(65536)));
    const text = words.map((word) => word.toString(16)).join(':');
    return kind === 1
      ? `::ffff:10.${roll(256)}.${roll(256)}.7`
      : text.replace(/\b0(:0)+\b/, ':').replace(/:{3,}/, '::');
  }
  return Array.from({ length: 4 }, () => roll(256)).join('.');
}

/** A key: numbers, words, session ids, now and then bytes beyond ASCII or none at all. */
export function key(roll) {
  const kind = roll(12);
  if (kind === 0) return `\xe9${roll(1000)}\xff`;
  if (kind === 1 && roll(4) === 0) return '';
  if (kind < 5) return String(roll(1_000_000));
  if (kind < 8) return `/room/${roll(5000).toString(36)}`;
  return Array.from({ length: 1 + roll(20) }, () => String.fromCharCode(33 + roll(94))).join('');
}
