// The file that holds the master's process number: written once every socket listens, removed at the end, read by `-s`.
import { closeSync, constants, openSync, readFileSync, readSync, unlinkSync, writeFileSync } from 'node:fs';
import { byteString } from '../base/bytes.ts';
import type { IoError } from '../io/engine.ts';
import { ioErrorOfNode } from '../io/io-error.ts';
import { makeFoldersFor, pathText } from './folders.ts';
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

/** What is wrong with a pid file, as nginx says it. */
export interface PidComplaint {
  readonly level: 'error' | 'crit';
  readonly text: string;
}

/** Also where the file is a FIFO or a device, which is not waited for. As ngx_signal_process(). */
export function readPidFile(path: string): number | PidComplaint {
  let call = 'open';
  let text: string;
  try {
    const file = openSync(systemPath(path), constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      call = 'pread';
      const bytes = new Uint8Array(PID_BYTES_MAX);
      text = byteString(bytes, 0, readSync(file, bytes, 0, bytes.length, 0)).replace(/[\r\n]+$/, '');
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const level = call === 'open' ? 'error' : 'crit';
    return { level, text: pathText({ path, error: ioErrorOfNode(call, error) }) };
  }
  const pid = Number(text);
  // nginx signals its own group for a 0, and for what is beyond 32 bits the process that the low ones name.
  if (/^\d+$/.test(text) && pid > 0 && pid <= PID_MAX) return pid;
  return { level: 'error', text: `invalid PID number "${text}" in "${path}"` };
}

/** NGX_INT64_LEN and a line end. */
const PID_BYTES_MAX = 22;
const PID_MAX = 2 ** 31 - 1;

/** What a process is called that is none of ours; undefined where it may be, or where it cannot be told. */
export function strangerName(pid: number): string | undefined {
  const name = nameOf(pid);
  if (name === undefined || name.startsWith(OWN_NAME)) return undefined;
  const title = process.title;
  process.title = `${OWN_NAME}: signal process`;
  const canTell = nameOf(process.pid)?.startsWith(OWN_NAME) === true;
  process.title = title;
  return canTell ? name : undefined;
}

/** With it begins the title of every master (start.ts). */
const OWN_NAME = 'holdfast';

function nameOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'latin1').trimEnd();
  } catch {
    return undefined;
  }
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
