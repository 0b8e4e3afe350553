// The ways to a name server: datagrams, and a connection for answers that do not fit one. Neither keeps the process alive, and what
// goes wrong on them is a line of text: the query is sent again in time. Node's modules for it are loaded by the first query.
import { concatBytes } from '../../base/bytes.ts';
import { ioErrorOfNode, ioErrorText } from '../../io/io-error.ts';

export interface NameServer {
  readonly host: string;
  readonly port: number;
}

/** A way to a name server, for as long as questions are open there. */
export interface Wire {
  send(query: Uint8Array): void;
  close(): void;
}

export interface WireEvents {
  received(reply: Uint8Array): void;
  /** The wire is of no use any more. */
  failed(problem: string): void;
}

export interface Wires {
  datagrams(server: NameServer, events: WireEvents): Wire;
  stream(server: NameServer, events: WireEvents): Wire;
}

/** Connected, so that only the server itself can answer. */
export function datagrams({ host, port }: NameServer, events: WireEvents): Wire {
  const { createSocket } = process.getBuiltinModule('node:dgram');
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  let waiting: Uint8Array[] | undefined = [];
  let closed = false;
  const close = (): void => {
    if (!closed) socket.close();
    closed = true;
  };
  const fail = (error: Error | null): void => {
    if (closed || error === null) return;
    close();
    events.failed(textOf(error));
  };
  socket.unref();
  socket.on('error', fail);
  socket.on('message', (reply) => events.received(reply));
  // Not a callback of `connect`: it would be called for an error too, and a socket that is not connected throws when it is to send.
  socket.on('connect', () => {
    const queries = waiting ?? [];
    waiting = undefined;
    if (!closed) for (const query of queries) socket.send(query, fail);
  });
  socket.connect(port, host);
  return {
    send(query) {
      if (waiting !== undefined) waiting.push(query);
      else if (!closed) socket.send(query, fail);
    },
    close,
  };
}

/** Messages with their length before them (RFC 1035, 4.2.2). */
export function stream({ host, port }: NameServer, events: WireEvents): Wire {
  const { createConnection } = process.getBuiltinModule('node:net');
  const socket = createConnection({ host, port });
  let pending: Uint8Array = new Uint8Array(0);
  let closed = false;
  const close = (): void => {
    closed = true;
    socket.destroy();
  };
  const fail = (problem: string): void => {
    if (closed) return;
    close();
    events.failed(problem);
  };
  socket.unref();
  socket.on('error', (error) => fail(textOf(error)));
  socket.on('close', () => fail('the name server closed the connection'));
  socket.on('data', (bytes) => {
    pending = pending.length === 0 ? bytes : concatBytes([pending, bytes]);
    for (let end = messageEnd(pending); end <= pending.length && !closed; end = messageEnd(pending)) {
      const reply = pending.subarray(2, end);
      pending = pending.subarray(end);
      events.received(reply);
    }
  });
  return {
    send(query) {
      if (!closed) socket.write(concatBytes([Uint8Array.of(query.length >> 8, query.length & 255), query]));
    },
    close,
  };
}

/** In nginx's words: `connect() failed (101: Network is unreachable)`. */
function textOf(error: NodeJS.ErrnoException): string {
  const failure = ioErrorOfNode(error.syscall ?? 'connect', error);
  return `${failure.call}() failed (${ioErrorText(failure)})`;
}

function messageEnd(bytes: Uint8Array): number {
  const [high, low] = bytes;
  return high === undefined || low === undefined ? 2 + bytes.length : 2 + high * 256 + low;
}
