// Times as heads and logs write them: HTTP dates (RFC 9110, 5.6.7), the access log's two forms, the error log's. Seconds since 1970 in,
// text out; the offset of the time zone is given. Each form keeps its last text: within one second it costs one comparison.

export interface CivilTime {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  /** 0 is Sunday. */
  readonly weekday: number;
}

/** As ngx_gmtime(): what is before 1970 is 1970, what is after 9999 is its last second. */
export function civilTime(seconds: number): CivilTime {
  const whole = Math.min(Math.max(Math.floor(seconds), 0), LAST_SECOND);
  const days = Math.floor(whole / DAY);
  const rest = whole - days * DAY;
  // days counted from March 1, 0000, in eras of 400 years
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const ofEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * ofYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: ofYear - Math.floor((153 * marchMonth + 2) / 5) + 1,
    hour: Math.floor(rest / 3600),
    minute: Math.floor(rest / 60) % 60,
    second: rest % 60,
    weekday: (days + 4) % 7,
  };
}

/** "Tue, 24 Nov 2026 22:40:25 GMT", kept for the second: a head's `Date`. */
export function httpDate(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole !== lastDate) {
    lastDate = whole;
    lastDateText = formatHttpDate(whole);
  }
  return lastDateText;
}

/** `httpDate` for any other moment: Last-Modified, Expires. */
export function formatHttpDate(seconds: number): string {
  const t = civilTime(seconds);
  return `${WEEKDAYS[t.weekday]}, ${two(t.day)} ${MONTHS[t.month - 1]} ${t.year} ${clock(t)} GMT`;
}

/** The texts of one moment for the logs of one process. */
export class LogTime {
  private second = -1;
  private offsetMinutes = 0;
  private local = '';
  private iso = '';
  private error = '';

  /** `$time_local`: "24/Nov/2026:22:40:25 +0000". */
  timeLocal(seconds: number, offsetMinutes: number): string {
    this.update(seconds, offsetMinutes);
    return this.local;
  }

  /** `$time_iso8601`: "2026-11-24T22:40:25+00:00". */
  timeIso8601(seconds: number, offsetMinutes: number): string {
    this.update(seconds, offsetMinutes);
    return this.iso;
  }

  /** The error log's: "2026/11/24 22:40:25". */
  timeError(seconds: number, offsetMinutes: number): string {
    this.update(seconds, offsetMinutes);
    return this.error;
  }

  private update(seconds: number, offsetMinutes: number): void {
    const whole = Math.floor(seconds);
    if (whole === this.second && offsetMinutes === this.offsetMinutes) return;
    this.second = whole;
    this.offsetMinutes = offsetMinutes;
    const t = civilTime(whole + offsetMinutes * 60);
    const sign = offsetMinutes < 0 ? '-' : '+';
    const hours = two(Math.floor(Math.abs(offsetMinutes) / 60));
    const minutes = two(Math.abs(offsetMinutes) % 60);
    const [day, month, time] = [two(t.day), two(t.month), clock(t)];
    this.local = `${day}/${MONTHS[t.month - 1]}/${t.year}:${time} ${sign}${hours}${minutes}`;
    this.iso = `${t.year}-${month}-${day}T${time}${sign}${hours}:${minutes}`;
    this.error = `${t.year}/${month}/${day} ${time}`;
  }
}

/**
 * Seconds since 1970 of an HTTP date in any of its three forms, undefined where `text` is none. As ngx_parse_http_time(): the weekday
 * and what follows the time are not looked at.
 */
export function parseHttpDate(text: string): number | undefined {
  const parts = RFC822.exec(text) ?? RFC850.exec(text);
  if (parts !== null) {
    const written = Number(parts[3]);
    const short = parts[3]!.length === 2;
    const year = short ? written + (written < 70 ? 2000 : 1900) : written;
    return secondsOf(year, parts[2]!, Number(parts[1]), parts[4]!);
  }
  const asctime = ASCTIME.exec(text);
  return asctime === null
    ? undefined
    : secondsOf(Number(asctime[4]), asctime[1]!, Number(asctime[2]), asctime[3]!);
}

const DAY = 86_400;
/** December 31, 9999, 23:59:59. */
const LAST_SECOND = 2_932_896 * DAY + DAY - 1;
const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Sun, 06 Nov 1994 08:49:37 GMT */
const RFC822 = /^[^, ]*, *([0-9]{2}) ([A-Za-z]{3}) ([0-9]{4}) ([0-9]{2}:[0-9]{2}:[0-9]{2})/;
/** Sunday, 06-Nov-94 08:49:37 GMT */
const RFC850 = /^[^, ]*, *([0-9]{2})-([A-Za-z]{3})-([0-9]{2}) ([0-9]{2}:[0-9]{2}:[0-9]{2})/;
/** Sun Nov  6 08:49:37 1994 */
const ASCTIME = /^[^, ]* +([A-Za-z]{3}) {1,2}([0-9]{1,2}) ([0-9]{2}:[0-9]{2}:[0-9]{2}) ([0-9]{4})/;

let lastDate = -1;
let lastDateText = '';

function secondsOf(year: number, monthName: string, day: number, time: string): number | undefined {
  const month = MONTHS.indexOf(monthName) + 1;
  const [hour, minute, second] = [Number(time.slice(0, 2)), Number(time.slice(3, 5)), Number(time.slice(6))];
  if (month === 0 || hour > 23 || minute > 59 || second > 59 || day < 1 || day > daysOf(year, month)) {
    return undefined;
  }
  const marchYear = month <= 2 ? year - 1 : year;
  const era = Math.floor(marchYear / 400);
  const yearOfEra = marchYear - era * 400;
  const ofYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const ofEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + ofYear;
  return (era * 146_097 + ofEra - 719_468) * DAY + hour * 3600 + minute * 60 + second;
}

function daysOf(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function clock(t: CivilTime): string {
  return `${two(t.hour)}:${two(t.minute)}:${two(t.second)}`;
}

function two(number: number): string {
  return number < 10 ? `0${number}` : `${number}`;
}
