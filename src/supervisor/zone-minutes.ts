// The system's time zone, asked for once a minute: each log line wants it, and it never changes within one.
import type { Ms } from '../base/time.ts';

const MINUTE_MS = 60_000;
let minute = -1;
let minutes = 0;

/** Minutes east of UTC at `wall`. */
export function zoneMinutes(wall: Ms): number {
  const asked = Math.floor(wall / MINUTE_MS);
  if (asked !== minute) {
    minute = asked;
    minutes = -new Date(wall).getTimezoneOffset();
  }
  return minutes;
}
