// The master's listening sockets: one for each address and worker (SO_REUSEPORT), a Unix path's shared by all. They live as long as the
// address stands in the file, whatever becomes of the workers that accept on them. A reload binds first and listens when it holds.
import { unlinkSync } from 'node:fs';
import type { IoError } from '../io/engine.ts';
import { closeDescriptor } from '../io/epoll/descriptors.ts';
import { bindSocket, probeAddress, reconfigureSocket, startListening } from '../io/epoll/listen-socket.ts';
import { isIoError } from '../io/io-error.ts';
import type { ListenerPlan, ListenSettings } from '../plan/plan.ts';
import { listenOptions } from './listen-options.ts';
import type { SocketLabel } from './messages.ts';
import { systemPath } from './system-path.ts';

export interface BindProblem {
  readonly listener: ListenerPlan;
  readonly error: IoError;
}

export interface SocketHandle extends SocketLabel {
  readonly fd: number;
}

interface Bound extends SocketHandle {
  listening: boolean;
}

interface Entry {
  readonly settings: ListenSettings;
  /** By number of the worker; one alone for a Unix path. */
  readonly sockets: Bound[];
}

export class ListeningSockets {
  private current = new Map<string, Entry>();
  private next: Map<string, Entry> | undefined;
  private dropped: Entry[] = [];
  private ids = 0;

  /** Binds what is not there yet for so many workers. After a problem nothing has changed. */
  open(listeners: readonly ListenerPlan[], workers: number): BindProblem | undefined {
    const next = new Map<string, Entry>();
    this.next = next;
    for (const listener of listeners) {
      const entry: Entry = {
        settings: settingsOf(listener),
        sockets: [...(this.current.get(listener.key)?.sockets ?? [])],
      };
      next.set(listener.key, entry);
      const error = this.fill(entry, workers);
      if (error === undefined) continue;
      this.abort();
      return { listener, error };
    }
    return undefined;
  }

  private fill({ settings, sockets }: Entry, workers: number): IoError | undefined {
    const { address, key } = settings;
    const options = { ...listenOptions(settings), reusePort: address.family !== 'unix' };
    const wanted = address.family === 'unix' ? 1 : workers;
    if (sockets.length === 0 && !this.overlaps(settings)) {
      const error = probeAddress(address, options);
      if (error !== undefined) return error;
    }
    while (sockets.length < wanted) {
      const fd = bindSocket(address, options);
      if (isIoError(fd)) return fd;
      sockets.push({ id: ++this.ids, key, fd, listening: false });
    }
    return undefined;
  }

  /** Another address of ours on that port (0.0.0.0 beside 127.0.0.1) would look like another program's. */
  private overlaps(settings: ListenSettings): boolean {
    for (const entries of [this.current, this.next ?? this.current]) {
      for (const entry of entries.values()) {
        if (entry.sockets.length > 0 && samePort(entry.settings, settings)) return true;
      }
    }
    return false;
  }

  abort(): void {
    const { next } = this;
    this.next = undefined;
    for (const [key, { sockets }] of next ?? []) {
      const before = this.current.get(key)?.sockets ?? [];
      for (const socket of sockets) if (!before.includes(socket)) this.close(socket, next?.get(key));
    }
  }

  /** What was opened counts and listens; sockets of dropped addresses stay until `closeDropped`. The first that cannot listen is told. */
  commit(): BindProblem | undefined {
    const before = this.current;
    this.current = this.next ?? before;
    this.next = undefined;
    this.dropped = [...before].filter(([key]) => !this.current.has(key)).map(([, entry]) => entry);
    let problem: BindProblem | undefined;
    for (const { settings, sockets } of this.current.values()) {
      const changed = changedOptions(before.get(settings.key)?.settings, settings);
      for (const socket of sockets) {
        const error = socket.listening
          ? changed
            ? reconfigureSocket(socket.fd, settings.address, listenOptions(settings))
            : undefined
          : startListening(socket.fd, settings.backlog);
        if (error === undefined) socket.listening = true;
        else problem ??= { listener: { ...settings, servers: new Map() }, error };
      }
    }
    return problem;
  }

  closeDropped(): void {
    for (const entry of this.dropped) for (const socket of entry.sockets) this.close(socket, entry);
    this.dropped = [];
  }

  /** Which sockets a worker accepts on when there are `workers`: its own, those of workers that are no more, and the shared ones. */
  of(worker: number, workers: number): readonly SocketHandle[] {
    const handles: SocketHandle[] = [];
    for (const { settings, sockets } of this.current.values()) {
      if (settings.address.family === 'unix') handles.push(...sockets);
      else handles.push(...sockets.filter((_socket, i) => i % workers === worker));
    }
    return handles;
  }

  /** The end of the program: the files of Unix sockets go too, as ngx_close_listening_sockets() has it. */
  closeAll(): void {
    for (const entry of this.current.values()) for (const socket of entry.sockets) this.close(socket, entry);
    this.current.clear();
  }

  private close({ fd }: Bound, entry: Entry | undefined): void {
    closeDescriptor(fd);
    const address = entry?.settings.address;
    if (address?.family === 'unix') removeSocketFile(address.path);
  }
}

export function removeSocketFile(path: string): void {
  if (path.startsWith('\0')) return;
  try {
    unlinkSync(systemPath(path));
  } catch {
    // Somebody has removed it already.
  }
}

/** Without the servers behind it: a plan must not live on in the table. */
function settingsOf(listener: ListenerPlan): ListenSettings {
  const { servers: _servers, ...settings } = listener;
  return settings;
}

function samePort(a: ListenSettings, b: ListenSettings): boolean {
  if (a.address.family === 'unix' || b.address.family === 'unix') return false;
  if (a.address.port !== b.address.port) return false;
  return a.address.family === b.address.family || !a.ipv6Only || !b.ipv6Only;
}

function changedOptions(before: ListenSettings | undefined, settings: ListenSettings): boolean {
  return before !== undefined && JSON.stringify(before) !== JSON.stringify(settings);
}
