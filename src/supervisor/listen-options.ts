// A `listen` line as the engine's options.
import type { ListenOptions } from '../io/engine.ts';
import type { ListenSettings } from '../plan/plan.ts';

export function listenOptions(settings: ListenSettings): ListenOptions {
  const { keepalive } = settings;
  return {
    backlog: settings.backlog,
    reusePort: settings.reusePort,
    ipv6Only: settings.ipv6Only,
    deferred: settings.deferred,
    ...(settings.receiveBufferBytes === undefined ? {} : { receiveBufferBytes: settings.receiveBufferBytes }),
    ...(settings.sendBufferBytes === undefined ? {} : { sendBufferBytes: settings.sendBufferBytes }),
    ...(keepalive === 'system' ? {} : { keepalive: keepalive === 'on' ? SYSTEM_KEEPALIVE : keepalive }),
  };
}

const SYSTEM_KEEPALIVE = { idleSeconds: 0, intervalSeconds: 0, count: 0 };
