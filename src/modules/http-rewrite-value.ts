// Values of the rewrite module's script. Unlike elsewhere, captures are escaped in them where the request's own path was written with
// escapes, so that what a capture holds stays what it is. As ngx_http_script_copy_capture_code().
import type { Template } from '../config/template.ts';
import { escapeUri } from '../http/uri.ts';
import type { Scope } from '../plan/scope.ts';
import type { VariableRef } from '../plan/variable.ts';
import type { Exchange } from '../proxy/exchange.ts';

/** `escaped`: captures are escaped as arguments, if the request's path had escapes. */
export type ScriptValue = (x: Exchange, escaped: boolean) => string;

export function scriptValue(scope: Scope, template: Template): ScriptValue {
  const render = scope.render(template);
  const { constant, parts } = render;
  if (constant !== undefined) return () => constant;
  const isCapture = parts.map((part) => typeof part !== 'string' && CAPTURE.test(part.name));
  if (!isCapture.includes(true)) return render;
  return (x, escaped) => {
    const quoted = escaped && hasEscapes(x);
    let text = '';
    for (const [i, part] of parts.entries()) {
      if (typeof part === 'string') text += part;
      else text += quoted && isCapture[i] ? escapeUri(valueOfRef(part, x), 'args') : valueOfRef(part, x);
    }
    return text;
  };
}

const CAPTURE = /^[1-9]$/;

function valueOfRef(ref: VariableRef, x: Exchange): string {
  return ref.evaluate(x) ?? '';
}

/** nginx's quoted_uri and plus_in_uri, which a subrequest does not have. */
function hasEscapes({ target }: Exchange): boolean {
  return target !== undefined && (target.quoted || target.plus);
}
