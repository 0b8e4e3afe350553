// The condition of an `if`: a variable alone, compared with a text or a regular expression, or a test of a file. As
// ngx_http_rewrite_if_condition() and the code it makes.

import { isFileError } from '../base/file-error.ts';
import type { Site, Word } from '../config/directive.ts';
import { type Pattern, readPattern } from '../config/pcre.ts';
import { parseTemplate, type Template } from '../config/template.ts';
import { asciiLower } from '../config/units.ts';
import type { Scope } from '../plan/scope.ts';
import type { Exchange } from '../proxy/exchange.ts';
import { logMatch, type Run } from './http-rewrite-script.ts';
import { scriptValue } from './http-rewrite-value.ts';
import { patternTest } from './pattern-use.ts';

type FileTest = 'f' | 'd' | 'e' | 'x';

export type Condition =
  | { readonly kind: 'true'; readonly variable: Variable }
  | {
      readonly kind: 'equal';
      readonly variable: Variable;
      readonly value: Template;
      readonly negative: boolean;
    }
  | {
      readonly kind: 'match';
      readonly variable: Variable;
      readonly pattern: Pattern;
      readonly negative: boolean;
    }
  | { readonly kind: 'file'; readonly test: FileTest; readonly path: Template; readonly negative: boolean };

interface Variable {
  readonly name: string;
  readonly word: Word;
}

export function readCondition(site: Site): Condition {
  const words = withoutBrackets(site);
  const [first, operator, last] = words;
  if (first === undefined) throw invalid(site, site.words.at(-1), ')');
  const { text } = first;
  if (text.length > 1 && text.startsWith('$')) {
    const variable = variableOf(first, site);
    if (operator === undefined) return { kind: 'true', variable };
    if (last === undefined || words.length > 3) throw invalid(site, first, text);
    return comparison(variable, operator, last, site);
  }
  if (!/^!?-.$/s.test(text) || operator === undefined || words.length > 2) throw invalid(site, first, text);
  const test = text.at(-1);
  if (test !== 'f' && test !== 'd' && test !== 'e' && test !== 'x') throw invalid(site, first, text);
  return {
    kind: 'file',
    test,
    path: parseTemplate(operator.text, operator, site),
    negative: text.startsWith('!'),
  };
}

function comparison(variable: Variable, operator: Word, last: Word, site: Site): Condition {
  const negative = operator.text.startsWith('!');
  switch (negative ? operator.text.slice(1) : operator.text) {
    case '=':
      return { kind: 'equal', variable, value: parseTemplate(last.text, last, site), negative };
    case '~':
      return { kind: 'match', variable, pattern: readPattern(last, site), negative };
    case '~*':
      return { kind: 'match', variable, pattern: readPattern(last, site, { caseless: true }), negative };
    default:
      throw site.error(
        `unexpected "${operator.text}" in condition`,
        operator,
        'a variable is compared by =, !=, ~, ~*, !~ or !~*',
      );
  }
}

/** The words between "(" and ")", which stand alone or at the edge of a word. */
function withoutBrackets(site: Site): readonly Word[] {
  const words = [...site.words];
  const [first] = words;
  if (first === undefined || !first.text.startsWith('(')) throw invalid(site, first, first?.text ?? '');
  if (first.text === '(') words.shift();
  else words[0] = { ...first, text: first.text.slice(1), offset: first.offset + 1 };
  const last = words.at(-1);
  if (last === undefined || !last.text.endsWith(')'))
    throw invalid(site, last ?? first, last?.text ?? first.text);
  if (last.text === ')') words.pop();
  else words[words.length - 1] = { ...last, text: last.text.slice(0, -1), end: last.end - 1 };
  return words;
}

/** Of an `if` the name is all that follows the `$`; a capture is no variable here. */
function variableOf(word: Word, site: Site): Variable {
  const name = asciiLower(word.text.slice(1));
  if (!/^[1-9]$/.test(name)) return { name, word };
  throw site.error(
    `unknown "${name}" variable`,
    word,
    'captures cannot be tested; `set` one into a variable',
  );
}

function invalid(site: Site, word: Word | undefined, text: string) {
  return site.error(`invalid condition "${text}"`, word, 'as in: if ($request_method = POST) { … }');
}

/** The condition as a function. */
export function conditionTest(scope: Scope, condition: Condition): (run: Run) => boolean {
  if (condition.kind === 'file') return fileTest(scope, condition.test, condition.path, condition.negative);
  const variable = scope.variable(condition.variable.name, condition.variable.word);
  const value = (x: Exchange): string => variable.evaluate(x) ?? '';
  if (condition.kind === 'true') {
    return ({ x }) => {
      const text = value(x);
      return text !== '' && text !== '0';
    };
  }
  const { negative } = condition;
  if (condition.kind === 'equal') {
    const other = scriptValue(scope, condition.value);
    return ({ x, escaped }) => (value(x) === other(x, escaped)) !== negative;
  }
  const test = patternTest(scope, condition.pattern);
  const { source } = condition.pattern;
  return (run) => {
    const subject = value(run.x);
    const matched = test(run.x, subject);
    logMatch(run, source, subject, matched);
    return matched !== negative;
  };
}

/** As ngx_http_script_file_code(). */
function fileTest(scope: Scope, test: FileTest, path: Template, negative: boolean): (run: Run) => boolean {
  const pathOf = scriptValue(scope, path);
  return ({ x, escaped }) => {
    const name = pathOf(x, escaped);
    const facts = x.program.files.stat(name);
    if (isFileError(facts)) {
      if (!ABSENT.has(facts.code)) x.log('crit', `stat() "${name}" failed (${facts.errno}: ${facts.text})`);
      return negative;
    }
    const { kind, executable } = facts;
    const holds = {
      f: kind === 'file',
      d: kind === 'directory',
      e: kind !== 'other',
      x: executable,
    }[test];
    return holds !== negative;
  };
}

const ABSENT: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG']);
