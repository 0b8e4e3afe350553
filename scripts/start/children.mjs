// The processes that `npm start` has started: each ends with it, and one that ends by itself is told with its last lines.
import { spawn } from 'node:child_process';

const STOP_MS = 5_000;
const TAIL_LINES = 12;

export class Children {
  /** @param {(child: object, how: string) => void} died is called when one ends that nobody stopped */
  constructor(died) {
    this.died = died;
    this.running = new Set();
  }

  /** `line` gets each line that the child writes to its standard error; `ipc` opens Node's message channel. */
  start(name, file, args, { ipc = false, line = () => {}, cwd } = {}) {
    const stdio = ['ignore', 'pipe', 'pipe', ...(ipc ? ['ipc'] : [])];
    const started = spawn(file, args, { stdio, cwd });
    const child = { name, process: started, tail: [], stopping: false, ended: undefined };
    const keep = (text) => {
      child.tail.push(text);
      if (child.tail.length > TAIL_LINES) child.tail.shift();
    };
    eachLine(started.stdout, keep);
    eachLine(started.stderr, (text) => {
      keep(text);
      line(text);
    });
    child.ended = new Promise((resolve) => {
      const over = (how) => {
        if (!this.running.delete(child)) return;
        resolve(how);
        if (!child.stopping) this.died(child, how);
      };
      started.on('error', (error) => over(`could not be started: ${error.message}`));
      // 'close' comes after the last line, but not before a grandchild lets go of the pipe; 'exit' decides.
      started.on('exit', (code, signal) =>
        setTimeout(over, 50, signal ? `was ended by ${signal}` : `ended with ${code}`),
      );
    });
    this.running.add(child);
    return child;
  }

  /** TERM, and KILL when that is not heard. */
  async stop(child) {
    child.stopping = true;
    if (!this.running.has(child)) return;
    child.process.kill('SIGTERM');
    const killing = setTimeout(() => child.process.kill('SIGKILL'), STOP_MS);
    await child.ended;
    clearTimeout(killing);
  }

  async stopAll() {
    await Promise.all([...this.running].map((child) => this.stop(child)));
  }
}

function eachLine(stream, take) {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
  stream.on('end', () => {
    if (rest !== '') take(rest);
  });
}
