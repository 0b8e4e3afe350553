// Real clients for the tests: `ws` with a queue of what came, curl, and a browser.
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { type Browser, chromium } from 'playwright-core';
import { onTestFinished } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';

const WAIT_MS = 10_000;

/** A WebSocket whose messages are taken one by one, in order. */
export class Talker {
  readonly socket: WebSocket;
  private readonly came: string[] = [];
  private wake: (() => void) | undefined;
  closed: { readonly code: number; readonly reason: string } | undefined;

  constructor(url: string, options: ClientOptions = {}) {
    this.socket = new WebSocket(url, options);
    this.socket.on('message', (bytes) => {
      this.came.push(String(bytes));
      this.wake?.();
    });
    this.socket.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) };
      this.wake?.();
    });
    onTestFinished(() => this.socket.terminate());
  }

  opened(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.once('open', () => resolve());
      this.socket.once('error', reject);
    });
  }

  say(text: string): void {
    this.socket.send(text);
  }

  /** The next message; fails when the socket closes first or nothing comes in time. */
  async hear(): Promise<string> {
    const end = Date.now() + WAIT_MS;
    for (;;) {
      const next = this.came.shift();
      if (next !== undefined) return next;
      if (this.closed !== undefined) throw new Error(`closed with ${this.closed.code} ${this.closed.reason}`);
      if (Date.now() >= end) throw new Error(`no message within ${WAIT_MS} ms`);
      await this.woken(end - Date.now());
    }
  }

  private woken(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Opens a WebSocket; resolves when the handshake is done. */
export async function openSocket(url: string, options: ClientOptions = {}): Promise<Talker> {
  const talker = new Talker(url, options);
  await talker.opened();
  return talker;
}

export async function curl(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('curl', [
    '--silent',
    '--show-error',
    '--max-time',
    '10',
    ...args,
  ]);
  return stdout;
}

export function hasProgram(name: string): boolean {
  return pathOf(name) !== undefined;
}

/** The browser that is there (CHROME_PATH, then the usual names), else the one inside `@sparticuz/chromium`. No host is asked. */
export async function openBrowser(): Promise<Browser> {
  const installed =
    process.env.CHROME_PATH ??
    ['chromium', 'google-chrome', 'google-chrome-stable', 'chromium-browser']
      .map((name) => pathOf(name))
      .find((path) => path !== undefined);
  const browser = await (installed === undefined
    ? launchPackaged()
    : chromium.launch({ executablePath: installed, args: ['--no-sandbox', '--disable-dev-shm-usage'] }));
  onTestFinished(() => browser.close());
  return browser;
}

async function launchPackaged(): Promise<Browser> {
  const { default: packaged } = await import('@sparticuz/chromium');
  return chromium.launch({ executablePath: await packaged.executablePath(), args: packaged.args });
}

function pathOf(name: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
