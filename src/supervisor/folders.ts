// Folders made on the way to a file. Not by mkdir's own recursion, which never ends where a parent can be named but not made (/proc).
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import type { IoError } from '../io/engine.ts';
import { ioErrorOfNode, ioErrorText } from '../io/io-error.ts';
import { systemPath } from './system-path.ts';

/** A path that cannot be had. */
export interface PathProblem {
  readonly path: string;
  readonly error: IoError;
}

/** nginx's line: `mkdir() "/var/temp" failed (2: No such file or directory)`. */
export function pathText({ path, error }: PathProblem): string {
  return `${error.call}() "${path}" failed (${ioErrorText(error)})`;
}

/** Makes the folder of `file` and those above it; throws what mkdir(2) says. */
export function makeFoldersFor(file: string, mode = 0o777): void {
  const missing: string[] = [];
  for (let folder = above(file); folder !== '' && !madeFolder(folder, mode); folder = above(folder)) {
    missing.unshift(folder);
  }
  for (const folder of missing) mkdirSync(systemPath(folder), mode);
}

/** Makes the folders for temporary files; `uid`: whose they shall be, where that can be chosen. As ngx_create_paths(). */
export function createPaths(folders: Iterable<string>, uid: number | undefined): PathProblem | undefined {
  for (const path of folders) {
    const error = ownFolder(path, uid);
    if (error !== undefined) return { path, error };
  }
  return undefined;
}

function ownFolder(folder: string, uid: number | undefined): IoError | undefined {
  const path = systemPath(folder);
  let call = 'mkdir';
  try {
    if (!existsSync(path)) mkdirSync(path, 0o700);
    if (uid === undefined) return undefined;
    call = 'stat';
    const { uid: owner, mode } = statSync(path);
    call = 'chown';
    if (owner !== uid) chownSync(path, uid, -1);
    call = 'chmod';
    if ((mode & 0o700) !== 0o700) chmodSync(path, (mode | 0o700) & 0o7777);
    return undefined;
  } catch (error) {
    return ioErrorOfNode(call, error);
  }
}

/** Removes a folder and those in it, unless a file is left in them. */
export function removeEmptyFolders(folder: string): void {
  const path = systemPath(folder);
  try {
    for (const entry of readdirSync(path, { withFileTypes: true, encoding: 'latin1' })) {
      if (entry.isDirectory()) removeEmptyFolders(`${folder}/${entry.name}`);
    }
    rmdirSync(path);
  } catch {
    // It was never made, or holds what was to be kept.
  }
}

/** '' for what stands in the root or in the current folder. */
function above(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** False where a parent is missing. */
function madeFolder(folder: string, mode: number): boolean {
  try {
    mkdirSync(systemPath(folder), mode);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return true;
    if (code === 'ENOENT') return false;
    throw error;
  }
}
