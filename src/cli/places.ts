// Where the flags say that the configuration lies.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Flags } from './flags.ts';

/** Both absolute; `prefix` with its slash. */
export function placesOf(flags: Flags): { readonly prefix: string; readonly file: string } {
  const prefix = `${resolve(flags.prefix ?? '.')}/`.replace(/\/\/$/, '/');
  const named = flags.file ?? (existsSync(`${prefix}nginx.conf`) ? 'nginx.conf' : 'conf/nginx.conf');
  return { prefix, file: resolve(prefix, named) };
}
