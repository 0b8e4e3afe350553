import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { datagrams, stream, type WireEvents, type Wires } from './dns-wire.ts';

/** What the wire says first. */
function heard(open: Wires['datagrams'], host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const events: WireEvents = {
      received: (reply) => resolve(`received ${reply.join(' ')}`),
      failed: resolve,
    };
    const wire = open({ host, port }, events);
    onTestFinished(() => wire.close());
    wire.send(Uint8Array.of(1, 2, 3));
  });
}

it('datagrams wait until the socket is connected, and bring the answer', async () => {
  const server = createSocket('udp4');
  onTestFinished(() => void server.close());
  server.on('message', (query, from) => server.send(query.reverse(), from.port, from.address));
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  expect(await heard(datagrams, '127.0.0.1', server.address().port)).toBe('received 3 2 1');
});

it('a server that cannot be reached is a line of text, and no exception', async () => {
  expect(await heard(datagrams, '255.255.255.255', 53)).toBe('connect() failed (13: Permission denied)');
  expect(await heard(stream, '127.0.0.1', 1)).toBe('connect() failed (111: Connection refused)');
});
