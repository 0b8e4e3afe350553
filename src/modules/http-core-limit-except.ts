// `limit_except`: other methods than those named are answered as its block says. As ngx_http_core_limit_except() and
// ngx_http_update_location_config().
import type { Site } from '../config/directive.ts';
import { directive } from '../config/directive.ts';
import { asciiLower } from '../config/units.ts';
import type { LimitExcept } from '../plan/core-settings.ts';
import type { Scope } from '../plan/scope.ts';
import type { Exchange } from '../proxy/exchange.ts';

/** As ngx_methods_names. */
const METHODS: readonly string[] = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'DELETE',
  'MKCOL',
  'COPY',
  'MOVE',
  'OPTIONS',
  'PROPFIND',
  'PROPPATCH',
  'LOCK',
  'UNLOCK',
  'PATCH',
];

export const limitExcept = directive({
  name: 'limit_except',
  contexts: ['location'],
  opens: 'limit_except',
  inherit: 'none',
  arity: [1, Number.POSITIVE_INFINITY],
  read: readMethods,
  doc: 'The block holds for requests with other methods than those named; GET stands for HEAD too.',
  example: 'limit_except GET POST { }',
  refuses: {
    'limit_except FETCH { }': 'invalid method "FETCH"',
    'limit_except GET;': 'directive "limit_except" has no opening "{"',
  },
});

export function limitExceptOf(scope: Scope): LimitExcept | undefined {
  const entry = scope.entries.find(({ directive }) => directive === limitExcept);
  const methods = scope.has(limitExcept) ? scope.own(limitExcept) : undefined;
  if (entry === undefined || methods === undefined) return undefined;
  const limit: LimitExcept = { methods, block: scope.inner(entry), owner: undefined };
  scope.whenComplete(() => {
    limit.owner = scope.location;
  });
  return limit;
}

/** Moves the exchange into the block when its method is not among those named. Runs before all else in its location. */
export function applyLimitExcept(x: Exchange): 'next' {
  const limit = x.location.core.limitExcept;
  if (limit !== undefined && limit.owner === x.location && !limit.methods.has(x.method))
    x.location = limit.block;
  return 'next';
}

function readMethods(site: Site): ReadonlySet<string> {
  const methods = new Set<string>();
  for (const each of site.words) {
    const method = METHODS.find((known) => asciiLower(known) === asciiLower(each.text));
    if (method === undefined) {
      throw site.error(`invalid method "${each.text}"`, each, `allowed: ${METHODS.join(', ')}`);
    }
    methods.add(method);
  }
  if (methods.has('GET')) methods.add('HEAD');
  return methods;
}
