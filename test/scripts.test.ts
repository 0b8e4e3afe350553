// The small pure parts of scripts/: the seed's difference, ip_hash for the visitor, the generated pages' plumbing.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { movesDiagram, withSection } from '../scripts/docs/pages.ts';
import { nodeOf, otherNodesAddress } from '../scripts/start/ip-hash.mjs';
import { adaptedSeed, difference } from '../scripts/start/seed.mjs';

const SEED = readFileSync(fileURLToPath(new URL('../examples/seed/nginx.conf', import.meta.url)), 'utf8');

describe("the seed's copy", () => {
  it('differs in port, peers and log alone', () => {
    const adapted = adaptedSeed(SEED, { port: 8081, peers: [9010, 9011], log: '/tmp/a/b.log' });
    expect(difference(SEED, adapted)).toEqual([
      '   8 - server localhost:8010;',
      '   8 + server localhost:9010;',
      '   9 - server localhost:8011;',
      '   9 + server localhost:9011;',
      '  13 - listen       80;',
      '  13 + listen       8081;',
      '  15 - access_log /var/log/nginx/yourdomain.log;',
      '  15 + access_log /tmp/a/b.log;',
    ]);
  });

  it('is the seed itself where nothing differs', () => {
    const same = { port: 80, peers: [8010, 8011], log: '/var/log/nginx/yourdomain.log' };
    expect(adaptedSeed(SEED, same)).toBe(SEED);
  });

  it('quotes a log path that the configuration would split', () => {
    expect(adaptedSeed(SEED, { port: 80, peers: [1, 2], log: '/a b/c.log' })).toContain(
      'access_log "/a b/c.log";',
    );
  });

  it('is refused where the seed has other lines', () => {
    expect(() => adaptedSeed('http {}', { port: 80, peers: [1, 2], log: '/l' })).toThrow('has no line like');
  });
});

describe("the visitor's address", () => {
  it.each([1, 2])('goes to another node than 127.0.0.1, with %i addresses a name', (addresses) => {
    const other = otherNodesAddress(2, addresses);
    expect(other.node).not.toBe(nodeOf('127.0.0.1', 2, addresses));
    expect(nodeOf(other.address, 2, addresses)).toBe(other.node);
  });
});

describe('the generated pages', () => {
  it('replace what stands between their markers', () => {
    const text = 'a\n<!-- moves -->\nold\n<!-- /moves -->\nb\n';
    expect(withSection(text, 'moves', 'new')).toBe('a\n<!-- moves -->\nnew\n<!-- /moves -->\nb\n');
    expect(() => withSection('a', 'moves', 'new')).toThrow('missing');
  });

  it('draw every move', () => {
    expect(movesDiagram({ route: ['log'], log: [] })).toContain('  route --> log\n  log --> [*]\n');
  });
});
