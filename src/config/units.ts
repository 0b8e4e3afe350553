// Numbers as nginx writes them: whole numbers, sizes, offsets, times. As ngx_atoi(), ngx_parse_size(), ngx_parse_offset() and
// ngx_parse_time(); undefined where nginx refuses, its limits of 64 bits included.

/** NGX_MAX_INT_T_VALUE and the like. */
const MAX = 2n ** 63n - 1n;

/** A whole number of decimal digits. */
export function parseWhole(text: string): number | undefined {
  const value = digits(text);
  return value === undefined || value > MAX ? undefined : Number(value);
}

/** Bytes: `512`, `8k`, `1m`. */
export function parseSize(text: string): number | undefined {
  return scaled(text, 'km');
}

/** Bytes: `512`, `8k`, `1m`, `1g`. */
export function parseOffset(text: string): number | undefined {
  return scaled(text, 'kmg');
}

/** Milliseconds: `300s`, `1h30m`, `500ms`; a bare number is seconds. */
export function parseTime(text: string): number | undefined {
  return parseUnits(text, false);
}

/** Seconds: `300s`, `1y 6M`; no milliseconds. */
export function parseSeconds(text: string): number | undefined {
  return parseUnits(text, true);
}

/** A to Z alone, as nginx compares names. */
export function asciiLower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function digits(text: string): bigint | undefined {
  return /^[0-9]+$/.test(text) ? BigInt(text) : undefined;
}

function scaled(text: string, units: string): number | undefined {
  const power = units.indexOf(text.slice(-1).toLowerCase()) + 1;
  const hasUnit = text !== '' && power > 0;
  const value = digits(hasUnit ? text.slice(0, -1) : text);
  if (value === undefined) return undefined;
  const scale = hasUnit ? 1024n ** BigInt(power) : 1n;
  return value > MAX / scale ? undefined : Number(value * scale);
}

/** In the order in which they must stand; a space ends the time at whole seconds. */
const STEPS = ['y', 'M', 'w', 'd', 'h', 'm', 's', 'ms', ' '] as const;
const SECONDS_IN: Readonly<Record<(typeof STEPS)[number], bigint>> = {
  y: 31_536_000n,
  M: 2_592_000n,
  w: 604_800n,
  d: 86_400n,
  h: 3_600n,
  m: 60n,
  s: 1n,
  ms: 1n,
  ' ': 1n,
};

/** Each unit at most once and in falling order; years and months are for seconds alone, `ms` for milliseconds. */
function parseUnits(text: string, inSeconds: boolean): number | undefined {
  const second = inSeconds ? 1n : 1000n;
  let total = 0n;
  let value = 0n;
  let least = inSeconds ? 0 : STEPS.indexOf('w');
  let valid = false;
  for (const [token] of text.matchAll(/[0-9]+|ms *|[yMwdhms] *| +|./gs)) {
    if (/^[0-9]/.test(token)) {
      value = BigInt(token);
      if (value > MAX) return undefined;
      valid = true;
      continue;
    }
    const unit = token.startsWith('ms') ? 'ms' : (token[0] as (typeof STEPS)[number]);
    const step = STEPS.indexOf(unit);
    if (step < least || (unit === 'ms' && inSeconds)) return undefined;
    if (unit === ' ' && least > STEPS.indexOf('s')) return undefined;
    const scale = SECONDS_IN[unit] * (unit === 'ms' ? 1n : second);
    if (value > MAX / scale) return undefined;
    total += value * scale;
    if (total > MAX) return undefined;
    value = 0n;
    least = step + 1;
  }
  total += value * second;
  return valid && total <= MAX ? Number(total) : undefined;
}
