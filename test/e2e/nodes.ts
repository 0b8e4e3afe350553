// Upstream nodes for the tests, inside the test's own process: what each answers tells which one it was and what it was sent.
// `/` a page, `/headers` the request's header lines, `/chat` a WebSocket that echoes, `/socket.io/` socket.io.
import { lookup } from 'node:dns/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Server as SocketIoServer } from 'socket.io';
import { onTestFinished } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';

export interface Node {
  readonly name: string;
  readonly port: number;
  /** Open WebSockets at /chat. */
  readonly sockets: ReadonlySet<WebSocket>;
  close(): Promise<void>;
}

/** Listens on every address of `localhost`, as a balancer looks it up. */
export async function startNode(name: string, port: number): Promise<Node> {
  const webSockets = new WebSocketServer({ noServer: true });
  const socketIo = new SocketIoServer({ serveClient: false });
  socketIo.on('connection', (socket) => {
    socket.emit('node', name);
    socket.on('say', (text, heard) => heard(`${name}: ${text}`));
  });
  const open = new Set<Socket>();
  const servers = await Promise.all(
    (await lookup('localhost', { all: true })).map(({ address }) => {
      const server = createServer((request, response) => answer(name, request, response));
      server.on('connection', (socket) => {
        open.add(socket);
        socket.on('close', () => open.delete(socket));
      });
      socketIo.attach(server);
      server.on('upgrade', (request, socket, head) => {
        if (request.url?.startsWith('/socket.io/')) return;
        webSockets.handleUpgrade(request, socket, head, (webSocket) => echo(name, webSocket, request));
      });
      return listening(server, port, address);
    }),
  );
  const close = async (): Promise<void> => {
    await socketIo.close();
    for (const socket of open) socket.destroy();
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  };
  onTestFinished(close);
  return { name, port, sockets: webSockets.clients, close };
}

function listening(server: Server, port: number, host: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}

function answer(name: string, request: IncomingMessage, response: ServerResponse): void {
  if (request.url === '/headers') {
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ node: name, headers: request.headers }));
    return;
  }
  response.setHeader('Content-Type', 'text/html');
  response.end(`<!doctype html><title>${name}</title><h1>${name}</h1>`);
}

function echo(name: string, webSocket: WebSocket, request: IncomingMessage): void {
  webSocket.send(JSON.stringify({ node: name, address: request.headers['x-real-ip'] }));
  webSocket.on('message', (bytes, isBinary) => webSocket.send(bytes, { binary: isBinary }));
}
