// Opens what logs are appended to. A FIFO holds nobody up, neither when it is opened nor when it is full: nginx waits in both.
import { constants, openSync } from 'node:fs';
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
