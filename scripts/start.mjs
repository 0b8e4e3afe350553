// `npm start`: two chat nodes, Holdfast in front of them with the seed's nginx.conf, a visitor on the second node, and where
// to look. Installs and builds first when it must. Ends everything it started, however it is ended itself.
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, checkNode, installPackages, ROOT } from './prepare.mjs';
import { Balancer } from './start/balancer.mjs';
import { ChatNodes } from './start/chat-nodes.mjs';
import { Children } from './start/children.mjs';
import { otherNodesAddress } from './start/ip-hash.mjs';
import { freePort, localhostAddresses } from './start/ports.mjs';
import { adaptedSeed, difference } from './start/seed.mjs';

const PARENT_MS = 500;
const colour = process.stdout.isTTY && process.env.NO_COLOR === undefined;
const children = new Children(died);
let folder;
let ending = false;

checkNode();
installPackages();
build();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void end(0));
process.on('uncaughtException', (error) => void end(1, error.message));
if (process.env.npm_lifecycle_event === 'start') endWithParent();
await start();

async function start() {
  const addresses = await localhostAddresses();
  const wanted = Number(process.env.NODE_PORT ?? 8010);
  const first = await freePort(wanted, addresses);
  const peers = [first, await freePort(wanted + 1, addresses, [first])];
  const port = await freePort(Number(process.env.PORT ?? 8080), ['0.0.0.0', '::'], peers);
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'holdfast-')));
  chmodSync(folder, 0o755); // workers may run as another user
  mkdirSync(join(folder, 'logs'));
  const log = join(folder, 'logs', 'yourdomain.log');
  const seed = readFileSync(join(ROOT, 'examples', 'seed', 'nginx.conf'), 'utf8');
  const text = adaptedSeed(seed, { port, peers, log });
  writeFileSync(join(folder, 'nginx.conf'), text);

  const nodes = new ChatNodes(children, peers, { reload: () => balancer.reload() });
  const balancer = new Balancer(children, folder, port, (count) => nodes.reloaded(count));
  await nodes.start();
  await balancer.start();
  startVisitor(port, nodes, addresses.length);
  tell(nodes, balancer, difference(seed, text), log);
}

/** All tabs of one machine hash to one node; a visitor from another loopback address keeps the other busy. */
function startVisitor(port, nodes, addressesPerNode) {
  const { address, node } = otherNodesAddress(nodes.nodes.length, addressesPerNode);
  const main = join(ROOT, 'dist', 'examples', 'visitor.js');
  const flags = ['--url', `ws://127.0.0.1:${port}/chat`, '--from', address, '--home', nodes.nodes[node].name];
  children.start('visitor', process.execPath, [main, ...flags], { ipc: true });
}

function tell(nodes, balancer, changes, log) {
  const where = nodes.nodes.map((node) => `${node.name} on localhost:${node.port}`).join(', ');
  console.log(`
nodes       ${where}
config      ${join(folder, 'nginx.conf')}
            examples/seed/nginx.conf but for these lines:
${changes.map((line) => `            ${painted(line)}`).join('\n')}
access log  ${log}
error log   ${balancer.errorLog}
reload      kill -HUP ${balancer.pid}

open        ${bold(`http://localhost:${balancer.port}/`)}  in two tabs and let them chat
Ctrl-C ends everything.
`);
}

function painted(line) {
  if (!colour) return line;
  return `\x1b[${line.includes(' - ') ? 31 : 32}m${line}\x1b[0m`;
}

function bold(text) {
  return colour ? `\x1b[1m${text}\x1b[0m` : text;
}

function died(child, how) {
  if (ending) return;
  const said = child.tail.map((line) => `    ${line}`).join('\n');
  void end(1, `${child.name} ${how}${said === '' ? '' : `; its last lines:\n${said}`}`);
}

/** npm passes TERM on to its shell, which dies of it and tells nobody: a new parent is the sign. */
function endWithParent() {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && void end(0), PARENT_MS).unref();
}

/** Called once; a second signal while ending changes nothing. */
async function end(code, complaint) {
  if (ending) return;
  ending = true;
  if (complaint !== undefined) console.error(`holdfast: ${complaint}`);
  await children.stopAll();
  if (folder !== undefined && code === 0) rmSync(folder, { recursive: true, force: true });
  if (code === 0) console.log('everything has ended');
  else if (folder !== undefined)
    console.error(`holdfast: the configuration and the logs are kept in ${folder}`);
  process.exit(code);
}
