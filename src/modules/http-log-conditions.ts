// Whether a log takes a line of a request at all.

import { isFileError } from '../base/file-error.ts';
import type { Exchange } from '../proxy/exchange.ts';
import type { AccessLog } from './http-log.ts';

/** `if=`: a value that is empty or "0" says no. */
export function wantsLine(x: Exchange, { condition }: AccessLog): boolean {
  if (condition === undefined) return true;
  const value = condition(x);
  return value !== '' && value !== '0';
}

/** A log whose path has variables is written only for a location whose root is there, lest clients make files by naming hosts. */
export function rootExists(x: Exchange): boolean {
  const { core } = x.location;
  const root = (core.alias ?? core.root)(x);
  const facts = x.program.files.stat(root);
  if (isFileError(facts)) {
    x.log('error', `testing "${root}" existence failed (${facts.errno}: ${facts.text})`);
    return false;
  }
  if (facts.kind === 'directory') return true;
  x.log('error', `testing "${root}" existence failed (20: Not a directory)`);
  return false;
}
