// A directive's declaration tested against itself: its example passes, each of `refuses` fails with its text, its default reads.
import { checkConfig, defaultValue, type Environment } from './check.ts';
import type { ConfigError } from './config-error.ts';
import type { Directive } from './directive.ts';
import { parseText } from './tree.ts';

/** What is wrong with the declaration, in sentences; empty when all is well. `all`: every directive that its blocks may hold. */
export function checkDeclaration(
  directive: Directive<unknown>,
  all: readonly Directive<unknown>[],
): string[] {
  if (directive.unsupported) return [];
  const tried = all.includes(directive) ? all : [directive, ...all];
  const faults: string[] = [];
  for (const error of tryText(directive.example, directive, tried)) {
    faults.push(`its example "${directive.example}" is refused: ${wording(error)}`);
  }
  if (!parseText(directive.example).statements.some(({ name }) => name.text === directive.name)) {
    faults.push(`its example "${directive.example}" does not use it`);
  }
  for (const [text, expected] of Object.entries(directive.refuses)) {
    const wordings = tryText(text, directive, tried).map(wording);
    if (wordings.some((each) => each.includes(expected))) continue;
    faults.push(`"${text}" should be refused with '${expected}', not with '${wordings.join("', '")}'`);
  }
  try {
    defaultValue(directive, ENVIRONMENT);
  } catch (error) {
    faults.push(String(error));
  }
  return faults;
}

/** nginx's words, then the help. */
function wording({ message, hint }: ConfigError): string {
  return hint === undefined ? message : `${message} ${hint}`;
}

/** Reads `text` as it would stand in the first of the directive's contexts. */
function tryText(
  text: string,
  directive: Directive<unknown>,
  all: readonly Directive<unknown>[],
): readonly ConfigError[] {
  const { statements, errors } = parseText(text);
  if (errors.length > 0) return errors;
  const [context = 'main'] = directive.contexts;
  return checkConfig(statements, all, ENVIRONMENT, context).errors;
}

const ENVIRONMENT: Environment = {
  confPath: (path) => (path.startsWith('/') ? path : `/etc/holdfast/${path}`),
  prefixPath: (path) => (path.startsWith('/') ? path : `/usr/share/holdfast/${path}`),
  readFile: () => ({ code: 'ENOENT', errno: 2, text: 'No such file or directory' }),
};
