// Which of the seed's nodes `ip_hash` chooses for a loopback address: as ngx_http_upstream_get_ip_hash_peer(), which reads
// the first three octets, with peers of weight 1 in the order of the file, each name giving all its addresses.

function hashOf(octets) {
  return octets.reduce((hash, octet) => (hash * 113 + octet) % 6271, 89);
}

/** The index of the node to which `address` goes. */
export function nodeOf(address, nodeCount, addressesPerNode) {
  const octets = address.split('.').slice(0, 3).map(Number);
  return Math.floor((hashOf(octets) % (nodeCount * addressesPerNode)) / addressesPerNode);
}

/** A loopback address that goes to another node than 127.0.0.1 does. */
export function otherNodesAddress(nodeCount, addressesPerNode) {
  const home = nodeOf('127.0.0.1', nodeCount, addressesPerNode);
  for (let third = 1; third < 256; third++) {
    const address = `127.0.${third}.1`;
    const node = nodeOf(address, nodeCount, addressesPerNode);
    if (node !== home) return { address, node };
  }
  throw new Error('every loopback address goes to one node');
}
