// The balancer as a child: starts it, counts the reloads that it confirms in its error log, asks for one.
import { appendFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { basename, join } from 'node:path';
import { ROOT } from '../prepare.mjs';

const LISTENING_MS = 20_000;
const RELOAD_MS = 10_000;
const TRY_AGAIN_MS = 50;

/** HOLDFAST_BINARY puts another program in front of the nodes, nginx for instance, to compare. */
const BINARY = process.env.HOLDFAST_BINARY ?? '';

export class Balancer {
  /** `reloaded` gets the number of reloads confirmed so far, at each one. */
  constructor(children, folder, port, reloaded) {
    this.children = children;
    this.folder = folder;
    this.port = port;
    this.reloaded = reloaded;
    this.errorLog = join(folder, 'logs', 'error.log');
    this.reloads = 0;
    this.underway = false;
    this.waiting = [];
    this.child = undefined;
  }

  get pid() {
    return this.child.process.pid;
  }

  async start() {
    const args = ['-p', `${this.folder}/`, '-c', this.file(), '-g', 'daemon off; error_log stderr notice;'];
    const command = BINARY === '' ? [process.execPath, join(ROOT, 'bin', 'holdfast')] : [BINARY];
    this.child = this.children.start('holdfast', command[0], [...command.slice(1), ...args], {
      line: (line) => this.read(line),
      cwd: this.folder,
    });
    await this.listening();
  }

  /** nginx will not start without `events {}`, which the seed's file does not have. */
  file() {
    const file = join(this.folder, 'nginx.conf');
    if (basename(BINARY) !== 'nginx') return file;
    const around = join(this.folder, 'for-nginx.conf');
    writeFileSync(around, `events {}\ninclude ${file};\n`);
    return around;
  }

  /** Asks for a reload and waits until the log confirms it or refuses it. */
  reload() {
    return new Promise((resolve) => {
      const late = setTimeout(() => this.settle(false, `no confirmation within ${RELOAD_MS} ms`), RELOAD_MS);
      this.waiting.push((answer) => {
        clearTimeout(late);
        resolve(answer);
      });
      this.child.process.kill('SIGHUP');
    });
  }

  /** A line of the error log: kept in the file, shown when it is a warning or worse, watched for reloads. */
  read(line) {
    appendFileSync(this.errorLog, `${line}\n`);
    if (/\[(warn|error|crit|alert|emerg)\]/.test(line)) console.error(line);
    if (/\breconfiguring\b/.test(line)) this.underway = true;
    else if (this.underway && /\[emerg\]/.test(line)) this.settle(false, `the balancer refused: ${line}`);
    else if (this.underway && /\[notice\].*\b(start worker processes|reconfigured)\b/.test(line)) {
      this.reloads++;
      this.reloaded(this.reloads);
      this.settle(true, `reload ${this.reloads} is done`);
    }
  }

  settle(ok, text) {
    this.underway = false;
    for (const answer of this.waiting.splice(0)) answer({ ok, text });
  }

  async listening() {
    const end = Date.now() + LISTENING_MS;
    while (!(await isListening(this.port))) {
      if (this.child.stopping || Date.now() > end)
        throw new Error(`holdfast does not listen on port ${this.port}`);
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
    }
  }
}

function isListening(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}
