// A guess before anything is read properly: whether the flags start a master that stays in the foreground, so that a worker may be started
// at once. Wrong, it costs a process that is ended, or the time that it would have saved.
import { Buffer } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { Flags } from './flags.ts';
import { placesOf } from './places.ts';

/** Where `daemon off` stands in a file, it stands near its top. */
const LOOK_BYTES = 16_384;

export function needsWorkerSoon(flags: Flags | string): boolean {
  if (typeof flags === 'string' || flags.version || flags.test || flags.signal !== undefined) return false;
  if (process.platform !== 'linux' || process.env.HOLDFAST_ENGINE === 'portable') return false;
  const text = `${flags.globals ?? ''}\n${topOf(placesOf(flags).file)}`;
  return /\bdaemon\s+off\s*;/.test(text) && !/\bmaster_process\s+off\s*;/.test(text);
}

/** Nothing where it is no plain file: what a FIFO gives is not there a second time. What is wrong with it, is said by whoever reads it. */
function topOf(path: string): string {
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      if (!fstatSync(file).isFile()) return '';
      const bytes = Buffer.alloc(LOOK_BYTES);
      return bytes.toString('latin1', 0, readSync(file, bytes));
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
}
