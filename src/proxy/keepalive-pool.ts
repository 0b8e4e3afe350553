// Idle connections to the peers of one upstream, kept for the next request. As ngx_http_upstream_keepalive_module: the most recently
// used of a peer is taken, the least recently used of all gives way.
import type { PeerConnection } from './peer-connection.ts';

export class KeepalivePool {
  /** Least recently used first. */
  private readonly idle: PeerConnection[] = [];
  private retired = false;

  get size(): number {
    return this.idle.length;
  }

  /** `tag`: the location that asks, where it may have its own connections alone. */
  take(peerName: string, tag: unknown): PeerConnection | undefined {
    for (let i = this.idle.length - 1; i >= 0; i--) {
      const connection = this.idle[i];
      if (connection?.peerName !== peerName || connection.tag !== tag) continue;
      if (i === this.idle.length - 1) this.idle.pop();
      else this.idle.splice(i, 1);
      return connection;
    }
    return undefined;
  }

  /** Keeps the connection, at most `max` in all; the one that gives way is closed. */
  keep(connection: PeerConnection, max: number): void {
    if (this.retired) return connection.close();
    while (this.idle.length >= max) this.idle.shift()?.close();
    this.idle.push(connection);
  }

  /** The connection is closed: by its peer, by age, by us. */
  remove(connection: PeerConnection): void {
    const index = this.idle.indexOf(connection);
    if (index !== -1) this.idle.splice(index, 1);
  }

  /** Closes all, and those that exchanges still have as they come back. */
  retire(): void {
    this.retired = true;
    for (const connection of this.idle.splice(0)) connection.close();
  }
}
