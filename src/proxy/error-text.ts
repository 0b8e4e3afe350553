// nginx's words for what a system call said: "connect() failed (111: Connection refused)".
import type { IoError } from '../io/engine.ts';

export function ioErrorText(error: IoError): string {
  return `${error.call}() failed (${error.errno}: ${error.text})`;
}
