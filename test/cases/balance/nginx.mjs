// Runs the nginx whose choices are recorded: writes its configuration into a fresh folder, starts it there, asks it, stops it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const HOSTS = ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4', '[::1]'];
export const PORTS = Array.from({ length: 24 }, (_, i) => 18104 + i);
export const UNIX_PEERS = ['unix:peer1.sock', 'unix:peer2.sock', 'unix:Peer3.sock'];
const FRONT_PORT = 18100;

/** Starts nginx with `groups`; location /N goes to upstream N. */
export async function startNginx(groups, { peersByNginx }) {
  const folder = mkdtempSync(join(tmpdir(), 'balance-'));
  chmodSync(folder, 0o755); // nginx's worker may be another user and has sockets there
  mkdirSync(join(folder, 'logs'));
  writeFileSync(join(folder, 'nginx.conf'), configuration(groups, peersByNginx));
  // nginx itself reads a variable of that name: sockets that it inherits.
  const { NGINX = 'nginx', ...env } = process.env;
  const options = { cwd: folder, stdio: 'inherit', env };
  const child = spawn(NGINX, ['-p', `${folder}/`, '-c', 'nginx.conf', '-e', 'logs/error.log'], options);
  for (let tries = 0; !(await isListening(join(folder, 'front.sock'))); tries++) {
    if (tries > 200 || child.exitCode !== null) throw new Error('nginx does not start');
    await new Promise((done) => setTimeout(done, 20));
  }
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const unixAgent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  return {
    /** The names of the peers that the request tried, the answering one last. */
    ask: (group, headers = {}) => ask({ agent, host: '127.0.0.1', port: FRONT_PORT }, group, headers),
    /** The same over a Unix socket. */
    askUnix: (group, headers = {}) =>
      ask({ agent: unixAgent, socketPath: join(folder, 'front.sock') }, group, headers),
    /** A request of its own connection, for being held. */
    open: (group, headers) => ask({ agent: false, host: '127.0.0.1', port: FRONT_PORT }, group, headers),
    async stop() {
      agent.destroy();
      unixAgent.destroy();
      child.kill('SIGTERM');
      await once(child, 'exit');
      rmSync(folder, { recursive: true });
    },
  };
}

function ask(where, group, headers) {
  return new Promise((resolve, reject) => {
    const request = http.get({ ...where, path: `/${group}`, headers }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve((answer.headers['x-tried'] ?? '').split(', ')));
    });
    request.on('error', reject);
  });
}

function isListening(path) {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

function configuration(groups, peersByNginx) {
  const upstreams = groups.map((group, i) => {
    const servers = group.servers.map(
      ({ server, parameters }) => `server ${server} ${parameters.join(' ')};`,
    );
    const lines = group.later ? [...servers, group.directive] : [group.directive, ...servers];
    return `upstream up${i} { ${lines.join('\n  ')} }`;
  });
  const locations = groups.map((_, i) => `location = /${i} { proxy_pass http://up${i}/; }`);
  const peers = HOSTS.flatMap((host) => PORTS.map((port) => `${host}:${port}`));
  const peerServers = [...peers, ...UNIX_PEERS].map(
    (name) =>
      `server { listen ${name}; access_log off;
        location / { if ($http_x_bad ~ "(^|,)${name.replace(/[.[\]]/g, '\\$&')}(,|$)") { return 500; } return 200; } }`,
  );
  return `daemon off; worker_processes 1; pid nginx.pid;
events { worker_connections 8000; }
http {
  access_log off; keepalive_requests 1000000;
  ${upstreams.join('\n')}
  server {
    listen 127.0.0.1:${FRONT_PORT}; listen unix:front.sock;
    set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;
    proxy_next_upstream error timeout http_500;
    proxy_read_timeout 60s;
    add_header X-Tried $upstream_addr always;
    ${locations.join('\n')}
  }
  ${peersByNginx ? peerServers.join('\n') : ''}
}`;
}
