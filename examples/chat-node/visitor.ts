// A client that chats a line every few seconds from another loopback address, so that ip_hash sends it to the other node
// and that node has somebody. It comes back with its session, and goes home when it finds itself on the wrong node.
//   node dist/examples/visitor.js --url ws://127.0.0.1:8080/chat --from 127.0.1.1 --home node-b
import { parseArgs } from 'node:util';
import { WebSocket } from 'ws';

const TALK_MS = 5_000;
const COME_BACK_MS = 1_000;
/** Longer than `fail_timeout`, after which the balancer tries the home node again. */
const GO_HOME_MS = 11_000;

const LINES = [
  'The tide is coming in.',
  'Still here; a reload went by and I did not notice.',
  'Somebody keeps this node company, and it is me.',
  'Kelp grows half a metre a day, I am told.',
  'My session lives in the memory of this node.',
  'A holdfast does not feed the kelp. It only holds.',
];

const { values: flags } = parseArgs({
  options: {
    url: { type: 'string', default: 'ws://127.0.0.1:8080/chat' },
    from: { type: 'string', default: '127.0.1.1' },
    home: { type: 'string', default: '' },
  },
});
const session = crypto.randomUUID();
let lines = 0;
let socket = visit();
for (const signal of ['SIGTERM', 'SIGINT', 'disconnect']) {
  process.on(signal, () => {
    socket.terminate();
    process.exit(0);
  });
}

function visit(): WebSocket {
  const opened = new WebSocket(`${flags.url}?session=${session}`, { localAddress: flags.from });
  let talking: NodeJS.Timeout | undefined;
  let leaving: NodeJS.Timeout | undefined;
  opened.on('open', () => {
    talking = setInterval(() => talk(opened), TALK_MS);
    talk(opened);
  });
  opened.on('message', (bytes) => {
    const notice = JSON.parse(String(bytes)) as { type: string; node?: string };
    if (notice.type !== 'welcome' || flags.home === '' || notice.node === flags.home) return;
    leaving = setTimeout(() => opened.close(), GO_HOME_MS);
  });
  let stays = true;
  opened.on('error', (error: NodeJS.ErrnoException) => {
    console.error(`visitor: ${error.message}`);
    // macOS has 127.0.0.1 alone: without another address there is no visit.
    stays = error.code !== 'EADDRNOTAVAIL';
  });
  opened.on('close', () => {
    clearInterval(talking);
    clearTimeout(leaving);
    if (!stays) return;
    setTimeout(() => {
      socket = visit();
    }, COME_BACK_MS);
  });
  return opened;
}

function talk(to: WebSocket): void {
  to.send(JSON.stringify({ type: 'say', text: LINES[lines++ % LINES.length] }));
}
