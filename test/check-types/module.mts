// What an ES module sees of the package: compiled against the packed types by test/e2e/package.test.ts, never run.
import {
  type Balancer,
  type ConfigurationObject,
  createBalancer,
  HoldfastError,
  type Reloaded,
} from 'holdfast';

export async function use(): Promise<string> {
  await using balancer: Balancer = await createBalancer('http { server { listen 127.0.0.1:0; } }', {
    engine: 'portable',
    logLevel: 'info',
  });
  balancer.on('reload', (reloaded) => void reloaded.changes.length);
  balancer.once('error-log', ({ level, message }) => void `${level} ${message}`);
  balancer.on('access-log', (line) => void line.length).off('close', () => undefined);
  // @ts-expect-error there is no such event
  balancer.on('reloads', () => undefined);
  // @ts-expect-error an engine of a user's own cannot be named
  await createBalancer('', { engine: 'simulated' });
  // @ts-expect-error a name that is none, in the middle of a call
  await createBalancer({ http: { server: [{ listen: 0, lisen: 0 }] } });
  const reloaded: Reloaded = await balancer.reload({ file: 'nginx.conf' });
  await balancer.close({ drain: 1000 });
  return `${balancer.url} ${balancer.port + reloaded.number} ${balancer.addresses.length}`;
}

export const configuration: ConfigurationObject = {
  worker_shutdown_timeout: '5m',
  http: {
    map: { '$http_upgrade $connection_upgrade': { default: 'upgrade', '': 'close' } },
    upstream: { nodes: { ip_hash: true, server: ['127.0.0.1:8010', '127.0.0.1:8011 weight=2'] } },
    server: [{ listen: 0, location: { '/': { proxy_pass: 'http://nodes', return: [[200, 'words']] } } }],
  },
};

// @ts-expect-error a directive that stands elsewhere
export const misplaced: ConfigurationObject = { proxy_pass: 'http://nodes' };

// @ts-expect-error a name that is none
export const mistyped: ConfigurationObject = { http: { server: { lisen: 0 } } };

// @ts-expect-error what concerns the process is not the library's
export const refused: ConfigurationObject = { daemon: false };

export function where(error: unknown): string {
  if (!(error instanceof HoldfastError)) throw error;
  const [first] = error.mistakes;
  return first === undefined ? error.code : `${first.path ?? first.file}:${first.line} ${first.hint ?? ''}`;
}
