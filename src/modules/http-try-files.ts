// ngx_http_try_files_module: the request is answered by the first of a list of files or folders that is there, else by a last URI,
// named location or status.

import { isFileError } from '../base/file-error.ts';
import type { Site } from '../config/directive.ts';
import { directive } from '../config/directive.ts';
import { parseTemplate, type Template } from '../config/template.ts';
import { parseWhole } from '../config/units.ts';
import type { LocationPlan } from '../plan/plan.ts';
import type { Render, Scope } from '../plan/scope.ts';
import type { Exchange } from '../proxy/exchange.ts';
import { isMissing, logFileFailure } from './file-failure.ts';
import { documentRoot } from './http-core-root.ts';
import { defineModule, type Verdict } from './module.ts';

interface WrittenTry {
  readonly template: Template;
  /** It ended with a slash: a folder is looked for. */
  readonly folder: boolean;
}

interface WrittenTries {
  readonly tries: readonly WrittenTry[];
  readonly last: Template | number;
}

export const tryFiles = directive<WrittenTries | undefined>({
  name: 'try_files',
  contexts: ['server', 'location'],
  inherit: 'none',
  arity: [2, Number.POSITIVE_INFINITY],
  read: readTries,
  doc: 'Files (and folders, written with a slash at the end) that are tried in turn; the last word is a URI, @location or =status for when none is there.',
  example: 'try_files $uri $uri/ /index.html;',
  refuses: {
    'try_files $uri;': 'invalid number of arguments in "try_files" directive',
    'try_files $uri =1000;': 'invalid code "=1000"',
  },
});

const STATUS_MAX = 999;

function readTries(site: Site): WrittenTries {
  const tries = site.words.slice(0, -1).map((each) => {
    const folder = each.text.endsWith('/');
    const source = folder ? each.text.slice(0, -1) : each.text;
    return { template: parseTemplate(source, each, site), folder };
  });
  const last = site.words.at(-1);
  if (last === undefined) throw site.error('invalid number of arguments in "try_files" directive');
  if (!last.text.startsWith('=')) return { tries, last: parseTemplate(last.text, last, site) };
  const status = parseWhole(last.text.slice(1));
  if (status === undefined || status > STATUS_MAX) throw site.error(`invalid code "${last.text}"`, last);
  return { tries, last: status };
}

interface Tries {
  readonly tries: readonly { readonly render: Render; readonly folder: boolean }[];
  readonly last: Render | number;
  /** Not inherited: it counts in its own location alone, not in an `if` inside it either. */
  owner: LocationPlan | undefined;
}

export const httpTryFiles = defineModule<Tries | undefined>({
  name: 'http-try-files',
  directives: [tryFiles],
  compile: compileTries,
  phases: [{ phase: 'precontent', applies: (tries) => tries !== undefined, handler: tryInTurn }],
});

function compileTries(scope: Scope): Tries | undefined {
  const written = scope.has(tryFiles) ? scope.own(tryFiles) : undefined;
  if (written === undefined) return undefined;
  const { last } = written;
  const compiled: Tries = {
    tries: written.tries.map(({ template, folder }) => ({ render: scope.render(template), folder })),
    last: typeof last === 'number' ? last : scope.render(last),
    owner: undefined,
  };
  scope.whenComplete(() => {
    compiled.owner = scope.location;
  });
  return compiled;
}

/** As ngx_http_try_files_handler(). */
function tryInTurn(x: Exchange): Verdict {
  const compiled = httpTryFiles.slice(x);
  if (compiled === undefined || compiled.owner !== x.location) return 'next';
  if (x.location.core.filePath(x) === undefined) return 500;
  const root = documentRoot(x);
  for (const { render, folder } of compiled.tries) {
    const name = nameOf(x, render);
    const path = root + name;
    const facts = x.program.files.stat(path);
    if (isFileError(facts)) {
      if (!isMissing(facts)) logFileFailure(x, 'crit', 'stat()', path, facts);
      continue;
    }
    if ((facts.kind === 'directory') !== folder) continue;
    takeFile(x, name, folder);
    return 'next';
  }
  return takeLast(x, compiled.last);
}

/** A name made of variables that begins with what the alias stands for is taken without it. */
function nameOf(x: Exchange, render: Render): string {
  const name = render(x);
  const { alias, aliasNameBytes } = x.location.core;
  if (render.constant !== undefined || alias === undefined || aliasNameBytes === 0) return name;
  if (aliasNameBytes === Number.POSITIVE_INFINITY) return name;
  return name.startsWith(x.uri.slice(0, aliasNameBytes)) ? name.slice(aliasNameBytes) : name;
}

function takeFile(x: Exchange, name: string, folder: boolean): void {
  const { alias, aliasNameBytes } = x.location.core;
  if (alias === undefined) x.uri = name;
  else if (aliasNameBytes !== Number.POSITIVE_INFINITY) x.uri = x.uri.slice(0, aliasNameBytes) + name;
  else if (!folder) {
    x.uri = name;
    x.uriUnderAlias = true;
  }
}

function takeLast(x: Exchange, last: Render | number): Verdict {
  if (typeof last === 'number') return last;
  const target = nameOf(x, last);
  if (target.startsWith('@')) {
    x.redirectToNamed(target);
    return 'done';
  }
  const mark = target.indexOf('?');
  if (mark === -1) x.redirect(target, '');
  else x.redirect(target.slice(0, mark), target.slice(mark + 1));
  return 'done';
}
