// Statements → text that reads back as the same statements: for configurations given as objects, and for tests.
import type { Statement } from './directive.ts';

/** The least that printing asks of a statement, so that one can be made without a source. */
export interface PrintedStatement {
  readonly name: { readonly text: string };
  readonly words: readonly { readonly text: string }[];
  readonly block: readonly PrintedStatement[] | undefined;
}

export function printStatements(statements: readonly (PrintedStatement | Statement)[], indent = ''): string {
  return statements.map((statement) => printStatement(statement, indent)).join('');
}

/** A word as nginx reads it back: bare where that is safe, else in double quotes. */
export function printWord(text: string): string {
  if (/^[^\s;{}"'\\$#][^\s;{"'\\$]*$/.test(text)) return text;
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

function printStatement({ name, words, block }: PrintedStatement, indent: string): string {
  const head = indent + [name, ...words].map((word) => printWord(word.text)).join(' ');
  if (block === undefined) return `${head};\n`;
  return `${head} {\n${printStatements(block, `${indent}    `)}${indent}}\n`;
}
