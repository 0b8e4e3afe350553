// Who takes part: how each is found, which version it is, and how it is started on a file of config-text.ts with one worker.
// A contender that is not installed says so and takes no part.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConfigFile, HAPROXY_TEXT, type Places, placed } from './config-text.ts';
import { type Native, ROOT } from './native.ts';

export interface Launch {
  readonly command: string;
  readonly flags: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Contender {
  readonly name: string;
  readonly title: string;
  /** Its version, or why it takes no part. */
  find(): { readonly version: string } | { readonly absent: string };
  /** Writes its configuration into the folder; undefined where it has no word for what the file says. */
  launch(file: ConfigFile, places: Places, workers: number): Launch | undefined;
  /** It reads nginx's files and nginx's signals. */
  readonly isNginxLike: boolean;
  /** What stands once in its logs/error.log for each reload that has come to its end. */
  readonly reloaded?: RegExp;
}

export const NGINX = 'nginx';
export const FLOOR = 'floor';

export function allContenders(native: Native | undefined): readonly Contender[] {
  return [
    holdfast('holdfast-epoll', 'Holdfast (epoll)', 'epoll', ROOT),
    holdfast('holdfast-portable', 'Holdfast (portable)', 'portable', ROOT),
    nginx(),
    haproxy(),
    httpProxy3(),
    netPipe(),
    floor(native),
  ];
}

/** `root` is the checkout whose bin/holdfast runs: bench:compare names a second one. */
export function holdfast(name: string, title: string, engine: 'epoll' | 'portable', root: string): Contender {
  const binary = join(root, 'bin', 'holdfast');
  return {
    name,
    title,
    isNginxLike: true,
    reloaded: / reconfigured\b/g,
    find: () => {
      const said = spawnSync(process.execPath, [binary, '-v'], { encoding: 'utf8' });
      const version = `${said.stdout}${said.stderr}`.split('\n')[0]?.trim() ?? '';
      return said.status === 0 ? { version } : { absent: `bin/holdfast does not run: ${version}` };
    },
    launch: (file, places, workers) => {
      writeFileSync(join(places.folder, 'nginx.conf'), placed(file.text, places));
      const globals = `daemon off; worker_processes ${workers}; error_log logs/error.log notice;`;
      return {
        command: process.execPath,
        flags: [binary, '-p', `${places.folder}/`, '-c', 'nginx.conf', '-g', globals],
        env: { HOLDFAST_ENGINE: engine },
      };
    },
  };
}

function nginx(): Contender {
  return {
    name: NGINX,
    title: 'nginx',
    isNginxLike: true,
    reloaded: /start worker process \d/g,
    find: () => versionOf('nginx', ['-v']),
    launch: (file, places, workers) => {
      writeFileSync(join(places.folder, 'seed.conf'), placed(file.text, places));
      const descriptors = descriptorsMax();
      // nginx wants `events`, which the file has not, and its default of 512 connections would end it at 255 tunnels.
      const main = `daemon off;
worker_processes ${workers};
worker_rlimit_nofile ${descriptors};
pid ${places.folder}/nginx.pid;
error_log ${places.folder}/logs/error.log notice;
events { worker_connections ${descriptors}; }
include ${places.folder}/seed.conf;
`;
      writeFileSync(join(places.folder, 'nginx.conf'), main);
      const flags = ['-p', `${places.folder}/`, '-c', join(places.folder, 'nginx.conf')];
      return { command: 'nginx', flags: [...flags, '-e', join(places.folder, 'logs', 'error.log')] };
    },
  };
}

function haproxy(): Contender {
  return {
    name: 'haproxy',
    title: 'HAProxy',
    isNginxLike: false,
    find: () => versionOf('haproxy', ['-v']),
    launch: (file, places, workers) => {
      if (!isPlayedByAll(file) || workers !== 1) return undefined;
      const connections = Math.floor((descriptorsMax() - 100) / 2);
      const path = join(places.folder, 'haproxy.cfg');
      writeFileSync(path, placed(HAPROXY_TEXT, places).replace('MAXCONN', String(connections)));
      return { command: 'haproxy', flags: ['-db', '-f', path] };
    },
  };
}

function httpProxy3(): Contender {
  const program = join(ROOT, 'dist', 'bench', 'http-proxy-3.js');
  return {
    name: 'http-proxy-3',
    title: 'http-proxy-3',
    isNginxLike: false,
    find: () => {
      const manifest = join(ROOT, 'node_modules', 'http-proxy-3', 'package.json');
      if (!existsSync(manifest)) return { absent: 'not installed (npm install brings it)' };
      if (!existsSync(program)) return { absent: 'dist/bench is not built' };
      return { version: `http-proxy-3 ${JSON.parse(readFileSync(manifest, 'utf8')).version}` };
    },
    launch: (file, places, workers) => {
      if (!isPlayedByAll(file) || workers !== 1) return undefined;
      const keeps = file.name === 'http' ? 'keep' : 'close';
      return {
        command: process.execPath,
        flags: [program, String(places.port), String(places.peers[0]), keeps],
      };
    },
  };
}

/** What Node's own sockets cost at the least: the measure of the portable engine. */
function netPipe(): Contender {
  const program = join(ROOT, 'dist', 'bench', 'net-pipe.js');
  return {
    name: 'net-pipe',
    title: 'Node net pipe',
    isNginxLike: false,
    find: () => (existsSync(program) ? { version: process.version } : { absent: 'dist/bench is not built' }),
    launch: (file, places, workers) =>
      isPlayedByAll(file) && workers === 1
        ? { command: process.execPath, flags: [program, String(places.port), String(places.peers[0])] }
        : undefined,
  };
}

function floor(native: Native | undefined): Contender {
  return {
    name: FLOOR,
    title: 'C floor',
    isNginxLike: false,
    find: () => (native === undefined ? { absent: 'cc is not there' } : { version: 'bench/native/relay.c' }),
    launch: (file, places, workers) =>
      native === undefined || !isPlayedByAll(file) || workers !== 1
        ? undefined
        : { command: native.relay, flags: [String(places.port), String(places.peers[0])] },
  };
}

function isPlayedByAll(file: ConfigFile): boolean {
  return file.name === 'seed' || file.name === 'http';
}

function versionOf(command: string, flags: readonly string[]): { version: string } | { absent: string } {
  const said = spawnSync(command, flags, { encoding: 'utf8' });
  if (said.error !== undefined || said.status !== 0) return { absent: 'not installed' };
  return { version: `${said.stdout}${said.stderr}`.split('\n')[0]?.trim() ?? '' };
}

/** What a process may open: the bound of every workload that holds sockets. */
export function descriptorsMax(): number {
  const line = /^Max open files +\S+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
  return Number(line?.[1] ?? 1024);
}
