// A path as the system takes it: the bytes that the configuration has, whether or not they are UTF-8.
import { Buffer } from 'node:buffer';

export function systemPath(path: string): Buffer {
  return Buffer.from(path, 'latin1');
}
