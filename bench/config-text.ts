// The configurations of a run, made from bench/files/: port, peers and log path are put in, all else stays as it is there.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './native.ts';

export interface Places {
  readonly port: number;
  /** The two ports of the upstream. */
  readonly peers: readonly [number, number];
  /** Holds the configuration and the log. */
  readonly folder: string;
}

/** A configuration by name: "seed" and "http" every contender can play; the others only those who read nginx's files. */
export interface ConfigFile {
  readonly name: string;
  readonly text: string;
}

export const SEED_FILE: ConfigFile = { name: 'seed', text: fileText('seed.conf') };
export const HTTP_FILE: ConfigFile = { name: 'http', text: fileText('http.conf') };

/** For the contender who reads another language: the same for "seed" and "http", since it keeps connections anyway. */
export const HAPROXY_TEXT = fileText('haproxy.cfg');

export function placed(text: string, places: Places): string {
  const [one, two] = places.peers;
  return text
    .replaceAll('localhost:8010', `localhost:${one}`)
    .replaceAll('localhost:8011', `localhost:${two}`)
    .replace(/listen( +)80;/g, `listen$1${places.port};`)
    .replace('bind :80', `bind :${places.port}`)
    .replaceAll('/var/log/nginx/yourdomain.log', join(places.folder, 'access.log'));
}

/** `servers` servers of `locations` locations each: each answers by itself, so that hardly anything but routing is measured. */
export function routingFile(servers: number, locations: number): ConfigFile {
  const places = Array.from(
    { length: locations },
    (_, index) => `location /l${index}/ { return 200 "ok\\n"; }`,
  );
  const blocks = Array.from(
    { length: servers },
    (_, index) =>
      `server {\n listen 80;\n server_name s${index}.test;\n access_log off;\n ${places.join('\n ')}\n}`,
  );
  return { name: `${servers} servers of ${locations} locations`, text: `http {\n${blocks.join('\n')}\n}\n` };
}

/** The seed's file with so many servers more, of which each proxies as the seed's does. */
export function seedOf(servers: number): ConfigFile {
  const more = Array.from(
    { length: servers - 1 },
    (_, index) =>
      `server {\n listen 80;\n server_name s${index}.test;\n location / { proxy_pass http://websocket; }\n}`,
  );
  const text = SEED_FILE.text.replace(/\}\s*$/, `${more.join('\n')}\n}\n`);
  return { name: `seed of ${servers} servers`, text };
}

function fileText(name: string): string {
  return readFileSync(join(ROOT, 'bench', 'files', name), 'utf8');
}
