// What of a configuration could not be read, and which of the mistakes found later may only follow from that: a zone, an upstream or a
// variable is missing because the statement that makes it was refused. Such a mistake is not shown; the others are.
import type { Mistake } from './config-error.ts';
import type { Statement, Word } from './directive.ts';
import { placeOf } from './position.ts';

export class Unread {
  /** Names and words of the refused statements, and the names within those words. */
  private readonly words = new Set<string>();
  /** Where the heads of blocks stand that lack a statement. */
  private readonly heads = new Set<string>();
  private any = false;

  /** `opener` is the statement of the block around; none for the whole configuration. */
  add(statement: Statement, opener: Statement | undefined): void {
    this.any = true;
    this.addWords(statement);
    if (opener !== undefined) {
      for (const word of [opener.name, ...opener.words]) this.heads.add(placeOfWord(word));
    }
  }

  /** Whether `mistake` may be gone once what was refused can be read. */
  explains(mistake: Mistake): boolean {
    if (!this.any) return false;
    if (mistake.column === 0) return true; // of the configuration as a whole
    if (this.heads.has(key(mistake.file, mistake))) return true;
    return [...mistake.message.matchAll(/"([^"]*)"/g)].some(([, name = '']) =>
      this.words.has(name.toLowerCase()),
    );
  }

  private addWords({ name, words, block }: Statement): void {
    for (const { text } of [name, ...words]) {
      const lower = text.toLowerCase();
      this.words.add(lower);
      for (const [part] of lower.matchAll(/[\w.-]+/g)) this.words.add(part);
    }
    for (const inner of block ?? []) this.addWords(inner);
  }
}

function placeOfWord({ source, offset }: Word): string {
  return key(source.file, placeOf(source, offset));
}

function key(file: string, { line, column }: { readonly line: number; readonly column: number }): string {
  return `${line}:${column} ${file}`;
}
