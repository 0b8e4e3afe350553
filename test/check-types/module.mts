// What an ES module sees of the package: compiled against the packed types by test/e2e/package.test.ts, never run.
import { type Balancer, createBalancer, HoldfastError, type Reloaded } from 'holdfast';

export async function use(): Promise<string> {
  await using balancer: Balancer = await createBalancer('http { server { listen 127.0.0.1:0; } }', {
    engine: 'portable',
  });
  balancer.on('reload', (reloaded) => void reloaded.changes.length);
  balancer.once('error-log', ({ level, message }) => void `${level} ${message}`);
  // @ts-expect-error there is no such event
  balancer.on('reloads', () => undefined);
  // @ts-expect-error an engine of a user's own cannot be named
  await createBalancer('', { engine: 'simulated' });
  const reloaded: Reloaded = await balancer.reload({ file: 'nginx.conf' });
  await balancer.reload({
    http: { server: { listen: '127.0.0.1:0', location: { '/': { proxy_pass: 'http://127.0.0.1:3000' } } } },
  });
  await balancer.close({ drain: 1000 });
  return `${balancer.url} ${balancer.port + reloaded.number}`;
}

export function where(error: unknown): string {
  if (!(error instanceof HoldfastError)) throw error;
  const [first] = error.mistakes;
  return first === undefined ? error.code : `${first.file}:${first.line} ${first.hint ?? ''}`;
}
