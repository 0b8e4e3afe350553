// Opens what logs are appended to. A FIFO holds nobody up, neither when it is opened nor when it is full: nginx waits in both.
import { constants, fstatSync, openSync } from 'node:fs';
import { systemPath } from './system-path.ts';

const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;
/** A FIFO's own descriptor counts as its reader: lines wait in it for whoever comes, and EPIPE is never met. */
const KEPT_OPEN = constants.O_RDWR | constants.O_NONBLOCK;

/** Throws as node:fs does. */
export function openLog(path: string): number {
  const file = systemPath(path);
  try {
    return openSync(file, APPEND, 0o644);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
    return openSync(file, KEPT_OPEN);
  }
}

/** Descriptors that the program was started with, by what a configuration calls them. */
const STANDARD: ReadonlyMap<string, number> = new Map([
  ['stderr', 2],
  ['/dev/stderr', 2],
  ['/dev/stdout', 1],
]);

/** The descriptor that was inherited, where `path` stands for one. A pipe is opened once more: full, it would hold up whoever writes. */
export function openStandard(path: string): number | undefined {
  const fd = STANDARD.get(path);
  if (fd === undefined) return undefined;
  try {
    // By its own flag it would become non-blocking for everybody who shares it.
    return isPipe(fd) ? openSync(`/proc/self/fd/${fd}`, APPEND) : fd;
  } catch {
    return fd; // no /proc, a pipe of somebody else, or nobody reads it
  }
}

export function isStandard(path: string): boolean {
  return STANDARD.has(path);
}

export function isPipe(fd: number): boolean {
  try {
    return fstatSync(fd).isFIFO();
  } catch {
    return false;
  }
}
