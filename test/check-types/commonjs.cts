// What a CommonJS module sees of the package: an ES module without top-level await, which `require` takes.
import type { Balancer } from 'holdfast' with { 'resolution-mode': 'import' };

export async function use(): Promise<number> {
  const { createBalancer } = await import('holdfast');
  const balancer: Balancer = await createBalancer({ file: 'nginx.conf' });
  return balancer.addresses[0]?.port ?? 0;
}
