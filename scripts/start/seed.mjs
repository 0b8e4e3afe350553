// The seed's nginx.conf with another port, other peers and another log, and nothing else changed; and that difference, shown.

/** Each of the seed's words that may differ, as it stands there. */
const PORT = /(\n\s*listen\s+)80;/;
const LOG = /(\n\s*access_log\s+)\/var\/log\/nginx\/yourdomain\.log;/;
const PEERS = [/(\n\s*server\s+)localhost:8010;/, /(\n\s*server\s+)localhost:8011;/];

export function adaptedSeed(text, { port, peers, log }) {
  const quoted = /^[\w./+@%-]+$/.test(log) ? log : JSON.stringify(log);
  const changes = [
    [PORT, `${port};`],
    [LOG, `${quoted};`],
    ...PEERS.map((peer, index) => [peer, `localhost:${peers[index]};`]),
  ];
  return changes.reduce((adapted, [place, value]) => {
    if (!place.test(adapted)) throw new Error(`examples/seed/nginx.conf has no line like ${place.source}`);
    return adapted.replace(place, (_, before) => `${before}${value}`);
  }, text);
}

/** Lines "  12 - old" and "  12 + new": the two texts have the same number of lines. */
export function difference(before, after) {
  const old = before.split('\n');
  return after.split('\n').flatMap((line, index) => {
    if (line === old[index]) return [];
    const number = String(index + 1).padStart(4);
    return [`${number} - ${old[index]?.trim()}`, `${number} + ${line.trim()}`];
  });
}
