// ngx_http_auth_basic_module: user names and passwords from a file. The password's scheme may be one of the system's alone: then the
// request waits for its answer.

import { isFileError } from '../base/file-error.ts';
import { PASSWORD_FILE_BYTES_MAX } from '../base/limits.ts';
import type { Context, Site } from '../config/directive.ts';
import { directive } from '../config/directive.ts';
import { failureMessage } from '../config/files.ts';
import { parseTemplate, template } from '../config/template.ts';
import { safeHeaderValue } from '../http/header-list.ts';
import type { Render } from '../plan/scope.ts';
import type { Exchange } from '../proxy/exchange.ts';
import { type BasicCredentials, basicCredentials } from './basic-credentials.ts';
import { type PathTemplate, renderPath } from './http-core-root.ts';
import { defineModule, type Verdict } from './module.ts';
import { checkPassword } from './password.ts';

const CONTEXTS: readonly Context[] = ['http', 'server', 'location', 'limit_except'];

export const authBasic = directive({
  name: 'auth_basic',
  contexts: CONTEXTS,
  args: [template],
  doc: 'Asks for a user name and a password under this realm; off asks for none.',
  example: 'auth_basic "closed site";',
  refuses: { 'auth_basic;': 'invalid number of arguments in "auth_basic" directive' },
});

export const authBasicUserFile = directive<PathTemplate | undefined>({
  name: 'auth_basic_user_file',
  contexts: CONTEXTS,
  arity: [1, 1],
  read: readUserFile,
  doc: "The file of users: lines of name:password, read anew for each request. A relative path stands under the configuration's folder.",
  example: 'auth_basic_user_file htpasswd;',
  refuses: { 'auth_basic_user_file;': 'invalid number of arguments in "auth_basic_user_file" directive' },
});

function readUserFile(site: Site): PathTemplate {
  const [written] = site.words;
  if (written === undefined)
    throw site.error('invalid number of arguments in "auth_basic_user_file" directive');
  const { text } = written;
  const source = text.startsWith('$') ? text : site.confPath(text);
  return { template: parseTemplate(source, written, site), prefix: site.confPath('') };
}

interface Guard {
  readonly realm: Render;
  readonly file: Render;
}

export const httpAuthBasic = defineModule<Guard | undefined>({
  name: 'http-auth-basic',
  directives: [authBasic, authBasicUserFile],
  compile(scope) {
    const [realm, file] = [scope.get(authBasic), scope.get(authBasicUserFile)];
    const guard = {
      realm: realm && scope.render(realm),
      file: file && renderPath(file, scope),
    };
    return guard.realm === undefined || guard.file === undefined ? undefined : (guard as Guard);
  },
  phases: [{ phase: 'access', applies: (guard) => guard !== undefined, handler: checkUser }],
});

/** What the system's crypt(3) is asked; `hash` is undefined until it answers, then its answer or '' where there is none. */
interface Question {
  readonly stored: string;
  hash: string | undefined;
}

/** As ngx_http_auth_basic_handler(). */
function checkUser(x: Exchange): Verdict {
  const guard = httpAuthBasic.slice(x);
  if (guard === undefined) return 'next';
  const realm = guard.realm(x);
  if (realm === 'off') return 'next';
  const credentials = basicCredentials(x);
  if (credentials === undefined) {
    x.log('info', 'no user/password was provided for basic authentication');
    return refuse(x, realm);
  }
  const asked = x.context<Question>(httpAuthBasic);
  if (asked !== undefined) return answered(x, realm, credentials, asked);
  const path = guard.file(x);
  const text = x.program.files.readText(path, PASSWORD_FILE_BYTES_MAX);
  if (isFileError(text)) {
    const missing = text.code === 'ENOENT';
    x.log(missing ? 'error' : 'crit', failureMessage(path, text));
    return missing ? 403 : 500;
  }
  const stored = storedPassword(text, credentials.user);
  if (stored !== undefined) return compare(x, realm, credentials, stored);
  x.log('error', `user "${credentials.user}" was not found in "${path}"`);
  return refuse(x, realm);
}

function compare(x: Exchange, realm: string, { user, password }: BasicCredentials, stored: string): Verdict {
  const [given = ''] = password.split('\0', 1); // C strings end there
  const { codecs } = x.program;
  const verdict = checkPassword(given, stored, codecs);
  if (verdict !== 'ask') return verdict ? 'allow' : mismatch(x, realm, user);
  const question: Question = { stored, hash: undefined };
  x.setContext(httpAuthBasic, question);
  codecs.crypt(given, stored, (hash) => {
    question.hash = hash ?? '';
    x.program.resume(x);
  });
  return 'wait';
}

function answered(
  x: Exchange,
  realm: string,
  { user }: BasicCredentials,
  { stored, hash }: Question,
): Verdict {
  if (hash === undefined) return 'wait';
  if (hash === stored && stored !== '') return 'allow';
  if (hash !== '') return mismatch(x, realm, user);
  x.log(
    'crit',
    `crypt_r() failed: the password of user "${user}" is in a scheme that this system does not have`,
  );
  return 500;
}

function mismatch(x: Exchange, realm: string, user: string): Verdict {
  x.log('error', `user "${user}": password mismatch`);
  return refuse(x, realm);
}

function refuse(x: Exchange, realm: string): Verdict {
  x.answer.headers.add('WWW-Authenticate', safeHeaderValue(`Basic realm="${realm}"`));
  return 401;
}

/**
 * What stands behind `user:` in the file, up to a colon or the line's end. Read as ngx_http_auth_basic_handler() reads it: a line that
 * ends within the beginning of the name that is looked for takes the line after it along.
 */
export function storedPassword(text: string, user: string): string | undefined {
  const wanted = `${user}:`;
  let at = 0;
  while (at < text.length) {
    if (text[at] === '\n') {
      at++;
      continue;
    }
    let matched = 0;
    if (text[at] !== '#' && text[at] !== '\r') {
      while (matched < wanted.length && text[at + matched] === wanted[matched]) matched++;
    }
    if (matched === wanted.length) return /^[^\r\n:\0]*/.exec(text.slice(at + matched))?.[0];
    // The character that differs is left behind, and be it the line's end.
    const end = text.indexOf('\n', at + matched + (text[at + matched] === '\n' ? 1 : 0));
    if (end === -1) return undefined;
    at = end + 1;
  }
  return undefined;
}
