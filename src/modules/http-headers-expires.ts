// expires: the Expires and Cache-Control headers of an answer. As ngx_http_parse_expires() and ngx_http_set_expires().
import type { Ms } from '../base/time.ts';
import type { Site } from '../config/directive.ts';
import { constantText, parseTemplate, type Template } from '../config/template.ts';
import { parseSeconds } from '../config/units.ts';
import { formatHttpDate, httpDate } from '../http/date.ts';
import type { Render, Scope } from '../plan/scope.ts';
import type { Exchange } from '../proxy/exchange.ts';

export type Expires =
  | { readonly kind: 'off' | 'epoch' | 'max' }
  /** Seconds from the request, from Last-Modified, or since midnight. */
  | { readonly kind: 'access' | 'modified' | 'daily'; readonly seconds: number };

export type WrittenExpires = Expires | { readonly modified: boolean; readonly template: Template };

/** What a request meets: fixed, or made of variables each time. */
export type CompiledExpires = Expires | { readonly modified: boolean; readonly render: Render };

export function readExpires(site: Site): WrittenExpires {
  const [first, second] = site.words;
  const name = site.statement.name.text;
  if (first === undefined || (second !== undefined && first.text !== 'modified')) {
    throw site.error(
      `"${name}" directive invalid value`,
      first,
      'as in: expires 30d; or: expires modified 1h;',
    );
  }
  const word = second ?? first;
  const template = parseTemplate(word.text, word, site);
  const modified = second !== undefined;
  const text = constantText(template);
  if (text === undefined) return { modified, template };
  const expires = parseExpires(text, modified);
  if (typeof expires !== 'string') return expires;
  throw site.error(
    `"${name}" directive ${expires}`,
    word,
    'off, epoch, max, or a time such as 30d, -1 or @15h30m',
  );
}

export function compileExpires(scope: Scope, written: WrittenExpires): CompiledExpires {
  return 'template' in written
    ? { modified: written.modified, render: scope.render(written.template) }
    : written;
}

/** A string says what is wrong. */
export function parseExpires(text: string, modified: boolean): Expires | string {
  if (!modified && (text === 'epoch' || text === 'max' || text === 'off')) return { kind: text };
  const daily = text.startsWith('@');
  if (daily && modified) return 'daily time cannot be used with "modified" parameter';
  const seconds = parseSeconds(/^[@+-]/.test(text) ? text.slice(1) : text);
  if (seconds === undefined) return 'invalid value';
  if (daily && seconds > DAY_SECONDS) return 'daily time value must be less than 24 hours';
  return {
    kind: daily ? 'daily' : modified ? 'modified' : 'access',
    seconds: text.startsWith('-') ? -seconds : seconds,
  };
}

const DAY_SECONDS = 86_400;
/** Ten years. */
const MAX_AGE_SECONDS = 315_360_000;

export function setExpires(x: Exchange, compiled: CompiledExpires): void {
  const expires = 'render' in compiled ? parseExpires(compiled.render(x), compiled.modified) : compiled;
  if (typeof expires === 'string' || expires.kind === 'off') return;
  const [date, control] = headersOf(x, expires);
  const { headers } = x.answer;
  headers.set('Expires', date);
  headers.set('Cache-Control', control);
}

function headersOf(x: Exchange, expires: Expires): readonly [date: string, control: string] {
  const now = Math.floor(x.wall / 1000);
  switch (expires.kind) {
    case 'epoch':
    case 'off':
      return ['Thu, 01 Jan 1970 00:00:01 GMT', 'no-cache'];
    case 'max':
      return ['Thu, 31 Dec 2037 23:55:55 GMT', `max-age=${MAX_AGE_SECONDS}`];
    case 'daily': {
      const at = nextTime(expires.seconds, now, x.program.facts.zoneMinutes(x.wall));
      return [formatHttpDate(at), `max-age=${at - now}`];
    }
    default: {
      const { seconds } = expires;
      if (seconds === 0) return [httpDate(now), 'max-age=0'];
      const { lastModifiedSeconds } = x.answer;
      const from = expires.kind === 'modified' && lastModifiedSeconds >= 0 ? lastModifiedSeconds : now;
      const at = from + seconds;
      return [formatHttpDate(at), seconds < 0 || at < now ? 'no-cache' : `max-age=${at - now}`];
    }
  }
}

/** As ngx_next_time(): when the clock next shows so many seconds after midnight. */
function nextTime(secondsOfDay: number, now: number, zoneMinutes: Ms): number {
  const shift = zoneMinutes * 60;
  const midnight = Math.floor((now + shift) / DAY_SECONDS) * DAY_SECONDS - shift;
  const next = midnight + secondsOfDay;
  return next > now ? next : next + DAY_SECONDS;
}
