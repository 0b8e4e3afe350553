// The program of a worker process: an engine, the channel that it inherited, and orders until the end.
import { setFlagsFromString } from 'node:v8';
import { epollEngine } from '../io/epoll/epoll-engine.ts';
import { loadSyscalls } from '../io/epoll/syscalls.ts';
import { isIoError } from '../io/io-error.ts';
import { ObeyingWorker } from './obeying-worker.ts';

// A match is bounded as PCRE's is: where backtracking runs away, V8's linear engine takes over. Set before any pattern is compiled.
setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');
// The compiler between the quick and the good one, which Node.js 24 switched on, is off: it alone keeps 1,300 bytes for each of 8,000
// sockets. Not on the command line, where it would make Node's own modules be compiled anew. What NODE_OPTIONS says of it counts.
if (!process.env.NODE_OPTIONS?.includes('maglev')) setFlagsFromString('--no-maglev');
process.title = 'holdfast: worker process';

const refusal = loadSyscalls(); // the master has made the self-test
const engine = refusal === undefined ? epollEngine() : undefined;
if (engine === undefined || isIoError(engine)) {
  console.error(`holdfast: [emerg] a worker has no engine: ${refusal ?? engine?.text}`);
  process.exit(1);
}
const worker = new ObeyingWorker(engine, (code) => process.exit(code));
if (!worker.opened) {
  console.error('holdfast: [emerg] this is the program of a worker; its master starts it');
  process.exit(1);
}
process.on('SIGTERM', () => worker.stop());
process.on('SIGINT', () => worker.stop());
process.on('SIGQUIT', () => worker.drain('quit'));
// What the master alone acts on; its orders come over the channel.
for (const name of ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const) process.on(name, () => undefined);
process.on('uncaughtException', (error) => worker.die(error));
