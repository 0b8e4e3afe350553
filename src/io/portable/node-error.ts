// Node's errors as the engine's, under the names of the calls that nginx would have made.
import type { IoError } from '../engine.ts';
import { ioErrorOfNode } from '../io-error.ts';

const CALLS: Readonly<Record<string, string>> = { read: 'recv', write: 'send', writev: 'send' };

/** The error of a socket that broke while it was open: Node says in which call. */
export function brokenError(error: unknown): IoError {
  const syscall = error instanceof Error && 'syscall' in error ? error.syscall : undefined;
  const name = typeof syscall === 'string' ? syscall : 'recv';
  return ioErrorOfNode(CALLS[name] ?? name, error);
}
