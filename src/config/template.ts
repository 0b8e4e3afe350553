// Text with variables in it: `http://$host${uri}`. Found where ngx_http_script_compile() finds them; what a variable is, plan/ knows.
import type { Argument, Site, Word } from './directive.ts';
import { asciiLower } from './units.ts';

export interface Template {
  readonly source: string;
  /** Where it stands, for errors that come later. */
  readonly word: Word;
  /** Text as it is, and variables by name in lower case without `$`; captures are '1' to '9'. */
  readonly parts: readonly TemplatePart[];
}

export type TemplatePart = string | { readonly name: string };

/** A word with variables in it. */
export const template: Argument<Template> = {
  allowed: 'text, with variables as in $name',
  read: (word, site) => parseTemplate(word.text, word, site),
};

/** The one text of a template without variables; undefined where it has any. */
export function constantText({ parts }: Template): string | undefined {
  if (parts.length === 0) return '';
  const [part] = parts;
  return parts.length === 1 && typeof part === 'string' ? part : undefined;
}

/** Parses `source`, which is `word`'s text or a part of it. Throws ConfigError at `word`. */
export function parseTemplate(source: string, word: Word, site: Site): Template {
  const parts: TemplatePart[] = [];
  let text = '';
  let at = 0;
  while (at < source.length) {
    const dollar = source.indexOf('$', at);
    if (dollar === -1) break;
    text += source.slice(at, dollar);
    const [found, braced, bare, capture] = matchVariable(source, dollar);
    const name = capture ?? braced ?? bare;
    if (name === undefined) throw invalidVariable(source, dollar, word, site);
    // `${1}` is no capture but a variable of that name, which nginx does not have.
    if (braced !== undefined && /^[1-9]$/.test(braced)) {
      throw site.error(`unknown "${braced}" variable`, word, `a capture is written $${braced}`);
    }
    if (text !== '') parts.push(text);
    text = '';
    parts.push({ name: asciiLower(name) });
    at = dollar + found.length;
  }
  text += source.slice(at);
  if (text !== '') parts.push(text);
  return { source, word, parts };
}

/** All of it, `{name}`, `name` and the digit of a capture. */
function matchVariable(
  source: string,
  dollar: number,
): readonly [string, string | undefined, string | undefined, string | undefined] {
  const pattern = /\$(?:\{(\w+)\}|(?![1-9])(\w+)|([1-9]))/y;
  pattern.lastIndex = dollar;
  const match = pattern.exec(source);
  return match === null ? ['', undefined, undefined, undefined] : [match[0], match[1], match[2], match[3]];
}

function invalidVariable(source: string, dollar: number, word: Word, site: Site) {
  const open = /^\{(\w*)(.?)/s.exec(source.slice(dollar + 1));
  if (open === null || (open[1] === '' && (open[2] === '' || open[2] === '}'))) {
    return site.error(
      'invalid variable name',
      word,
      'a "$" begins a variable\'s name; it cannot stand alone',
    );
  }
  return site.error(`the closing bracket in "${open[1]}" variable is missing`, word);
}
