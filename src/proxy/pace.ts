// How fast a client is sent its answer under limit_rate: so many bytes a second since the request began, whole seconds counted, as
// ngx_http_write_filter() reckons. Holds no bytes and no timer: the queue asks how much may go, its owner wakes it at `until`.
import type { Ms } from '../base/time.ts';
import { parseSize } from '../config/units.ts';
import type { Render } from '../plan/scope.ts';
import type { Exchange } from './exchange.ts';

export class Pace {
  /** Nothing more goes before. */
  until: Ms = 0;
  private sent = 0;
  private readonly bytesPerSecond: number;
  private readonly freeBytes: number;
  private readonly startedAt: Ms;

  /** `freeBytes` go at once (limit_rate_after). */
  constructor(bytesPerSecond: number, freeBytes: number, startedAt: Ms) {
    this.bytesPerSecond = bytesPerSecond;
    this.freeBytes = freeBytes;
    this.startedAt = startedAt;
  }

  /** How many bytes may go now; where it is none, `until` says when some may. */
  room(now: Ms): number {
    if (now < this.until) return 0;
    const seconds = Math.floor((now - this.startedAt) / 1000) + 1;
    const room = this.bytesPerSecond * seconds + this.freeBytes - this.sent;
    if (room > 0) return room;
    this.until = now + Math.floor((-room * 1000) / this.bytesPerSecond) + 1;
    return 0;
  }

  /** So many have gone: the next wait until they would have at the rate. */
  took(bytes: number, now: Ms): void {
    const before = Math.max(0, this.sent - this.freeBytes);
    this.sent += bytes;
    const counted = Math.max(0, this.sent - this.freeBytes) - before;
    this.until = now + Math.floor((counted * 1000) / this.bytesPerSecond);
  }
}

/** What limits the answer of `x`, if anything does. */
export function paceOf(x: Exchange): Pace | undefined {
  const { limitRate, limitRateAfter } = x.location.core;
  if (x.limitRate < 0) x.limitRate = sizeOf(x, limitRate);
  if (x.limitRate === 0 || x.answer.status === 101) return undefined;
  return new Pace(x.limitRate, sizeOf(x, limitRateAfter), x.startedAt);
}

function sizeOf(x: Exchange, render: Render | undefined): number {
  if (render === undefined) return 0;
  const text = render(x);
  const size = parseSize(text);
  if (size === undefined) x.log('error', `invalid size "${text}"`);
  return size ?? 0;
}
