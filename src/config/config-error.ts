// A person's mistake in a configuration: thrown in config/ and plan/ only, gathered, all shown.

/** One mistake: nginx's own wording first (`message`), then help (`hint`), with the place to look at. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(
    message: string,
    readonly file: string,
    /** From 1; 0 where the mistake has no line (a flag, `-g`). */
    readonly line: number,
    readonly column: number,
    readonly directive: string,
    readonly hint: string | undefined,
    /** The line itself and how many chars to mark under it. */
    readonly excerpt: { readonly text: string; readonly length: number } | undefined,
  ) {
    super(message);
  }
}
