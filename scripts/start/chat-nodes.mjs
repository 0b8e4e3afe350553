// The two chat nodes: starts them, restarts one, gathers what they say and tells each how the whole stands.
// The other end of the line is examples/chat-node/control.ts.
import { join } from 'node:path';
import { ROOT } from '../prepare.mjs';

const READY_MS = 15_000;

export class ChatNodes {
  /** `wishes.reload` is asked when a page wishes it; answers `{ ok, text }`. */
  constructor(children, ports, wishes) {
    this.children = children;
    this.wishes = wishes;
    this.reloads = 0;
    this.nodes = ports.map((port, index) => ({
      name: `node-${'ab'[index]}`,
      port,
      child: undefined,
      up: false,
      sessions: 0,
      restarts: 0,
    }));
  }

  async start() {
    await Promise.all(this.nodes.map((node) => this.startOne(node)));
  }

  /** The balancer has confirmed reload number `count`. */
  reloaded(count) {
    this.reloads = count;
    this.tell();
  }

  startOne(node) {
    const main = join(ROOT, 'dist', 'examples', 'chat-node.js');
    const args = [main, '--name', node.name, '--port', String(node.port)];
    const child = this.children.start(node.name, process.execPath, args, { ipc: true });
    node.child = child;
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`${node.name} is not ready after ${READY_MS} ms`)),
        READY_MS,
      );
      child.process.on('message', (message) => {
        if (message.type === 'ready') {
          clearTimeout(late);
          node.up = true;
          resolve();
        }
        if (message.type === 'sessions') node.sessions = message.count;
        if (message.type === 'wish') void this.grant(node, message);
        else this.tell();
      });
      child.ended.then(() => clearTimeout(late));
    });
  }

  async grant(node, { wish, number }) {
    const answer = wish === 'reload' ? await this.wishes.reload() : await this.restartOther(node);
    send(node, { type: 'answer', number, answer });
  }

  async restartOther(asking) {
    const other = this.nodes.find((node) => node !== asking);
    if (!other.up) return { ok: false, text: `${other.name} is restarting already` };
    other.up = false;
    this.tell();
    await this.children.stop(other.child);
    other.sessions = 0;
    other.restarts++;
    await this.startOne(other);
    return { ok: true, text: `${other.name} was restarted; what it kept in memory is gone` };
  }

  tell() {
    const nodes = this.nodes.map(({ name, port, up, sessions, restarts }) => ({
      name,
      port,
      up,
      sessions,
      restarts,
    }));
    for (const node of this.nodes)
      send(node, { type: 'standing', standing: { reloads: this.reloads, nodes } });
  }
}

function send(node, message) {
  const to = node.child?.process;
  if (to?.connected) to.send(message, () => {});
}
