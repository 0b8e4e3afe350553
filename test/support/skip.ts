// Cases that cannot run everywhere say why: the reason stands in the output beside each skipped case.
import { beforeEach } from 'vitest';

/** Within a `describe`: its cases are skipped, each with the reason. */
export function skipCasesWhere(condition: boolean, reason: string): void {
  beforeEach((context) => context.skip(condition, reason));
}

/** Within a `describe` whose cases look into /proc or use devices of Linux. */
export function needsLinux(what: string): void {
  skipCasesWhere(process.platform !== 'linux', `the case needs Linux: ${what}`);
}
