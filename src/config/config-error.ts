// A person's mistake in a configuration: thrown in config/ and plan/ only, gathered, all shown.

export interface Mistake {
  /** nginx's own wording. */
  readonly message: string;
  readonly file: string;
  /** From 1; 0 where the mistake has no line (a flag, `-g`). */
  readonly line: number;
  readonly column: number;
  readonly directive: string;
  /** Help after nginx's words: the near spelling, what is allowed there. */
  readonly hint?: string | undefined;
  /** The line itself and how many chars to mark under it, from `column`. */
  readonly excerpt?: { readonly text: string; readonly length: number } | undefined;
}

export class ConfigError extends Error implements Mistake {
  override readonly name = 'ConfigError';
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly directive: string;
  readonly hint: string | undefined;
  readonly excerpt: Mistake['excerpt'];

  constructor(mistake: Mistake) {
    super(mistake.message);
    this.file = mistake.file;
    this.line = mistake.line;
    this.column = mistake.column;
    this.directive = mistake.directive;
    this.hint = mistake.hint;
    this.excerpt = mistake.excerpt;
  }
}
