// The configurations of the simulation: one shape with the locations that the clients know, in variants that differ in what must make no
// difference to a client: balancing methods, kept connections, buffers, limits of time. Compiled once each for all seeds.
import type { Plan } from '../../src/plan/plan.ts';
import { compileText, planOf } from '../support/balancer.ts';

/** What a location promises its clients, whatever the variant. */
export interface Place {
  readonly path: string;
  /** Who answers: peers by ports, or the balancer itself. */
  readonly peers: readonly number[];
  /** The request's body is kept until it is whole, so that another peer can be given all of it. */
  readonly keepsBody: boolean;
  /** After which failures the next peer is asked. */
  readonly retries: 'never' | 'safe' | 'all';
  /** client_max_body_size; 0 for none. */
  readonly bodyBytesMax: number;
}

export const STEADY_PORTS = [8001, 8002];
export const WILD_PORTS = [8003, 8004, 8005];
export const EITHER_PORTS = [8003, 8004, 8005, 8001, 8002];
export const SOCKET_PORTS = [8006, 8007];
export const ALL_PORTS: readonly number[] = [...STEADY_PORTS, ...WILD_PORTS, ...SOCKET_PORTS];

export const PLACES = {
  /** Everything as it is by default, kept connections among it. */
  plain: { path: '/plain/', peers: STEADY_PORTS, keepsBody: true, retries: 'safe', bodyBytesMax: 0 },
  /** Nothing is buffered. */
  stream: { path: '/stream/', peers: STEADY_PORTS, keepsBody: false, retries: 'never', bodyBytesMax: 0 },
  /** One connection to a peer for each request. */
  single: { path: '/single/', peers: STEADY_PORTS, keepsBody: true, retries: 'safe', bodyBytesMax: 0 },
  /** Peers that fail, one after another. */
  retry: { path: '/retry/', peers: WILD_PORTS, keepsBody: true, retries: 'all', bodyBytesMax: 0 },
  /** The same while the body is still coming. */
  passing: { path: '/passing/', peers: WILD_PORTS, keepsBody: false, retries: 'all', bodyBytesMax: 0 },
  /** Failures are shown. */
  wild: { path: '/wild/', peers: WILD_PORTS, keepsBody: true, retries: 'never', bodyBytesMax: 0 },
  /** Failures give way to a page of our own. */
  pages: { path: '/pages/', peers: WILD_PORTS, keepsBody: true, retries: 'never', bodyBytesMax: 0 },
  small: { path: '/small/', peers: STEADY_PORTS, keepsBody: true, retries: 'safe', bodyBytesMax: 1024 },
  /** A subrequest is asked first whether it may pass. */
  gated: { path: '/gated/', peers: STEADY_PORTS, keepsBody: true, retries: 'safe', bodyBytesMax: 0 },
  /** The peer's name is asked for while serving. */
  named: { path: '/named/', peers: STEADY_PORTS, keepsBody: true, retries: 'safe', bodyBytesMax: 0 },
  /** The peer says which file to send. */
  accel: { path: '/accel/', peers: STEADY_PORTS, keepsBody: true, retries: 'safe', bodyBytesMax: 0 },
  /** Requests wait for their turn. */
  limited: { path: '/limited/', peers: STEADY_PORTS, keepsBody: true, retries: 'safe', bodyBytesMax: 0 },
  /** Packed on the way to whoever can unpack it. */
  zip: { path: '/zip/', peers: STEADY_PORTS, keepsBody: true, retries: 'safe', bodyBytesMax: 0 },
  /** Where the first peer fails, others answer from another location. */
  second: { path: '/second/', peers: EITHER_PORTS, keepsBody: true, retries: 'all', bodyBytesMax: 0 },
  /** A single peer, which is asked again where a kept connection turns out to be closed. */
  only: { path: '/only/', peers: [8002], keepsBody: true, retries: 'safe', bodyBytesMax: 0 },
  /** Peers that are asked one thing at a time. */
  few: { path: '/few/', peers: STEADY_PORTS, keepsBody: true, retries: 'safe', bodyBytesMax: 0 },
  socket: { path: '/ws/', peers: SOCKET_PORTS, keepsBody: true, retries: 'safe', bodyBytesMax: 0 },
  file: { path: '/file/', peers: [], keepsBody: true, retries: 'never', bodyBytesMax: 0 },
  text: { path: '/text/', peers: [], keepsBody: true, retries: 'never', bodyBytesMax: 0 },
} as const satisfies Record<string, Place>;

export type PlaceName = keyof typeof PLACES;

/** What all variants have in common, in milliseconds. */
export const TIMES = {
  header: 4000,
  body: 4000,
  send: 4000,
  keepalive: 6000,
  connect: 3000,
  proxyRead: 4000,
  proxySend: 4000,
  socketRead: 9000,
  peerIdle: 5000,
  lingeringTimeout: 3000,
} as const;

export const FILE_BYTES = 50_000;
export const SORRY = 'sorry\n';
export const TEXT = 'a text of our own';

interface Variant {
  /** keepalive_requests and keepalive_time of `steady`, where they are not the defaults. */
  readonly requestsMax?: number;
  readonly keptMs?: number;
  readonly steady: string;
  readonly wild: string;
  readonly buffers: string;
  readonly rest: string;
}

const VARIANTS: readonly Variant[] = [
  { steady: '', wild: '', buffers: '', rest: '' },
  {
    steady: 'least_conn; keepalive 1;',
    wild: 'least_conn;',
    buffers:
      'proxy_buffer_size 1k; proxy_buffers 2 1k; proxy_busy_buffers_size 1k; client_body_buffer_size 1k;',
    rest: 'reset_timedout_connection on;',
  },
  {
    requestsMax: 3,
    steady: 'hash $request_uri consistent; keepalive 4; keepalive_requests 3;',
    wild: 'random two;',
    buffers:
      'proxy_max_temp_file_size 0; proxy_buffer_size 1k; proxy_buffers 2 1k; proxy_busy_buffers_size 1k;',
    rest: 'lingering_close always;',
  },
  {
    steady: 'ip_hash; keepalive 8;',
    wild: 'zone wild 64k;',
    buffers:
      'proxy_buffer_size 2k; proxy_buffers 2 2k; proxy_busy_buffers_size 2k; proxy_max_temp_file_size 8k; proxy_temp_file_write_size 2k;',
    rest: 'client_body_in_file_only clean;',
  },
  {
    keptMs: 2000,
    steady: 'random; zone steady 64k; keepalive 2; keepalive_time 2s;',
    wild: 'hash $request_uri;',
    buffers: 'client_body_in_single_buffer on; client_body_buffer_size 4k;',
    rest: 'chunked_transfer_encoding off; tcp_nodelay off;',
  },
];

export const VARIANT_COUNT: number = VARIANTS.length;

export const NAMES: Readonly<Record<string, readonly string[]>> = { 'nodes.test': ['127.0.0.1'] };

export const FILES: Readonly<Record<string, string>> = {
  '/srv/sorry.html': SORRY,
};

/** The seed's own file with other ports, and around it the locations above. */
function textOf(variant: Variant): string {
  const { header, body, send, keepalive, connect, proxyRead, proxySend, lingeringTimeout } = TIMES;
  return `
error_log logs/error.log info;
http {
  map $http_upgrade $connection_upgrade {
    default upgrade;
    ''      close;
  }
  log_format simulation '$request|$status|$bytes_sent|$upstream_addr|$upstream_status|$connection';
  access_log logs/access.log simulation;
  client_header_timeout ${header}ms;
  client_body_timeout ${body}ms;
  send_timeout ${send}ms;
  keepalive_timeout ${keepalive}ms;
  lingering_time 15s;
  lingering_timeout ${lingeringTimeout}ms;
  client_max_body_size 0;
  proxy_connect_timeout ${connect}ms;
  proxy_read_timeout ${proxyRead}ms;
  proxy_send_timeout ${proxySend}ms;
  ${variant.buffers}
  ${variant.rest}
  limit_req_zone $server_name zone=turns:32k rate=20r/s;
  gzip_types *;
  gzip_proxied any;
  ${upstreamsOf(variant)}
  server {
    listen 127.0.0.1:80;
    server_name a.test;
    proxy_set_header Host $host;
    proxy_set_header Connection "";
    ${PASSING_LOCATIONS}
    ${OWN_LOCATIONS}
    ${SOCKET_LOCATION}
  }
}
`;
}

function upstreamsOf({ steady, wild }: Variant): string {
  return `
  upstream steady {
    server 127.0.0.1:8001 max_fails=0;
    server 127.0.0.1:8002 weight=2 max_fails=0;
    ${steady}
    ${steady.includes('keepalive ') ? '' : 'keepalive 16;'}
    keepalive_timeout ${TIMES.peerIdle}ms;
  }
  upstream wild {
    ${wild}
    server 127.0.0.1:8003 max_fails=0;
    server 127.0.0.1:8004 max_fails=0;
    server 127.0.0.1:8005 max_fails=0;
    keepalive 0;
  }
  upstream only {
    server 127.0.0.1:8002;
    keepalive_timeout ${TIMES.peerIdle}ms;
  }
  upstream few {
    server 127.0.0.1:8001 max_fails=0 max_conns=1;
    server 127.0.0.1:8002 max_fails=0 max_conns=1;
    keepalive_timeout ${TIMES.peerIdle}ms;
  }
  upstream websocket {
    ip_hash;
    server localhost:8006 max_fails=0;
    server localhost:8007 max_fails=0;
  }`;
}

const PASSING_LOCATIONS = `
    location /plain/ { proxy_pass http://steady; }
    location /stream/ {
      proxy_pass http://steady;
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_next_upstream off;
    }
    location /single/ { proxy_pass http://steady; proxy_set_header Host $host; proxy_set_header Connection close; }
    location /retry/ {
      proxy_pass http://wild;
      proxy_next_upstream error timeout invalid_header http_503 non_idempotent;
    }
    location /passing/ {
      proxy_pass http://wild;
      proxy_request_buffering off;
      proxy_next_upstream error timeout invalid_header http_503 non_idempotent;
    }
    location /wild/ { proxy_pass http://wild; proxy_next_upstream off; }
    location /pages/ {
      proxy_pass http://wild;
      proxy_next_upstream off;
      proxy_intercept_errors on;
      error_page 502 503 504 /sorry.html;
    }
    location /gated/ { auth_request /gate; proxy_pass http://steady; }
    location = /gate {
      internal;
      proxy_pass http://steady/gate;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header Connection "";
      proxy_set_header X-Original $request_uri;
    }
    location /named/ { set $where nodes.test; resolver 127.0.0.1; proxy_pass http://$where:8001; }
    location /accel/ { proxy_pass http://steady; }
    location /inside/ { internal; alias /srv/files/; }
    location /limited/ { limit_req zone=turns burst=1000; proxy_pass http://steady; }
    location /zip/ { gzip on; proxy_pass http://steady; }
    location /second/ {
      proxy_pass http://wild;
      proxy_next_upstream off;
      proxy_intercept_errors on;
      error_page 404 502 503 504 = @second;
    }
    location @second { proxy_pass http://steady; }
    location /only/ { proxy_pass http://only; }
    location /few/ { proxy_pass http://few; }
    location /small/ { proxy_pass http://steady; client_max_body_size 1k; }`;

const OWN_LOCATIONS = `
    location = /sorry.html { root /srv; internal; }
    location /file/ { alias /srv/files/; default_type application/octet-stream; }
    location /text/ { return 200 "${TEXT}"; }`;

const SOCKET_LOCATION = `
    location /ws/ {
      proxy_pass http://websocket;
      proxy_read_timeout ${TIMES.socketRead}ms;
      proxy_set_header Host $host;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
    }`;

const plans = new Map<number, Plan>();

/** How often, and up to what age, a connection to a peer of the place may be kept under these variants. */
export function keptConnections(
  place: PlaceName,
  variants: readonly number[],
): { readonly requestsMax: number; readonly keptMs: number } {
  const known = place === 'only' || place === 'few' ? [] : variants.map((variant) => VARIANTS[variant]);
  const most = (key: 'requestsMax' | 'keptMs'): number =>
    Math.max(...known.map((variant) => variant?.[key] ?? Number.POSITIVE_INFINITY));
  if (known.length === 0) return { requestsMax: Number.POSITIVE_INFINITY, keptMs: Number.POSITIVE_INFINITY };
  return { requestsMax: most('requestsMax'), keptMs: most('keptMs') };
}

/** The plan of a variant. Seeds share it: a plan has no state. */
export function planOfVariant(variant: number): Plan {
  let plan = plans.get(variant);
  if (plan === undefined) {
    plan = planOf(textOf(VARIANTS[variant]!));
    plans.set(variant, plan);
  }
  return plan;
}

/** A text with a mistake in it: whether compiling it gave no plan. */
export function brokenIsRefused(): boolean {
  refused ??=
    compileText(`${textOf(VARIANTS[0]!)} http { server { listen 127.0.0.1:81; proxy_passs http://a; } }`)
      .plan === undefined;
  return refused;
}

let refused: boolean | undefined;
