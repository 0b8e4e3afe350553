// Lengths and positions written in decimal, as ngx_atoof() reads them.

/** The largest that nginx reads: NGX_MAX_OFF_T_VALUE. */
const OFF_T_MAX = '9223372036854775807';

/** -1 where `text` is none. Above MAX_SAFE_INTEGER a number is not exact, but what is larger than any file or limit stays so. */
export function readOffset(text: string): number {
  const { length } = text;
  if (length === 0) return -1;
  let offset = 0;
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    offset = offset * 10 + digit;
  }
  if (offset <= Number.MAX_SAFE_INTEGER) return offset;
  const digits = text.replace(/^0+/, '');
  const known =
    digits.length < OFF_T_MAX.length || (digits.length === OFF_T_MAX.length && digits <= OFF_T_MAX);
  return known ? offset : -1;
}
