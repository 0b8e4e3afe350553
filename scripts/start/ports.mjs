// Free ports: a port is free when every address on which it will be used can be bound now.
import { lookup } from 'node:dns/promises';
import { createServer } from 'node:net';

const PORTS_TRIED = 100;

export async function localhostAddresses() {
  return (await lookup('localhost', { all: true })).map(({ address }) => address);
}

/** `first`, or the next one that is free on all `hosts`; those in `taken` are left out. */
export async function freePort(first, hosts, taken = []) {
  for (let port = first; port < Math.min(first + PORTS_TRIED, 65_536); port++) {
    if (taken.includes(port)) continue;
    const free = await Promise.all(hosts.map((host) => isFree(port, host)));
    if (free.every(Boolean)) return port;
  }
  throw new Error(`no free port from ${first} to ${first + PORTS_TRIED - 1}`);
}

function isFree(port, host) {
  return new Promise((resolve) => {
    const server = createServer();
    // An address that this machine does not have ("::" without IPv6) cannot be in use.
    server.once('error', (error) => resolve(error.code === 'EADDRNOTAVAIL' || error.code === 'EAFNOSUPPORT'));
    server.listen({ port, host, exclusive: true, ipv6Only: true }, () => server.close(() => resolve(true)));
  });
}
