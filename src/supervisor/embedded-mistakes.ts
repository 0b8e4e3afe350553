// Mistakes of a configuration as whoever calls the library sees them: Unicode, columns in characters, the place in an object.
import { unicodeOf } from '../base/bytes.ts';
import type { Mistake } from '../config/config-error.ts';
import { renderMistake } from '../config/explain.ts';
import type { ObjectMistake } from './configuration-object.ts';

/** A configuration, and what its main file is called to a person. Byte strings. */
export interface NamedSource {
  readonly name: string;
  /** The path under which it is read, and relative to which it includes. */
  readonly file: string;
  /** Undefined for a file on disk. */
  readonly text: string | undefined;
  /** Of an object, by line of the text. */
  readonly paths: readonly string[] | undefined;
}

export interface EmbeddedMistake {
  /** nginx's own wording. */
  readonly message: string;
  /** '' where the mistake stands in no file. */
  readonly file: string;
  /** From 1; 0 where it has no line. */
  readonly line: number;
  readonly column: number;
  readonly directive: string;
  readonly hint: string | undefined;
  /** Where in an object: `http.server[0].listen`. */
  readonly path: string | undefined;
  /** All of it as lines for a person, with the line itself and a mark under the word. */
  readonly text: string;
}

export function mistakeOf(mistake: Mistake, source: NamedSource): EmbeddedMistake {
  const { line, directive } = mistake;
  const own = mistake.file === source.file;
  const file = own ? source.name : mistake.file;
  const path = own ? source.paths?.[line] : undefined;
  const message = plainText(mistake.message, source);
  const hint = mistake.hint === undefined ? undefined : plainText(mistake.hint, source);
  const rendered = renderMistake({ ...mistake, file, message, hint }).replace(/^holdfast: \[emerg\] /, '');
  return {
    message: unicodeOf(message),
    file: unicodeOf(file),
    line,
    column: columnOf(mistake),
    directive: unicodeOf(directive),
    hint: hint === undefined ? undefined : unicodeOf(hint),
    path,
    text: path === undefined ? rendered : `${rendered}\n  at ${path}`,
  };
}

/** What stands in an object that is no configuration. */
export function objectMistakes(
  source: NamedSource & { readonly mistakes: readonly ObjectMistake[] },
): EmbeddedMistake[] {
  const file = unicodeOf(source.name);
  return source.mistakes.map(({ message, path }) => ({
    message,
    file,
    line: 0,
    column: 0,
    directive: '',
    hint: undefined,
    path,
    text: `${message} in ${file}${path === '' ? '' : `\n  at ${path}`}`,
  }));
}

/** A text in which a configuration without a file is called by its name. */
export function plainText(text: string, { file, name }: NamedSource): string {
  return file === name ? text : text.replaceAll(file, name);
}

/** In characters, as an editor counts them; a mistake's own column counts bytes. */
function columnOf({ column, excerpt }: Mistake): number {
  if (excerpt === undefined || column === 0) return column;
  return unicodeOf(excerpt.text.slice(0, column - 1)).length + 1;
}
