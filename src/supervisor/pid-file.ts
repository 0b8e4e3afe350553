// The file that holds the master's process number: written once every socket listens, removed at the end, read by `-s`.
import { readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { failureMessage } from '../config/files.ts';
import type { IoError } from '../io/engine.ts';
import { ioErrorOfNode } from '../io/io-error.ts';
import { makeFoldersFor } from './folders.ts';
import { systemPath } from './system-path.ts';

/** Also makes its folder, as for a log. */
export function writePidFile(path: string, pid: number): IoError | undefined {
  return attempt(path, (file) => writeFileSync(file, `${pid}\n`, { mode: 0o644 }));
}

/** For `-t`: whether it could be written; a file that is there keeps what it says. */
export function testPidFile(path: string): IoError | undefined {
  return attempt(path, (file) => writeFileSync(file, '', { flag: 'a', mode: 0o644 }));
}

export function removePidFile(path: string): IoError | undefined {
  try {
    unlinkSync(systemPath(path));
    return undefined;
  } catch (error) {
    return ioErrorOfNode('unlink', error);
  }
}

/** A process number, or nginx's complaint. As ngx_signal_process(). */
export function readPidFile(path: string): number | string {
  let text: string;
  try {
    text = readFileSync(systemPath(path), 'latin1')
      .slice(0, 22)
      .replace(/[\r\n]+$/, '');
  } catch (error) {
    return failureMessage(path, ioErrorOfNode('open', error));
  }
  const pid = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(pid) || pid === 0)
    return `invalid PID number "${text}" in "${path}"`;
  return pid;
}

function attempt(path: string, write: (file: Buffer) => void): IoError | undefined {
  const file = systemPath(path);
  try {
    write(file);
    return undefined;
  } catch (error) {
    const failure = ioErrorOfNode('open', error);
    if (failure.code !== 'ENOENT') return failure;
  }
  try {
    makeFoldersFor(path);
    write(file);
    return undefined;
  } catch (error) {
    return ioErrorOfNode('open', error);
  }
}
