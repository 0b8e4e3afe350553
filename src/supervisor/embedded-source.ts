// What a program gives as its balancer's configuration: a file, a text, or an object that becomes one.
import { resolve } from 'node:path';
import { utf8ByteString } from '../base/bytes.ts';
import { type ObjectMistake, objectText } from './configuration-object.ts';
import type { NamedSource } from './embedded-mistakes.ts';

export type EmbeddedSource =
  | { readonly file: string }
  | { readonly text: string }
  | { readonly object: object };

/** Read anew at every load: a file or an object may have changed. `prefix` is where a text's own includes are looked for. */
export function readSource(
  source: EmbeddedSource,
  prefix: string,
): NamedSource & { readonly mistakes: readonly ObjectMistake[] } {
  if ('file' in source) {
    const file = utf8ByteString(resolve(source.file));
    return { name: file, file, text: undefined, paths: undefined, mistakes: [] };
  }
  if ('text' in source) {
    const text = utf8ByteString(source.text);
    return { name: TEXT_NAME, file: prefix + TEXT_NAME, text, paths: undefined, mistakes: [] };
  }
  return { name: OBJECT_NAME, file: prefix + OBJECT_NAME, ...objectText(source.object) };
}

const TEXT_NAME = 'configuration text';
const OBJECT_NAME = 'configuration object';
