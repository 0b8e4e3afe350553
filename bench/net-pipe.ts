// The contender that Node itself is the bound of: two net sockets piped into one another, PORT PEER_PORT. It parses nothing.
import { connect, createServer } from 'node:net';

const [port, peerPort] = process.argv.slice(2);
const server = createServer({ noDelay: true }, (client) => {
  const peer = connect({ port: Number(peerPort), host: '127.0.0.1', noDelay: true });
  client.pipe(peer).pipe(client);
  client.on('error', () => peer.destroy());
  peer.on('error', () => client.destroy());
});
server.listen({ port: Number(port), host: '127.0.0.1', backlog: 8192 });
