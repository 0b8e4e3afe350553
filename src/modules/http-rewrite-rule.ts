// The `rewrite` directive: a URI that matches becomes another one, or a redirect. As ngx_http_rewrite() and
// ngx_http_script_regex_start_code() to ngx_http_script_regex_end_code().
import type { Site } from '../config/directive.ts';
import { type Pattern, readPattern } from '../config/pcre.ts';
import { parseTemplate, type Template, type TemplatePart } from '../config/template.ts';
import { safeHeaderValue } from '../http/header-list.ts';
import { unescapeUri } from '../http/uri.ts';
import type { Scope } from '../plan/scope.ts';
import { logMatch, type Run, type Step } from './http-rewrite-script.ts';
import { scriptValue } from './http-rewrite-value.ts';
import { patternTest } from './pattern-use.ts';

export interface Rule {
  readonly pattern: Pattern;
  readonly path: Template;
  /** What follows the first "?" of the replacement; a redirect keeps all of it in `path`. */
  readonly args: Template | undefined;
  /** The replacement has a "?" of its own. */
  readonly hasArgs: boolean;
  /** The request's arguments are added: the replacement does not end with "?". */
  readonly addArgs: boolean;
  /** 0: no redirect. */
  readonly status: number;
  readonly breaks: boolean;
  /** Nothing of the script runs after a match. */
  readonly last: boolean;
}

export function readRule(site: Site): Rule {
  const [patternWord, replacement, flagWord] = site.words;
  if (patternWord === undefined || replacement === undefined) throw site.error('invalid number of arguments');
  if (replacement.text === '') throw site.error('empty replacement', replacement);
  const pattern = readPattern(patternWord, site);
  const flag = flagWord?.text;
  if (flag !== undefined && !FLAGS.has(flag)) {
    throw site.error(
      `invalid parameter "${flag}"`,
      flagWord,
      'flags are last, break, redirect and permanent',
    );
  }
  const addArgs = !replacement.text.endsWith('?');
  const source = addArgs ? replacement.text : replacement.text.slice(0, -1);
  const absolute = /^(https?:\/\/|\$scheme)/.test(source);
  const status = flag === 'permanent' ? 301 : flag === 'redirect' || absolute ? 302 : 0;
  const template = parseTemplate(source, replacement, site);
  const [path, args] = splitAtMark(template);
  return {
    pattern,
    path: status === 0 ? path : template,
    args: status === 0 ? args : undefined,
    hasArgs: args !== undefined,
    addArgs,
    status,
    breaks: flag === 'break',
    last: flag !== undefined || absolute,
  };
}

const FLAGS: ReadonlySet<string> = new Set(['last', 'break', 'redirect', 'permanent']);

/** What stands before the first "?" and after it; a "?" in a variable's value is none. */
function splitAtMark({ parts, source, word }: Template): readonly [Template, Template | undefined] {
  const at = parts.findIndex((part) => typeof part === 'string' && part.includes('?'));
  const part = parts[at];
  if (typeof part !== 'string') return [{ parts, source, word }, undefined];
  const mark = part.indexOf('?');
  const made = (some: readonly TemplatePart[]): Template => ({
    parts: some.filter((each) => each !== ''),
    source,
    word,
  });
  return [
    made([...parts.slice(0, at), part.slice(0, mark)]),
    made([part.slice(mark + 1), ...parts.slice(at + 1)]),
  ];
}

export function ruleStep(scope: Scope, rule: Rule): Step {
  const test = patternTest(scope, rule.pattern);
  const pathOf = scriptValue(scope, rule.path);
  const argsOf = rule.args && scriptValue(scope, rule.args);
  const { source } = rule.pattern;
  return (run) => {
    const { x } = run;
    const matched = test(x, x.uri);
    logMatch(run, source, x.uri, matched);
    if (!matched) return true;
    x.internal = true;
    x.unparsedUriValid = false;
    x.uriChanged = !rule.breaks;
    if (rule.breaks) x.locationValid = false;
    if (rule.status !== 0) {
      redirectTo(run, rule, pathOf(x, true));
      return false;
    }
    const path = pathOf(x, false);
    const own = argsOf?.(x, true);
    if (own !== undefined) x.args = rule.addArgs && x.args !== '' ? `${own}&${x.args}` : own;
    else if (!rule.addArgs) x.args = '';
    run.escaped = false;
    if (run.log) x.log('notice', `rewritten data: "${path}", args: "${x.args}"`);
    x.uri = path;
    if (path === '') {
      x.log('error', 'the rewritten URI has a zero length');
      run.verdict = 500;
      return false;
    }
    return !rule.last;
  };
}

function redirectTo(run: Run, { addArgs, hasArgs, status }: Rule, target: string): void {
  const { x } = run;
  let location = unescapeUri(target, 'redirect');
  if (addArgs && x.args !== '') location += (hasArgs ? '&' : '?') + x.args;
  if (run.log) x.log('notice', `rewritten redirect: "${location}"`);
  x.answer.location = safeHeaderValue(location);
  run.verdict = status;
}
