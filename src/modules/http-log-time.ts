// Times as logs show them. A second's text is made once and kept.
import type { Ms } from '../base/time.ts';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAY_SECONDS = 86_400;

/** "28/Sep/1970:12:00:00 +0600", of a moment since 1970 and a zone in minutes east of UTC. */
export function timeLocal(wall: Ms, zoneMinutes: number): string {
  return timesOf(wall, zoneMinutes).local;
}

/** "1970-09-28T12:00:00+06:00" */
export function timeIso8601(wall: Ms, zoneMinutes: number): string {
  return timesOf(wall, zoneMinutes).iso8601;
}

/** "12.345" of milliseconds; a negative span is 0.000, as in nginx. */
export function secondsText(ms: Ms): string {
  const whole = Math.max(0, Math.floor(ms));
  const rest = whole % 1000;
  return `${(whole - rest) / 1000}.${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}`;
}

interface Times {
  readonly seconds: number;
  readonly zoneMinutes: number;
  readonly local: string;
  readonly iso8601: string;
}

let last: Times = { seconds: Number.NaN, zoneMinutes: 0, local: '', iso8601: '' };

function timesOf(wall: Ms, zoneMinutes: number): Times {
  const seconds = Math.floor(wall / 1000);
  if (last.seconds !== seconds || last.zoneMinutes !== zoneMinutes) last = render(seconds, zoneMinutes);
  return last;
}

function render(seconds: number, zoneMinutes: number): Times {
  const shown = seconds + zoneMinutes * 60;
  const days = Math.floor(shown / DAY_SECONDS);
  const rest = shown - days * DAY_SECONDS;
  const { year, month, day } = dateOf(days);
  const clock = `${two(Math.floor(rest / 3600))}:${two(Math.floor(rest / 60) % 60)}:${two(rest % 60)}`;
  const minutes = Math.abs(zoneMinutes);
  const sign = zoneMinutes < 0 ? '-' : '+';
  const zone = [two(Math.floor(minutes / 60)), two(minutes % 60)];
  return {
    seconds,
    zoneMinutes,
    local: `${two(day)}/${MONTHS[month - 1]}/${year}:${clock} ${sign}${zone.join('')}`,
    iso8601: `${year}-${two(month)}-${two(day)}T${clock}${sign}${zone.join(':')}`,
  };
}

/** The Gregorian date of a number of days since 1970, counted in years that begin with March. */
function dateOf(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const since0 = days + 719_468;
  const era = Math.floor(since0 / 146_097);
  const dayOfEra = since0 - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1,
  };
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}
