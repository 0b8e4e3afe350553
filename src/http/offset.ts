// Lengths and positions written in decimal, as ngx_atoof() reads them.

/** The largest that nginx reads: NGX_MAX_OFF_T_VALUE. */
const OFF_T_MAX = '9223372036854775807';

/** -1 where `text` is none. Above MAX_SAFE_INTEGER a number is not exact, but what is larger than any file or limit stays so. */
export function readOffset(text: string): number {
  if (!/^[0-9]+$/.test(text)) return -1;
  const offset = Number(text);
  if (offset <= Number.MAX_SAFE_INTEGER) return offset;
  const digits = text.replace(/^0+/, '');
  const known =
    digits.length < OFF_T_MAX.length || (digits.length === OFF_T_MAX.length && digits <= OFF_T_MAX);
  return known ? offset : -1;
}
