// Records which peers a running nginx chooses into the .txt files of this folder; README.md says how it is run and what they mean.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import { client, describe, dice, group, key, peersOf } from './generate.mjs';
import { startNginx } from './nginx.mjs';

let opened = 0;

const WAYS = { down: true, backups: true };

const FILES = {
  'round-robin.txt': recordRoundRobin,
  'ip-hash.txt': () => recordKeyed(2, ['ip_hash'], client),
  'hash.txt': () => recordKeyed(3, ['hash'], key),
  'consistent-hash.txt': () => recordKeyed(4, ['hash consistent'], key),
  'failures.txt': recordFailures,
  'held.txt': recordHeld,
  'random.txt': recordRandom,
};

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(FILES);
for (const file of wanted) {
  const lines = await FILES[file]();
  const head = '# What nginx 1.31.5 chose; recorded by record.mjs, explained in README.md.';
  writeFileSync(new URL(file, import.meta.url), `${[head, ...lines].join('\n')}\n`);
  console.log(`${file}: ${lines.length} lines`);
}

async function recordRoundRobin() {
  const roll = dice(1);
  const groups = [];
  for (let i = 0; i < 100; i++) groups.push(await group(roll, 'round_robin', sizeOf(roll, i), WAYS));
  const lines = [];
  await withNginx(groups, async (nginx) => {
    for (const [i, one] of groups.entries()) {
      const got = [];
      for (let n = 0; n < 100; n++) got.push(indices(one, await nginx.ask(i)));
      lines.push(...describe(one), `= ${got.join(' ')}`);
    }
  });
  return lines;
}

/** One peer up to a dozen, now and then as many as need more than one word of the `tried` bitmap. */
function sizeOf(roll, i) {
  if (i % 20 === 7) return 33 + roll(60);
  return 1 + roll(i % 3 === 0 ? 12 : 5);
}

async function recordKeyed(seed, methods, draw) {
  const roll = dice(seed);
  const groups = [];
  for (let i = 0; i < 100; i++)
    groups.push(await group(roll, methods[i % methods.length], sizeOf(roll, i), WAYS));
  const lines = [];
  await withNginx(groups, async (nginx) => {
    for (const [i, one] of groups.entries()) {
      lines.push(...describe(one));
      for (let n = 0; n < 100; n++) {
        const value = draw(roll);
        lines.push(`${indices(one, await askFor(nginx, i, value))} ${value}`);
      }
    }
  });
  return lines;
}

/** Asks with `value` as the key and, where it looks like one, as the client's address. */
function askFor(nginx, i, value, headers = {}) {
  if (value === 'unix:') return nginx.askUnix(i, headers);
  const isAddress = /^[0-9a-f.:]+$/.test(value) && /[.:]/.test(value);
  return nginx.ask(i, { ...headers, 'x-key': value, ...(isAddress ? { 'x-real-ip': value } : {}) });
}

/** A dozen seconds; in each, some requests to every upstream, all in the middle of that second. */
async function recordFailures() {
  const roll = dice(5);
  const methods = ['round_robin', 'ip_hash', 'hash', 'hash consistent', 'least_conn'];
  const groups = [];
  for (let i = 0; i < 60; i++) {
    const ways = { down: true, backups: true, fails: true, names: false };
    const count = i % 4 === 3 ? 8 + roll(8) : 1 + roll(6);
    groups.push(await group(roll, methods[i % methods.length], count, ways));
  }
  const lines = groups.map((one) => describe(one));
  await withNginx(groups, async (nginx) => {
    const start = Math.floor(Date.now() / 1000) + 1;
    for (let second = 0; second < 14; second++) {
      const due = (start + second) * 1000;
      await new Promise((done) => setTimeout(done, due + 80 - Date.now()));
      for (const [i, one] of groups.entries()) {
        const sickShare = [1, 4, 10][roll(3)];
        for (let n = 0; n < 6; n++) {
          const names = peersOf(one).filter(() => roll(12) < sickShare);
          const value = one.method === 'ip_hash' ? `10.0.${roll(9)}.1` : `k${roll(30)}`;
          const tried = await askFor(nginx, i, value, names.length > 0 ? { 'x-bad': names.join(',') } : {});
          const bad = names.map((name) => peersOf(one).indexOf(name)).join(',') || '-';
          lines[i].push(`> ${second} ${value} ${bad} ${indices(one, tried)}`);
        }
      }
      if (Date.now() > due + 950)
        throw new Error('too slow: a second was left; try again on an idle machine');
    }
  });
  return lines.flat();
}

/** Requests are opened and held by peers of our own, and ended in any order. */
async function recordHeld() {
  const roll = dice(6);
  const methods = ['least_conn', 'least_conn', 'round_robin', 'ip_hash', 'hash', 'hash consistent'];
  const groups = [];
  for (let i = 0; i < 60; i++) {
    const ways = { down: true, backups: true, conns: i % 3 > 0, names: false };
    groups.push(await group(roll, methods[i % methods.length], 1 + roll(6), ways));
  }
  const lines = [];
  const peers = await holdingPeers([...new Set(groups.flatMap(peersOf))]);
  await withNginx(
    groups,
    async (nginx) => {
      for (const [i, one] of groups.entries()) {
        lines.push(...describe(one));
        const held = [];
        for (let n = 0; n < 100; n++) {
          const open = held.filter((entry) => entry.end !== undefined);
          if (open.length > 0 && roll(5) < 2) {
            const entry = open[roll(open.length)];
            await entry.end();
            entry.end = undefined;
            lines.push(`c ${held.indexOf(entry)}`);
          } else {
            const value = one.method === 'ip_hash' ? `10.0.${roll(9)}.1` : `k${roll(30)}`;
            const entry = await openHeld(nginx, peers, i, value);
            held.push(entry);
            lines.push(`o ${entry.name === undefined ? '!' : peersOf(one).indexOf(entry.name)} ${value}`);
          }
        }
        for (const entry of held) await entry.end?.();
      }
    },
    false,
  );
  peers.close();
  return lines;
}

async function openHeld(nginx, peers, i, value) {
  const id = String(opened++);
  const ended = nginx.open(i, {
    'x-id': id,
    'x-key': value,
    ...(value.includes('.') ? { 'x-real-ip': value } : {}),
  });
  const arrival = await Promise.race([peers.arrival(id), ended.then(() => undefined)]);
  if (arrival === undefined) return { name: undefined, end: undefined };
  return {
    name: arrival.name,
    end: async () => {
      arrival.answer.end('done');
      await ended;
    },
  };
}

/** Peers that answer when they are told to. */
async function holdingPeers(names) {
  const arrivals = new Map();
  const slot = (id) => {
    if (!arrivals.has(id)) {
      let resolve;
      const promise = new Promise((done) => {
        resolve = done;
      });
      arrivals.set(id, { promise, resolve });
    }
    return arrivals.get(id);
  };
  const servers = [];
  for (const name of names) {
    const server = http.createServer((request, answer) =>
      slot(request.headers['x-id']).resolve({ name, answer }),
    );
    server.keepAliveTimeout = 0;
    const [, host, port] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(name);
    server.listen(Number(port), host);
    await once(server, 'listening');
    servers.push(server);
  }
  return {
    arrival: (id) => slot(id).promise,
    close: () => {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

async function recordRandom() {
  const roll = dice(7);
  const lines = [];
  const groups = [];
  for (let i = 0; i < 12; i++) {
    groups.push(
      await group(roll, i % 2 ? 'random two' : 'random', 2 + roll(5), { down: i > 3, names: false }),
    );
  }
  await withNginx(groups, async (nginx) => {
    for (const [i, one] of groups.entries()) {
      const counts = peersOf(one).map(() => 0);
      for (let n = 0; n < 10_000; n++) counts[Number(indices(one, await nginx.ask(i)))]++;
      lines.push(...describe(one), `% ${counts.join(' ')}`);
    }
  });
  const peers = await holdingPeers([...new Set(groups.flatMap(peersOf))]);
  const holding = async (nginx) => {
    for (const [i, one] of groups.entries()) {
      const counts = peersOf(one).map(() => 0);
      const held = [];
      for (let n = 0; n < 400; n++) {
        held.push(await openHeld(nginx, peers, i, 'k'));
        counts[peersOf(one).indexOf(held[n].name)]++;
      }
      lines.push(...describe(one), `^ ${counts.join(' ')}`);
      for (const entry of held) await entry.end();
    }
  };
  await withNginx(groups, holding, false);
  peers.close();
  return lines;
}

/** The peers by their numbers, "!" where nginx had none: it then names the upstream. */
function indices(one, names) {
  const peers = peersOf(one);
  return names.map((name) => (/^up\d+$/.test(name) ? '!' : peers.indexOf(name))).join(',');
}

async function withNginx(groups, work, peersByNginx = true) {
  const nginx = await startNginx(groups, { peersByNginx });
  try {
    await work(nginx);
  } finally {
    await nginx.stop();
  }
}
