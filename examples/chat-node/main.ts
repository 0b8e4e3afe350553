// A small chat node: sessions in memory, a page at /, a WebSocket at /chat, the page's buttons at /control/….
//   node dist/examples/chat-node.js --name node-a --port 8010
// It listens on every address of `localhost`, since a balancer takes each of them for a peer.
import { lookup } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';
import { WebSocket, WebSocketServer } from 'ws';
import { Control, type Standing, type Wish } from './control.ts';
import { type Notice, Room } from './room.ts';

const PAYLOAD_BYTES_MAX = 16_384;
const PENDING_BYTES_MAX = 1_048_576;
const PING_MS = 25_000;
const RESTARTING = 1012;

const { values: flags } = parseArgs({
  options: { name: { type: 'string', default: 'node-a' }, port: { type: 'string', default: '8010' } },
});
const page = readFileSync(new URL('./page.html', import.meta.url));
const room = new Room(flags.name, Date.now);
const sockets = new WebSocketServer({ noServer: true, maxPayload: PAYLOAD_BYTES_MAX });
const control = new Control(tellStanding, stop);
const servers = await listenOnLocalhost(Number(flags.port));
const pinging = setInterval(pingAll, PING_MS);
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
control.ready();

async function listenOnLocalhost(port: number): Promise<readonly Server[]> {
  const addresses = await lookup('localhost', { all: true });
  return Promise.all(addresses.map(({ address }) => listen(address, port)));
}

function listen(host: string, port: number): Promise<Server> {
  const server = createServer(answer);
  server.on('upgrade', (request, socket, head) => {
    if (pathOf(request) !== '/chat') {
      socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => welcome(webSocket, request));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve(server));
  });
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = pathOf(request);
  const seen = request.method === 'GET' || request.method === 'HEAD';
  if (seen && path === '/') {
    response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' });
    response.end(page);
  } else if (seen && path === '/control/standing') {
    sendJson(response, 200, { node: flags.name, ...control.standing });
  } else if (request.method === 'POST' && (path === '/control/reload' || path === '/control/restart-other')) {
    void grant(request, response, path.slice('/control/'.length) as Wish);
  } else {
    sendJson(response, 404, { ok: false, text: 'no such page' });
  }
}

/** A header that no form of another site can send keeps the buttons to the page itself. */
async function grant(request: IncomingMessage, response: ServerResponse, wish: Wish): Promise<void> {
  if (request.headers['x-chat-page'] === undefined) {
    return sendJson(response, 403, { ok: false, text: 'the header X-Chat-Page is missing' });
  }
  const granted = await control.ask(wish);
  sendJson(response, granted.ok ? 200 : 503, granted);
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(JSON.stringify(value));
}

function welcome(webSocket: WebSocket, request: IncomingMessage): void {
  const wanted = new URL(request.url ?? '/', 'http://node').searchParams.get('session') ?? '';
  const session = /^[\w-]{8,64}$/.test(wanted) ? wanted : crypto.randomUUID();
  const address = request.headers['x-real-ip'] ?? request.socket.remoteAddress ?? '';
  const member = { notify: (notice: Notice) => send(webSocket, notice) };
  webSocket.on('error', () => webSocket.terminate());
  webSocket.on('close', () => {
    room.leave(session, member);
    control.count(room.present);
  });
  webSocket.on('message', (bytes, binary) => {
    const text = binary ? undefined : saidIn(String(bytes));
    if (text !== undefined) room.say(session, text);
  });
  room.join(session, String(address), member);
  if (control.standing !== undefined) send(webSocket, { type: 'standing', ...control.standing });
  control.count(room.present);
}

/** The text of `{"type":"say","text":"…"}`; anything else is not for us. */
function saidIn(message: string): string | undefined {
  try {
    const value: unknown = JSON.parse(message);
    if (typeof value !== 'object' || value === null || !('text' in value)) return undefined;
    return typeof value.text === 'string' ? value.text : undefined;
  } catch {
    return undefined;
  }
}

/** A tab that does not read is dropped: it comes back with its session. */
function send(webSocket: WebSocket, value: unknown): void {
  if (webSocket.readyState !== WebSocket.OPEN) return;
  if (webSocket.bufferedAmount > PENDING_BYTES_MAX) return webSocket.terminate();
  webSocket.send(JSON.stringify(value));
}

function tellStanding(standing: Standing): void {
  for (const webSocket of sockets.clients) send(webSocket, { type: 'standing', ...standing });
}

/** An idle tab is kept by a ping: the balancer's proxy_read_timeout counts every byte. */
function pingAll(): void {
  for (const webSocket of sockets.clients) webSocket.ping();
}

function stop(): void {
  clearInterval(pinging);
  for (const webSocket of sockets.clients) webSocket.close(RESTARTING, 'the node restarts');
  for (const server of servers) {
    server.close();
    server.closeIdleConnections();
  }
  setTimeout(() => process.exit(0), 300).unref();
  if (process.connected) process.disconnect();
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?')[0] ?? '/';
}
