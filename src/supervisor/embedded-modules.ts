// The program's modules as they stand inside somebody's own program: what concerns the process itself is refused at its line, since the
// process is not ours.
import type { Directive } from '../config/directive.ts';
import { modules } from '../modules/index.ts';
import type { AnyModule } from '../modules/module.ts';

const REFUSED: ReadonlySet<string> = new Set([
  'daemon',
  'env',
  'master_process',
  'pid',
  'user',
  'worker_processes',
]);

/** They may stand in a file that is shared with the program, but the process stays as it is. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set(['worker_priority', 'worker_rlimit_nofile']);

export const embeddedModules: readonly AnyModule[] = modules.map((module) =>
  module.name === 'core' ? { ...module, directives: module.directives.map(embedded) } : module,
);

/** Whether a configuration inside a program may have the directive at all. */
export function isRefused(name: string): boolean {
  return REFUSED.has(name);
}

function embedded(directive: Directive<unknown>): Directive<unknown> {
  const { name } = directive;
  if (REFUSED.has(name)) {
    return {
      ...directive,
      read(site) {
        throw site.error(
          `"${name}" directive is not allowed here`,
          undefined,
          'this balancer runs inside a program, whose process is its own: remove the line, or start the file with the command "holdfast"',
        );
      },
    };
  }
  if (!WITHOUT_EFFECT.has(name)) return directive;
  return {
    ...directive,
    read(site) {
      site.warn(`"${name}" has no effect inside a program, whose process stays as it is`);
      return directive.read(site);
    },
  };
}
