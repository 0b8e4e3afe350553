// What -v and -V print: a line of our own, then the lines of nginx's that tools read. -V claims only what works.
import { NGINX_VERSION, VERSION } from '../version.ts';

/** Optional modules of nginx's that Holdfast has, as `configure` names them. */
const WITH = ['http_realip_module', 'http_auth_request_module'];

/** Modules that nginx has by default and Holdfast has not. */
const WITHOUT = [
  ...[
    'charset',
    'ssi',
    'mirror',
    'userid',
    'autoindex',
    'geo',
    'referer',
    'fastcgi',
    'uwsgi',
    'scgi',
    'grpc',
  ],
  ...['memcached', 'limit_conn', 'empty_gif', 'browser', 'split_clients', 'tunnel'],
].map((name) => `http_${name}_module`);

const WITHOUT_UPSTREAM = ['least_time', 'sticky'].map((name) => `http_upstream_${name}_module`);

export function versionText(): string {
  return `holdfast version: holdfast/${VERSION}\nnginx version: nginx/${NGINX_VERSION}\n`;
}

/** `engine` is the engine that would run here, and why. */
export function configureText(engine: string): string {
  const options = [
    ...WITH.map((name) => `--with-${name}`),
    ...[...WITHOUT, ...WITHOUT_UPSTREAM].map((name) => `--without-${name}`),
    '--without-http-cache',
  ];
  return `engine: ${engine}\nnode: ${process.version}\nconfigure arguments: ${options.join(' ')}\n`;
}
