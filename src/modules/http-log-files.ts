// Logs whose names have variables: opened for each line, or kept open by open_log_file_cache. As ngx_http_log_script_write() and
// the part of ngx_open_file_cache that it uses. Times in ms.

import { type FileError, isFileError } from '../base/file-error.ts';
import type { Ms } from '../base/time.ts';
import type { FileHandle, Files } from '../proxy/ports.ts';

/** open_log_file_cache. */
export interface LogCacheSettings {
  readonly max: number;
  readonly inactiveMs: Ms;
  readonly validMs: Ms;
  readonly minUses: number;
}

/** Why a line is not in its file. */
export interface AppendProblem {
  readonly call: 'open' | 'write';
  readonly error: FileError;
}

/** Appends `line` to the file; a problem is the caller's to tell. */
export function appendLine(
  files: Files,
  cache: LogCacheSettings | undefined,
  path: string,
  line: string,
  now: Ms,
): AppendProblem | undefined {
  if (cache !== undefined) return cacheOf(files, cache).append(path, line, now);
  const file = files.openAppend(path);
  if (isFileError(file)) return { call: 'open', error: file };
  const wrote = files.append(file, line);
  files.close(file);
  return isFileError(wrote) ? { call: 'write', error: wrote } : undefined;
}

/** They outlive the plan, so that a reload neither leaks nor closes open logs: one for each world and setting. */
const caches = new WeakMap<Files, Map<string, LogFileCache>>();

function cacheOf(files: Files, settings: LogCacheSettings): LogFileCache {
  let ofFiles = caches.get(files);
  if (ofFiles === undefined) {
    ofFiles = new Map();
    caches.set(files, ofFiles);
  }
  const key = `${settings.max} ${settings.inactiveMs} ${settings.validMs} ${settings.minUses}`;
  let cache = ofFiles.get(key);
  if (cache === undefined) {
    cache = new LogFileCache(files, settings);
    ofFiles.set(key, cache);
  }
  return cache;
}

/** Closes what a world that ends has kept open. */
export function closeOpenLogs(files: Files): void {
  for (const cache of caches.get(files)?.values() ?? []) cache.closeAll();
}

interface OpenLog {
  /** Undefined while it has been used too seldom to be kept open. */
  file: FileHandle | undefined;
  openedAt: Ms;
  usedAt: Ms;
  uses: number;
}

/** In each append so many unused logs are let go, as ngx_expire_old_cached_files() does. */
const EXPIRED_PER_APPEND = 2;

export class LogFileCache {
  /** The least recently used first. */
  private readonly logs = new Map<string, OpenLog>();
  private readonly files: Files;
  private readonly settings: LogCacheSettings;

  constructor(files: Files, settings: LogCacheSettings) {
    this.files = files;
    this.settings = settings;
  }

  append(path: string, line: string, now: Ms): AppendProblem | undefined {
    this.expire(now);
    const log = this.logs.get(path) ?? { file: undefined, openedAt: now, usedAt: now, uses: 0 };
    this.logs.delete(path);
    if (log.file !== undefined && now - log.openedAt >= this.settings.validMs) this.close(log); // it may have been rotated
    if (log.file === undefined) {
      const file = this.files.openAppend(path);
      if (isFileError(file)) return { call: 'open', error: file };
      log.file = file;
      log.openedAt = now;
    }
    const wrote = this.files.append(log.file, line);
    log.uses++;
    log.usedAt = now;
    if (log.uses < this.settings.minUses) this.close(log);
    this.logs.set(path, log);
    if (this.logs.size > this.settings.max) this.dropOldest();
    return isFileError(wrote) ? { call: 'write', error: wrote } : undefined;
  }

  closeAll(): void {
    while (this.logs.size > 0) this.dropOldest();
  }

  private expire(now: Ms): void {
    for (let count = 0; count < EXPIRED_PER_APPEND; count++) {
      const [oldest] = this.logs.values();
      if (oldest === undefined || now - oldest.usedAt <= this.settings.inactiveMs) return;
      this.dropOldest();
    }
  }

  private dropOldest(): void {
    const [path] = this.logs.keys();
    if (path === undefined) return;
    const log = this.logs.get(path);
    this.logs.delete(path);
    if (log !== undefined) this.close(log);
  }

  private close(log: OpenLog): void {
    if (log.file !== undefined) this.files.close(log.file);
    log.file = undefined;
  }
}
