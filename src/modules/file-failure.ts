// What modules say about files that cannot be used.
import type { Level } from '../base/failures.ts';
import type { FileError } from '../base/file-error.ts';
import type { Exchange } from '../proxy/exchange.ts';

/** `open() "/path" failed (2: No such file or directory)` */
export function logFileFailure(
  x: Exchange,
  level: Level,
  call: string,
  path: string,
  error: FileError,
): void {
  x.log(level, `${call} "${path}" failed (${error.errno}: ${error.text})`);
}

/** ENOENT and its kin: the file is just not there. */
export function isMissing({ code }: FileError): boolean {
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG';
}

export function isLink({ code }: FileError): boolean {
  return code === 'ELOOP' || code === 'EMLINK';
}
