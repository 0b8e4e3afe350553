// ngx_http_index_module: a URI that ends with a slash is answered by the first of a list of files that is there.

import type { FileError } from '../base/file-error.ts';
import { isFileError } from '../base/file-error.ts';
import type { Site } from '../config/directive.ts';
import { directive } from '../config/directive.ts';
import { parseTemplate, type Template } from '../config/template.ts';
import type { Render } from '../plan/scope.ts';
import type { Exchange } from '../proxy/exchange.ts';
import { isLink, logFileFailure } from './file-failure.ts';
import { defineModule, type Verdict } from './module.ts';

export const index = directive({
  name: 'index',
  contexts: ['http', 'server', 'location'],
  arity: [1, Number.POSITIVE_INFINITY],
  repeat: true,
  read: readNames,
  default: 'index.html',
  doc: 'Files that are tried in turn for a URI that ends with a slash; the last may be a path from the root of the server.',
  example: 'index index.$host.html index.html /index.php;',
  refuses: { 'index "";': 'index "" in "index" directive is invalid' },
});

function readNames(site: Site): readonly Template[] {
  return site.words.map((each, i) => {
    if (each.text.startsWith('/') && i !== site.words.length - 1) {
      site.warn('only the last index in "index" directive should be absolute', each);
    }
    if (each.text === '') throw site.error('index "" in "index" directive is invalid', each);
    return parseTemplate(each.text, each, site);
  });
}

export const httpIndex = defineModule<readonly Render[]>({
  name: 'http-index',
  directives: [index],
  compile: (scope) => scope.all(index).flatMap((names) => names.map((name) => scope.render(name))),
  phases: [{ phase: 'content', applies: () => true, handler: tryIndexes }],
});

/** As ngx_http_index_handler(). */
function tryIndexes(x: Exchange): Verdict {
  if (!x.uri.endsWith('/')) return 'next';
  if (x.method !== 'GET' && x.method !== 'HEAD' && x.method !== 'POST') return 'next';
  let folder: string | undefined;
  for (const render of httpIndex.slice(x)) {
    const name = render(x);
    if (name.startsWith('/')) {
      x.redirect(name, x.args);
      return 'done';
    }
    if (folder === undefined) {
      const found = x.location.core.filePath(x);
      if (found === undefined) return 500;
      const verdict = tryIndex(x, found, name);
      if (verdict !== 'next') return verdict;
      folder = found;
      continue;
    }
    const verdict = tryIndex(x, folder, name, true);
    if (verdict !== 'next') return verdict;
  }
  return 'next';
}

function tryIndex(x: Exchange, folder: string, name: string, folderKnown = false): Verdict {
  const path = folder + name;
  const facts = x.program.files.stat(path);
  if (!isFileError(facts)) {
    x.redirect(x.uri + name, x.args);
    return 'done';
  }
  if (isLink(facts)) return 403;
  const { code } = facts;
  if (code === 'ENOTDIR' || code === 'ENAMETOOLONG' || code === 'EACCES') return notThere(x, path, facts);
  const verdict = folderKnown ? 'next' : testFolder(x, folder, path);
  if (verdict !== 'next' || code === 'ENOENT') return verdict;
  logFileFailure(x, 'crit', 'stat()', path, facts);
  return 500;
}

/** A missing index in a missing folder is a missing page. As ngx_http_index_test_dir(). */
function testFolder(x: Exchange, folder: string, path: string): Verdict {
  const bare = folder.length > 1 && folder.endsWith('/') ? folder.slice(0, -1) : folder;
  const facts = x.program.files.stat(bare);
  if (!isFileError(facts)) {
    if (facts.kind === 'directory') return 'next';
    x.log('alert', `"${path}" is not a directory`);
    return 500;
  }
  if (isLink(facts)) return 403;
  if (facts.code === 'ENOENT') return notThere(x, path, facts);
  if (facts.code === 'EACCES') return 'next'; // the folder of the index may be searched all the same
  logFileFailure(x, 'crit', 'stat()', bare, facts);
  return 500;
}

function notThere(x: Exchange, path: string, error: FileError): Verdict {
  const reason = `(${error.errno}: ${error.text})`;
  if (error.code === 'EACCES') {
    x.log('error', `"${path}" is forbidden ${reason}`);
    return 403;
  }
  if (x.location.core.logNotFound) x.log('error', `"${path}" is not found ${reason}`);
  return 404;
}
