// What the tests of this folder share: a handler that records and can be waited for, CPU meters, a child that runs our TypeScript.
// Never part of the program.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import type { Address, Conn, ConnectionHandler, IoError, Listener } from '../engine.ts';
import { isIoError } from '../io-error.ts';
import { type EpollEngine, epollEngine } from './epoll-engine.ts';
import { selfTest } from './self-test.ts';

export const LOOPBACK: Address = { family: 4, host: '127.0.0.1', port: 0 };

/** An engine, or the test fails with the reason. */
export function madeEngine(): EpollEngine {
  const refusal = selfTest();
  if (refusal !== undefined) throw new Error(refusal);
  return made(epollEngine());
}

/** The value, where the call did not fail. */
export function made<T>(result: T | IoError): T {
  if (isIoError(result)) throw new Error(`${result.call}() failed (${result.errno}: ${result.text})`);
  return result;
}

/** Records what a connection is told, as text, and lets a test wait for it. */
export class Recorder implements ConnectionHandler {
  readonly log: string[] = [];
  text = '';
  bytes = 0;
  error: IoError | undefined;
  onReceived: ((conn: Conn, bytes: Uint8Array, start: number, end: number) => void) | undefined;
  private waiting: (() => void)[] = [];

  connected(conn: Conn): void {
    this.note(`connected ${conn}`);
  }
  received(conn: Conn, bytes: Uint8Array, start: number, end: number): void {
    this.bytes += end - start;
    if (this.bytes < 100_000) this.text += Buffer.from(bytes.subarray(start, end)).toString('latin1');
    this.onReceived?.(conn, bytes, start, end);
    this.note(`received ${conn}`);
  }
  ended(conn: Conn): void {
    this.note(`ended ${conn}`);
  }
  writable(conn: Conn): void {
    this.note(`writable ${conn}`);
  }
  failed(conn: Conn, error: IoError): void {
    this.error = error;
    this.note(`failed ${conn}`);
  }

  has(word: string): boolean {
    return this.log.some((line) => line.startsWith(word));
  }

  /** Resolves when `condition` holds after something has been recorded; fails after five seconds. */
  async until(condition: () => boolean): Promise<void> {
    const deadline = performance.now() + 5000;
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`waited in vain; recorded: ${this.log.join(', ')}`);
      await Promise.race([new Promise<void>((resolve) => void this.waiting.push(resolve)), delay(100)]);
    }
  }

  note(line: string): void {
    if (this.log.length < 1000) this.log.push(line);
    for (const each of this.waiting.splice(0)) each();
  }
}

export interface Pair {
  readonly client: Conn;
  readonly clientSide: Recorder;
  readonly server: Conn;
  readonly serverSide: Recorder;
  readonly listener: Listener;
}

/** A client connected to a listener of the same engine. */
export async function connectedPair(engine: EpollEngine): Promise<Pair> {
  const serverSide = new Recorder();
  let server: Conn = -1;
  const listener = listening(engine, (conn) => {
    server = conn;
    return serverSide;
  });
  const clientSide = new Recorder();
  const client = engine.connect({ ...LOOPBACK, port: listener.port } as Address, {}, clientSide);
  await clientSide.until(() => clientSide.has('connected'));
  await clientSide.until(() => server >= 0);
  return { client, clientSide, server, serverSide, listener };
}

export function listening(
  engine: EpollEngine,
  accepted: (conn: Conn, listener: Listener) => ConnectionHandler,
  acceptFailed: (listener: Listener, error: IoError) => void = () => undefined,
  address: Address = LOOPBACK,
): Listener {
  let listener: Listener | IoError | undefined;
  engine.listen(address, {}, { accepted, acceptFailed }, (result) => {
    listener = result;
  });
  if (listener === undefined) throw new Error('the engine listens at once');
  return made(listener);
}

/** Milliseconds of CPU that this process uses in `ms` milliseconds. */
export async function cpuWithin(ms: number): Promise<number> {
  const before = process.cpuUsage();
  await delay(ms);
  const used = process.cpuUsage(before);
  return (used.user + used.system) / 1000;
}

const SOURCE = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** src/base and src/io as JavaScript in a folder of their own, for processes that cannot read TypeScript. */
export class Transpiled {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'holdfast-io-'));

  constructor() {
    symlinkSync(join(dirname(SOURCE), 'node_modules'), join(this.folder, 'node_modules'));
    writeFileSync(join(this.folder, 'package.json'), '{"type":"module"}');
    for (const room of ['base', 'io', 'io/epoll', 'io/portable']) this.room(room);
  }

  /** Runs `code`, an ES module in which `./io/epoll/….js` can be imported. */
  run(name: string, code: string, options: SpawnOptions = {}, flags: readonly string[] = []): ChildProcess {
    const file = join(this.folder, `${name}.js`);
    writeFileSync(file, code);
    return spawn(process.execPath, [...flags, file], options);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private room(room: string): void {
    mkdirSync(join(this.folder, room), { recursive: true });
    for (const file of readdirSync(join(SOURCE, room))) {
      if (!file.endsWith('.ts') || file.endsWith('.test.ts') || file === 'test-kit.ts') continue;
      const { outputText } = ts.transpileModule(readFileSync(join(SOURCE, room, file), 'utf8'), {
        compilerOptions: {
          target: ts.ScriptTarget.ES2022,
          module: ts.ModuleKind.ESNext,
          rewriteRelativeImportExtensions: true,
          verbatimModuleSyntax: true,
        },
      });
      writeFileSync(join(this.folder, room, file.replace(/\.ts$/, '.js')), outputText);
    }
  }
}

/** What a child printed, when it has left with 0. */
export async function output(child: ChildProcess): Promise<string> {
  let text = '';
  let errors = '';
  child.stdout?.on('data', (bytes: Buffer) => (text += bytes.toString()));
  child.stderr?.on('data', (bytes: Buffer) => (errors += bytes.toString()));
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    child.on('close', (...both) => resolve(both)),
  );
  if (code !== 0) throw new Error(`the child left with ${code ?? signal}: ${errors}`);
  return text;
}
