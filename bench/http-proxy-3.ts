// The contender http-proxy-3, as its own README sets it up: PORT PEER_PORT keep|close. It writes no access log, which spares it
// what the others pay.
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { Duplex } from 'node:stream';

/** What is used of it; named here so that the tree compiles where the package is not installed. */
interface HttpProxy {
  web(request: IncomingMessage, response: ServerResponse): void;
  ws(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  on(
    event: 'error',
    heard: (error: Error, request: IncomingMessage, response: ServerResponse | Duplex) => void,
  ): void;
}

const { createProxyServer } = createRequire(import.meta.url)('http-proxy-3') as {
  createProxyServer(options: object): HttpProxy;
};

const [port, peerPort, keeps] = process.argv.slice(2);
const proxy = createProxyServer({
  target: `http://127.0.0.1:${peerPort}`,
  xfwd: true,
  ...(keeps === 'keep' ? { agent: new Agent({ keepAlive: true, maxSockets: 64 }) } : {}),
});
proxy.on('error', (_error, _request, response) => {
  if ('writeHead' in response) response.writeHead(502).end();
  else response.destroy();
});
const server = createServer((request, response) => proxy.web(request, response));
server.on('upgrade', (request, socket, head) => {
  socket.on('error', () => socket.destroy());
  proxy.ws(request, socket, head);
});
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 8192 });
