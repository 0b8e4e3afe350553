// Words → statements and blocks, with every `include` expanded where it stands, as ngx_conf_parse() and ngx_conf_include().
// All mistakes are gathered. Files come through a port; what a directive means is check.ts's.
import {
  BLOCK_DEPTH_MAX,
  CONFIG_BYTES_MAX,
  CONFIG_ERRORS_MAX,
  INCLUDE_DEPTH_MAX,
  INCLUDES_MAX,
} from '../base/limits.ts';
import { finished, type Steps } from '../base/steps.ts';
import { ConfigError } from './config-error.ts';
import type { Source, Statement, Word } from './directive.ts';
import { type ConfigFiles, failureMessage, isGlob } from './files.ts';
import { COMMAND_LINE, errorAt, errorAtWord, opensLine, placeOf } from './position.ts';
import { type Report, Tokens } from './tokens.ts';

export interface ParsedConfig {
  /** Those of `-g` first, then the file's. Where there are errors, statements may be missing. */
  readonly statements: readonly Statement[];
  readonly errors: readonly ConfigError[];
  /** Errors beyond CONFIG_ERRORS_MAX. */
  readonly errorsDropped: number;
  /** Each file that was read, once, in the order of reading. */
  readonly sources: readonly Source[];
}

interface ParseOptions {
  readonly globals?: string;
}

export function parseConfig(file: string, files: ConfigFiles, options: ParseOptions = {}): ParsedConfig {
  return finished(parseSteps(file, files, options));
}

/** A step a statement. */
export function* parseSteps(
  file: string,
  files: ConfigFiles,
  { globals }: ParseOptions = {},
): Steps<ParsedConfig> {
  const reader = new TreeReader(folderOf(file), files);
  const statements: Statement[] = [];
  if (globals !== undefined) yield* reader.readGlobals(globals, statements);
  yield* reader.readMain(file, statements);
  return reader.parsed(statements);
}

/** Statements of a text alone, for a default, an example or a test; its `include`s are not to be found. */
export function parseText(text: string, file = 'text'): ParsedConfig {
  const missing = { code: 'ENOENT', errno: 2, text: 'No such file or directory' };
  return parseConfig(file, { read: (path) => (path === file ? text : missing), glob: () => [] });
}

/** The folder of a path with its slash: nginx's conf prefix. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

/** The statement whose block is being read; without a name where `{` stood alone. */
interface Opener {
  readonly name: Word | undefined;
  /** It stands in a `#@` comment, and so must its `}`. */
  readonly sharp: boolean;
}

class TreeReader {
  private readonly sources = new Map<string, Source>();
  private readonly errors: ConfigError[] = [];
  private errorsDropped = 0;
  private includeDepth = 0;
  /** Files that were included and bytes that were read in all, each file as often as it is included. */
  private includes = 0;
  private bytes = 0;
  /** Set by the first include that goes beyond a limit: nothing is included any more. */
  private stopped = false;
  private readonly confPrefix: string;
  private readonly files: ConfigFiles;

  constructor(confPrefix: string, files: ConfigFiles) {
    this.confPrefix = confPrefix;
    this.files = files;
  }

  parsed(statements: readonly Statement[]): ParsedConfig {
    const { errors, errorsDropped } = this;
    return { statements, errors, errorsDropped, sources: [...this.sources.values()] };
  }

  *readMain(file: string, into: Statement[]): Steps<void> {
    const source = this.open(file);
    if (source instanceof ConfigError) this.fail(() => source);
    else if (source.text.length > CONFIG_BYTES_MAX)
      this.fail(() => withoutPlace(`"${file}" is longer than ${CONFIG_BYTES_MAX} bytes`));
    else yield* this.readSource(source, true, into);
  }

  *readGlobals(text: string, into: Statement[]): Steps<void> {
    yield* this.readSource({ file: COMMAND_LINE, text }, false, into);
  }

  private *readSource(source: Source, isFile: boolean, into: Statement[]): Steps<void> {
    this.bytes += source.text.length;
    const report: Report = (from, to, message, hint) => {
      this.fail(() => errorAt(source, from, to, message, tokens.words[0]?.text ?? '', hint));
    };
    const tokens = new Tokens(source, isFile, report);
    yield* this.readBody({ tokens, source, isFile, report }, undefined, 0, into);
  }

  /** Reads to the end of the block, or of the source where there is no `opener`. */
  private *readBody(
    from: Reading,
    opener: Opener | undefined,
    depth: number,
    into: Statement[],
  ): Steps<void> {
    const { tokens, report } = from;
    for (;;) {
      yield;
      switch (tokens.next()) {
        case 'end':
          if (opener !== undefined) this.unclosed(from, opener);
          return;
        case 'close':
          if (opener !== undefined && opener.sharp === tokens.sharp) return noteIndent(from, opener);
          report(tokens.at, tokens.at + 1, 'unexpected "}"', hintOfClose(opener));
          if (opener?.sharp !== true) break;
          tokens.back(); // nginx sees no block here: the `}` closes the one around it
          return;
        case 'open':
          yield* this.readBlock(from, depth, into);
          break;
        case 'statement': {
          const [name, ...words] = tokens.words;
          if (name === undefined || tokens.broken) break;
          if (name.text === 'include') yield* this.include(name, words, into);
          else into.push({ name, words, block: undefined });
        }
      }
    }
  }

  private *readBlock(from: Reading, depth: number, into: Statement[]): Steps<void> {
    const { tokens, report } = from;
    const { at, broken, sharp } = tokens;
    const [name, ...words] = tokens.words;
    if (depth === BLOCK_DEPTH_MAX) {
      report(at, at + 1, `blocks are nested deeper than ${BLOCK_DEPTH_MAX}`);
      return this.skipBlock(from);
    }
    if (!from.isFile) report(at, at + 1, 'block directives are not supported in -g option');
    else if (name?.text === 'include') {
      this.fail(() => errorAtWord(name, 'directive "include" is not terminated by ";"', 'include'));
    }
    const block: Statement[] = [];
    yield* this.readBody(from, { name, sharp }, depth + 1, block);
    if (name === undefined || broken || !from.isFile || name.text === 'include') return;
    into.push({ name, words, block });
  }

  private skipBlock({ tokens }: Reading): void {
    for (let open = 1; open > 0; ) {
      const token = tokens.next();
      if (token === 'end') return;
      if (token === 'open') open++;
      else if (token === 'close') open--;
    }
  }

  private unclosed(from: Reading, opener: Opener): void {
    const { source, report } = from;
    const end = source.text.length;
    const { name } = opener;
    const hint =
      name && `the block of "${name.text}" on line ${placeOf(source, name.offset).line} is not closed`;
    report(end, end, 'unexpected end of file, expecting "}"', from.suspect ?? hint);
  }

  private *include(name: Word, words: readonly Word[], into: Statement[]): Steps<void> {
    const [word] = words;
    if (word === undefined || words.length > 1) {
      const message = 'invalid number of arguments in "include" directive';
      return this.fail(() => errorAtWord(name, message, 'include', '"include" takes 1 argument'));
    }
    if (this.stopped) return;
    if (this.includeDepth === INCLUDE_DEPTH_MAX) {
      return this.stop(
        word,
        `includes are nested deeper than ${INCLUDE_DEPTH_MAX}`,
        'a file that includes itself?',
      );
    }
    const path = word.text.startsWith('/') ? word.text : this.confPrefix + word.text;
    this.includeDepth++;
    for (const file of isGlob(path) ? this.files.glob(path) : [path]) {
      const source = this.open(file, word);
      if (source instanceof ConfigError) this.fail(() => source);
      else if (++this.includes > INCLUDES_MAX)
        this.stop(word, `more than ${INCLUDES_MAX} files are included`);
      else if (this.bytes + source.text.length > CONFIG_BYTES_MAX)
        this.stop(word, `the configuration is longer than ${CONFIG_BYTES_MAX} bytes, with what it includes`);
      else yield* this.readSource(source, true, into);
      if (this.stopped) break;
    }
    this.includeDepth--;
  }

  private stop(word: Word, message: string, hint?: string): void {
    this.stopped = true;
    this.fail(() => errorAtWord(word, message, 'include', hint));
  }

  private open(path: string, word?: Word): Source | ConfigError {
    const known = this.sources.get(path);
    if (known !== undefined) return known;
    const text = this.files.read(path);
    if (typeof text === 'string') {
      const source = { file: path, text, includedAt: word };
      this.sources.set(path, source);
      return source;
    }
    const message = failureMessage(path, text);
    if (word !== undefined) return errorAtWord(word, message, 'include');
    return withoutPlace(message);
  }

  /** An error that nobody will see is not made: a file may hold a million. */
  private fail(error: () => ConfigError): void {
    if (this.errors.length < CONFIG_ERRORS_MAX) this.errors.push(error());
    else this.errorsDropped++;
  }
}

function withoutPlace(message: string): ConfigError {
  return new ConfigError({ message, file: '', line: 0, column: 0, directive: '' });
}

interface Reading {
  readonly tokens: Tokens;
  readonly source: Source;
  readonly isFile: boolean;
  readonly report: Report;
  /** Help for a `}` that is found missing at the end: the first that stands too far to the left for its block. */
  suspect?: string;
}

/** A `}` further left than the line that opened its block was meant for an outer one. */
function noteIndent(from: Reading, { name }: Opener): void {
  const { tokens, source } = from;
  if (from.suspect !== undefined || name === undefined) return;
  const opened = placeOf(source, name.offset);
  const closed = placeOf(source, tokens.at);
  if (closed.column >= opened.column || !opensLine(source, tokens.at) || !opensLine(source, name.offset))
    return;
  from.suspect =
    `the "}" on line ${closed.line} closes "${name.text}" of line ${opened.line}, ` +
    'but stands further left: is one missing before it?';
}

function hintOfClose(opener: Opener | undefined): string {
  if (opener === undefined) return 'no block is open here';
  return opener.sharp
    ? 'a block that is opened in a "#@" comment must be closed in one'
    : 'a "#@" comment cannot close a block that was opened outside';
}
