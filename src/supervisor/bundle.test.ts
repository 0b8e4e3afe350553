import { describe, expect, it } from 'vitest';
import { finished, type Steps } from '../base/steps.ts';
import { type ConfigFiles, memoryFiles } from '../config/files.ts';
import type { CompileResult } from '../plan/compile.ts';
import { compileBundle, type Invocation, loadBundle } from './bundle.ts';

const INVOCATION: Invocation = {
  file: '/etc/nginx.conf',
  prefix: '/srv/',
  globals: 'worker_processes 2;',
  errorLog: undefined,
  hostname: 'here',
  cores: 4,
};

function counting(files: Readonly<Record<string, string>>): ConfigFiles & { readonly reads: string[] } {
  const memory = memoryFiles(files);
  const reads: string[] = [];
  return {
    reads,
    read(path) {
      reads.push(path);
      return memory.read(path);
    },
    glob(pattern) {
      reads.push(pattern);
      return memory.glob(pattern);
    },
  };
}

const FILES = {
  '/etc/nginx.conf': 'http { include sites/*.conf; include types.conf; }',
  '/etc/sites/a.conf': 'server { listen localhost:81; location / { proxy_pass http://app.test:8010; } }',
  '/etc/sites/b.conf': 'server { listen 82; location / { proxy_pass http://app.test:8011; } }',
  '/etc/types.conf': 'default_type text/html;',
};
const NAMES: Readonly<Record<string, readonly string[]>> = {
  localhost: ['127.0.0.1', '::1'],
  'app.test': ['10.0.0.1', '10.0.0.2'],
};

describe('a bundle', () => {
  it('holds all that was read and resolved, each of it once', async () => {
    const disk = counting(FILES);
    const asked: string[] = [];
    const lookup = async (host: string): Promise<readonly string[]> => {
      asked.push(host);
      return NAMES[host] ?? [];
    };
    const { bundle, result } = await loadBundle(INVOCATION, disk, lookup, 7);
    expect(result.errors).toEqual([]);
    expect(bundle).toMatchObject({ number: 7, names: NAMES });
    expect(asked.sort()).toEqual(['app.test', 'localhost']);
    expect(disk.reads.sort()).toEqual([...new Set(disk.reads)].sort());
    expect(Object.keys(bundle.texts).sort()).toEqual(Object.keys(FILES).sort());
  });

  it('compiles to the same plan where there is no disk, after a way through JSON', async () => {
    const { bundle, result } = await loadBundle(
      INVOCATION,
      memoryFiles(FILES),
      async (host) => NAMES[host] ?? [],
      1,
    );
    const again = finished(compileBundle(JSON.parse(JSON.stringify(bundle))));
    expect(again.errors).toEqual([]);
    expect(again.plan?.listeners.map(({ key }) => key)).toEqual(result.plan?.listeners.map(({ key }) => key));
    expect(again.plan?.listeners.map(({ key }) => key)).toEqual(['127.0.0.1:81', '[::1]:81', '0.0.0.0:82']);
    expect(again.plan?.upstreams.map(({ servers }) => servers[0]?.addresses.map(({ name }) => name))).toEqual(
      [
        ['10.0.0.1:8010', '10.0.0.2:8010'],
        ['10.0.0.1:8011', '10.0.0.2:8011'],
      ],
    );
    expect(again.plan?.process).toMatchObject({ workers: 2, places: { worker_processes: 'command line' } });
  });

  it('is compiled once where the one before knew the hosts, and asks for none that is named no more', async () => {
    const asked: string[] = [];
    const lookup = async (host: string): Promise<readonly string[]> => {
      asked.push(host);
      return NAMES[host] ?? [];
    };
    let compiled = 0;
    const run = (steps: Steps<CompileResult>): CompileResult => {
      compiled++;
      return finished(steps);
    };
    const { bundle: before } = await loadBundle(INVOCATION, memoryFiles(FILES), lookup, 1, { run });
    expect([compiled, asked.splice(0).sort()]).toEqual([2, ['app.test', 'localhost']]);
    const disk = counting(FILES);
    const { bundle, result } = await loadBundle(INVOCATION, disk, lookup, 2, { before, run });
    expect([compiled, asked.splice(0).sort()]).toEqual([3, ['app.test', 'localhost']]);
    expect(result.errors).toEqual([]);
    expect(bundle).toEqual({ ...before, number: 2 });
    expect(disk.reads.sort()).toEqual([...new Set(disk.reads)].sort());
    const gone = { '/etc/nginx.conf': 'http { server { listen localhost:81; } }' };
    const { bundle: last } = await loadBundle(INVOCATION, memoryFiles(gone), lookup, 3, { before, run });
    expect([compiled, asked]).toEqual([4, ['localhost']]);
    expect(last.texts).toEqual(gone);
  });

  it('asks for the hosts of an upstream block, and never for its name', async () => {
    const text = 'http { upstream up { server app.test; } server { location / { proxy_pass http://up; } } }';
    const asked: string[] = [];
    const lookup = async (host: string): Promise<readonly string[]> => {
      asked.push(host);
      return NAMES[host] ?? [];
    };
    const { result } = await loadBundle(INVOCATION, memoryFiles({ '/etc/nginx.conf': text }), lookup, 1);
    expect([asked, result.errors]).toEqual([['app.test'], []]);
  });

  it('of a file that is wrong, missing or names an unknown host says so', async () => {
    const errorsOf = async (files: Readonly<Record<string, string>>): Promise<readonly string[]> => {
      const { result } = await loadBundle(INVOCATION, memoryFiles(files), async () => [], 1);
      expect(result.plan).toBeUndefined();
      return result.errors.map(({ message }) => message);
    };
    expect(await errorsOf({})).toEqual(['open() "/etc/nginx.conf" failed (2: No such file or directory)']);
    expect(await errorsOf({ '/etc/nginx.conf': 'nonsense;' })).toEqual(['unknown directive "nonsense"']);
    expect([...(await errorsOf(FILES))].sort()).toEqual([
      'host not found in "localhost:81" of the "listen" directive',
      'host not found in upstream "app.test"',
      'host not found in upstream "app.test"',
    ]);
  });
});

it.each(['', '# nothing', 'worker_processes 2;'])(
  'a file without http and events (%j) is refused: it is being written',
  async (text) => {
    const { result } = await loadBundle(
      { ...INVOCATION, globals: undefined },
      memoryFiles({ '/etc/nginx.conf': text }),
      async () => [],
      1,
    );
    expect(result.plan).toBeUndefined();
    expect(result.errors).toMatchObject([{ message: 'no "events" section in configuration', file: '' }]);
  },
);
