// The user and group of workers. Names are looked up by the system itself: a root process takes on the name for a moment, without any
// other step in between, and reads which number that made. As ngx_set_user() and ngx_worker_process_init().
import { readFileSync } from 'node:fs';
import { unicodeOf } from '../base/bytes.ts';
import type { ProcessSettings } from '../plan/plan.ts';
import type { Report } from './report.ts';

export interface Credentials {
  readonly user: string;
  readonly uid: number;
  readonly gid: number;
}

/** nginx's own default (its `configure --user`): the file names nobody, so the workers are nobody. */
const DEFAULT_USER = 'nobody';

export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/** Who workers shall be: undefined where the master may not change users, 'refused' after the report has said why. */
export function settleUser(settings: ProcessSettings, report: Report): Credentials | undefined | 'refused' {
  const { user, places } = settings;
  const place = places.user === undefined ? '' : ` in ${places.user}`;
  if (!isRoot()) {
    if (user !== undefined) {
      const text =
        'the "user" directive makes sense only if the master process runs with super-user privileges';
      report.say('warn', `${text}, ignored${place}`);
    }
    return undefined;
  }
  const name = unicodeOf(user?.user ?? DEFAULT_USER);
  const group = user === undefined ? defaultGroup() : unicodeOf(user.group ?? user.user);
  const uid = numberOf(name, 'uid');
  const gid = uid === undefined ? undefined : numberOf(group, 'gid');
  if (uid !== undefined && gid !== undefined) return { user: name, uid, gid };
  const text = uid === undefined ? `getpwnam("${name}") failed` : `getgrnam("${group}") failed`;
  report.say('emerg', `${text}${place}`, `this system has no such ${uid === undefined ? 'user' : 'group'}`);
  return 'refused';
}

/** Missing in Node's types. */
type WithGroups = typeof process & { initgroups?(user: string, extraGroup: number): void };

/** For good. An error's text where the system refuses. */
export function become({ user, uid, gid }: Credentials): string | undefined {
  try {
    process.setgid?.(gid);
    (process as WithGroups).initgroups?.(user, gid);
    process.setuid?.(uid);
    return undefined;
  } catch (error) {
    return `the worker could not become user "${user}": ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** As nginx's `configure` finds it: the group of that name, else Debian's. */
function defaultGroup(): string {
  try {
    return /^nobody:/m.test(readFileSync('/etc/group', 'latin1')) ? 'nobody' : 'nogroup';
  } catch {
    return 'nogroup';
  }
}

function numberOf(name: string, kind: 'uid' | 'gid'): number | undefined {
  const [set, get] = kind === 'uid' ? [process.seteuid, process.geteuid] : [process.setegid, process.getegid];
  if (set === undefined || get === undefined) return undefined;
  const own = get.call(process);
  try {
    set.call(process, name);
    return get.call(process);
  } catch {
    return undefined;
  } finally {
    set.call(process, own);
  }
}
