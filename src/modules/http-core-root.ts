// `root` and `alias`: how they are written, and the path of a file that they make of a request's URI. As ngx_http_core_root() and
// ngx_http_map_uri_to_path().
import type { ConfigError } from '../config/config-error.ts';
import type { Directive, Site } from '../config/directive.ts';
import { parseTemplate, type Template } from '../config/template.ts';
import type { Render, Scope } from '../plan/scope.ts';
import type { Exchange } from '../proxy/exchange.ts';

/** A path with variables; where it begins with one, what comes out is put under the prefix unless it is absolute. */
export interface PathTemplate {
  readonly template: Template;
  readonly prefix: string;
}

export function readRoot(site: Site): PathTemplate {
  return readPath(site, (text) => (text.endsWith('/') ? text.slice(0, -1) : text));
}

export function readAlias(site: Site): PathTemplate {
  return readPath(site, (text) => text);
}

/** The file's path for the exchange's URI; undefined where none can be told, and the log says why. */
export function filePath(x: Exchange): string | undefined {
  const { core } = x.location;
  if (core.alias === undefined) return core.root(x) + x.uri;
  if (!x.locationValid) {
    x.log('alert', `"alias" cannot be used in location "${x.location.name}" where URI was rewritten`);
    return undefined;
  }
  const path = core.alias(x);
  if (core.aliasNameBytes !== Number.POSITIVE_INFINITY) return path + x.uri.slice(core.aliasNameBytes);
  return x.uriUnderAlias ? path + x.uri : path;
}

/** `$document_root`: root or alias with its variables filled in. */
export function documentRoot(x: Exchange): string {
  const { core } = x.location;
  return (core.alias ?? core.root)(x);
}

export function renderPath({ template, prefix }: PathTemplate, scope: Scope): Render {
  const render = scope.render(template);
  if (!template.source.startsWith('$')) return render;
  const absolute = (x: Exchange): string => {
    const path = render(x);
    return path.startsWith('/') ? path : prefix + path;
  };
  return Object.assign(absolute, { constant: undefined, parts: render.parts });
}

/** Only one of the two may stand in a block. */
export function duplicateRoot(
  scope: Scope,
  root: Directive<unknown>,
  alias: Directive<unknown>,
): ConfigError | undefined {
  const entries = scope.entries.filter(({ directive }) => directive === root || directive === alias);
  const [first, second] = entries;
  if (first === undefined || second === undefined) return undefined;
  const { name } = second.statement;
  return scope.error(
    `"${name.text}" directive is duplicate, "${first.directive.name}" directive was specified earlier`,
    name,
  );
}

function readPath(site: Site, shorten: (text: string) => string): PathTemplate {
  const [written] = site.words;
  const { name } = site.statement;
  if (written === undefined) throw site.error(`invalid number of arguments in "${name.text}" directive`);
  for (const forbidden of ['document_root', 'realpath_root']) {
    if (!written.text.includes(`$${forbidden}`) && !written.text.includes(`\${${forbidden}}`)) continue;
    throw site.error(`the $${forbidden} variable cannot be used in the "${name.text}" directive`, written);
  }
  const text = shorten(written.text);
  const asItIs = text.startsWith('$') || written.text.startsWith('/'); // `root /` is '' and not the prefix
  const source = asItIs ? text : site.prefixPath(text);
  return { template: parseTemplate(source, written, site), prefix: site.prefixPath('') };
}
