// What is wrong with a regular expression, in PCRE2's words, and where.

export class PatternError extends Error {
  override readonly name = 'PatternError';
  /** As pcre2_compile() gives it. */
  readonly offset: number;
  /** Right for PCRE, without an equal in JavaScript. */
  readonly unsupported: boolean;

  constructor(message: string, offset: number, unsupported = false) {
    super(message);
    this.offset = offset;
    this.unsupported = unsupported;
  }
}

export function refused(what: string, offset: number): PatternError {
  return new PatternError(`${what} is not supported by Holdfast`, offset, true);
}
