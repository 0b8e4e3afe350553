import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePattern } from '../config/pcre.ts';
import { LocationTree } from './location-tree.ts';
import type { LocationKind, LocationPlan } from './plan.ts';

function location(
  kind: LocationKind,
  name: string,
  more: { readonly inner?: readonly LocationPlan[]; readonly passes?: boolean } = {},
): LocationPlan {
  const plan: Partial<LocationPlan> = {
    name,
    kind,
    pattern: kind === 'regex' ? compilePattern(name) : undefined,
    tree: more.inner === undefined ? undefined : new LocationTree(more.inner),
    autoRedirect: more.passes === true && name.endsWith('/'),
  };
  return plan as LocationPlan;
}

function found(locations: readonly LocationPlan[], uri: string): string {
  const result = new LocationTree(locations).find(uri);
  if (result === undefined) return 'none';
  return `${result.location.kind} ${result.location.name}${result.redirect ? ' redirected' : ''}`;
}

describe('a URI', () => {
  const site = [
    location('prefix', '/'),
    location('exact', '/'),
    location('prefix', '/images/', {
      inner: [location('regex', '\\.png$'), location('prefix', '/images/big')],
    }),
    location('no-regex', '/raw/'),
    location('regex', '\\.php$'),
    location('regex', '^/raw'),
    location('prefix', '/api/', { passes: true }),
    location('exact', '/exact/', { passes: true }),
    location('prefix', '/both', {}),
    location('prefix', '/both/', { passes: true }),
  ];
  it.each([
    ['/', 'exact /'],
    ['/index.html', 'prefix /'],
    ['/images/a.gif', 'prefix /images/'],
    ['/images/a.png', 'regex \\.png$'],
    ['/images/bigger', 'prefix /images/big'],
    ['/images/a.php', 'regex \\.php$'],
    ['/a.php', 'regex \\.php$'],
    ['/raw/a.php', 'no-regex /raw/'],
    ['/rawer', 'regex ^/raw'],
    ['/api', 'prefix /api/ redirected'],
    ['/api/', 'prefix /api/'],
    ['/exact', 'exact /exact/ redirected'],
    ['/both', 'prefix /both'],
    ['/both/a', 'prefix /both/'],
  ])('%s is answered by %s', (uri, expected) => {
    expect(found(site, uri)).toBe(expected);
  });

  it('that no location fits is the server’s own', () => {
    expect(found([location('prefix', '/a')], '/b')).toBe('none');
  });

  it('is answered by the longest prefix, whatever the others are', () => {
    const names = fc.uniqueArray(fc.stringMatching(/^\/[ab/]{0,6}$/), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(names, fc.stringMatching(/^\/[ab/]{0,10}$/), (prefixes, uri) => {
        const tree = new LocationTree(prefixes.map((name) => location('prefix', name)));
        const longest = prefixes
          .filter((name) => uri.startsWith(name))
          .sort((a, b) => b.length - a.length)
          .at(0);
        expect(tree.find(uri)?.location.name).toBe(longest);
      }),
    );
  });
});
