// ngx_http_static_module: answers with the file that root or alias and the URI name; a folder is redirected to its name with a slash.
import { NO_BYTES } from '../base/bytes.ts';
import type { FileError } from '../base/file-error.ts';
import { isFileError } from '../base/file-error.ts';
import { asciiLower } from '../config/units.ts';
import { safeHeaderValue } from '../http/header-list.ts';
import { escapeUri, extensionOf } from '../http/uri.ts';
import type { Exchange } from '../proxy/exchange.ts';
import type { FileFacts, FileHandle } from '../proxy/ports.ts';
import { isLink, isMissing, logFileFailure } from './file-failure.ts';
import { rangesOf } from './http-range.ts';
import { defineModule, type Verdict } from './module.ts';

export const httpStatic = defineModule({
  name: 'http-static',
  directives: [],
  phases: [{ phase: 'content', applies: () => true, handler: answerWithFile }],
});

function answerWithFile(x: Exchange): Verdict {
  if (x.method !== 'GET' && x.method !== 'HEAD' && x.method !== 'POST') return 405;
  if (x.uri.endsWith('/')) return 'next';
  const path = x.location.core.filePath(x);
  if (path === undefined) return 500;
  const { files } = x.program;
  const file = files.openRead(path);
  if (isFileError(file)) return cannotOpen(x, path, file);
  const facts = files.facts(file);
  if (!isFileError(facts) && facts.kind === 'file' && x.method !== 'POST')
    return sendOpenFile(x, file, facts);
  files.close(file);
  if (isFileError(facts)) {
    logFileFailure(x, 'crit', 'fstat()', path, facts);
    return 500;
  }
  if (facts.kind === 'directory') return redirectToFolder(x);
  if (facts.kind === 'file') return 405;
  x.log('crit', `"${path}" is not a regular file`);
  return 404;
}

function cannotOpen(x: Exchange, path: string, error: FileError): Verdict {
  if (isMissing(error)) {
    if (x.location.core.logNotFound) logFileFailure(x, 'error', 'open()', path, error);
    return 404;
  }
  const forbidden = error.code === 'EACCES' || isLink(error);
  logFileFailure(x, forbidden ? 'error' : 'crit', 'open()', path, error);
  return forbidden ? 403 : 500;
}

function redirectToFolder(x: Exchange): Verdict {
  const args = x.args === '' ? '' : `?${x.args}`;
  x.answer.location = safeHeaderValue(`${escapeUri(x.uri, 'uri')}/${args}`);
  return 301;
}

function sendOpenFile(x: Exchange, file: FileHandle, { bytes, modifiedSeconds }: FileFacts): Verdict {
  const { answer } = x;
  const refused = x.discardBody();
  if (refused !== 0) {
    x.program.files.close(file);
    return refused;
  }
  answer.status = 200;
  answer.contentLength = bytes;
  answer.lastModifiedSeconds = modifiedSeconds;
  if (x.location.core.etag) {
    answer.headers.set('ETag', `"${modifiedSeconds.toString(16)}-${bytes.toString(16)}"`);
  }
  answer.contentType ??= contentTypeOf(x);
  answer.allowRanges = true;
  if (!x.sendHead()) {
    x.program.files.close(file); // a filter has answered in its place
    return 'done';
  }
  if (answer.headOnly) {
    x.program.files.close(file);
    x.out.push(NO_BYTES, 0, 0, true);
    return 'done';
  }
  const [first, ...further] = rangesOf(x) ?? [{ start: 0, end: bytes }];
  x.sendFile(
    file,
    first?.start ?? 0,
    first?.end ?? bytes,
    further.map(({ start, end }) => ({ from: start, to: end })),
  );
  return 'done';
}

/** By the extension of the URI. As ngx_http_set_content_type(). */
export function contentTypeOf(x: Exchange): string {
  const { types, defaultType } = x.location.core;
  const extension = extensionOf(x.uri);
  return (extension === '' ? undefined : types.get(asciiLower(extension))) ?? defaultType;
}
