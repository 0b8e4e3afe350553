// nginx's "core functionality": the directives of main and events, and what they settle for the processes.
import type { Level } from '../base/failures.ts';
import { flag, integer, offset, oneOf, optional, path, time, word } from '../config/argument.ts';
import type { Argument, Context, Directive, Site, Word } from '../config/directive.ts';
import { directive, unsupported } from '../config/directive.ts';
import { lineOf } from '../config/position.ts';
import { parseWhole } from '../config/units.ts';
import type { CoreSettings } from '../plan/core-settings.ts';
import type { ProcessSettings } from '../plan/plan.ts';
import type { Scope } from '../plan/scope.ts';
import { defineModule } from './module.ts';

const MAIN: readonly Context[] = ['main'];
const EVENTS: readonly Context[] = ['events'];

export const daemon = directive({
  name: 'daemon',
  contexts: MAIN,
  args: [flag],
  default: 'on',
  doc: 'The program goes to the background once it listens.',
  example: 'daemon off;',
  refuses: { 'daemon no;': 'it must be "on" or "off"' },
});

export const masterProcess = directive({
  name: 'master_process',
  contexts: MAIN,
  args: [flag],
  default: 'on',
  doc: 'Workers are processes of their own under a master; off runs all in one.',
  example: 'master_process off;',
  refuses: { 'master_process no;': 'it must be "on" or "off"' },
});

export const workerProcesses = directive<number | 'auto'>({
  name: 'worker_processes',
  contexts: MAIN,
  arity: [1, 1],
  read(site) {
    const [written] = site.words;
    if (written?.text === 'auto') return 'auto';
    const count = parseWhole(written?.text ?? '');
    if (count === undefined) {
      throw site.error(
        '"worker_processes" directive invalid value',
        written,
        'a number, or auto for one a core',
      );
    }
    return count;
  },
  default: '1',
  doc: 'Number of workers; auto starts one for each core.',
  example: 'worker_processes auto;',
  refuses: { 'worker_processes all;': '"worker_processes" directive invalid value' },
});

export const workerRlimitNofile = directive({
  name: 'worker_rlimit_nofile',
  contexts: MAIN,
  args: [integer()],
  doc: 'Most descriptors that a worker may have open.',
  example: 'worker_rlimit_nofile 65536;',
  refuses: { 'worker_rlimit_nofile many;': 'invalid number' },
});

export const workerShutdownTimeout = directive({
  name: 'worker_shutdown_timeout',
  contexts: MAIN,
  args: [time],
  doc: 'After so long a graceful shutdown or a reload closes what is still open of before.',
  example: 'worker_shutdown_timeout 10m;',
  refuses: { 'worker_shutdown_timeout soon;': '"worker_shutdown_timeout" directive invalid value' },
});

export const workerPriority = directive({
  name: 'worker_priority',
  contexts: MAIN,
  arity: [1, 1],
  read(site): number {
    const [written] = site.words;
    const [, sign, digits] = /^([+-]?)(.*)$/s.exec(written?.text ?? '') ?? [];
    const value = parseWhole(digits ?? '');
    if (value === undefined) throw site.error('"worker_priority" directive invalid number', written);
    return sign === '-' ? -value : value;
  },
  default: '0',
  doc: 'The nice value of workers; lower ones get more of the processor.',
  example: 'worker_priority -5;',
  refuses: { 'worker_priority high;': '"worker_priority" directive invalid number' },
});

export const pid = directive({
  name: 'pid',
  contexts: MAIN,
  args: [path],
  default: 'logs/nginx.pid',
  doc: "The file that holds the master's process number.",
  example: 'pid /run/nginx.pid;',
  refuses: { 'pid;': 'invalid number of arguments in "pid" directive' },
});

export const user = directive({
  name: 'user',
  contexts: MAIN,
  args: [word, optional(word)],
  doc: 'User and group of the workers; without a group the one of the same name. Where the file names none and the master is root, workers are nobody, as under nginx.',
  example: 'user www-data www-data;',
  refuses: { 'user a b c;': 'invalid number of arguments in "user" directive' },
});

export const env = directive({
  name: 'env',
  contexts: MAIN,
  args: [word],
  repeat: true,
  doc: 'A variable of the environment that workers keep (NAME) or get (NAME=value).',
  example: 'env MALLOC_OPTIONS;',
  refuses: { 'env A B;': 'invalid number of arguments in "env" directive' },
});

export interface WrittenErrorLog {
  /** Absolute, or "stderr". */
  readonly path: string;
  readonly level: Level;
}

/** Of main and of http: it stands in http-core's list, whose settings it is part of. */
export const errorLog = directive<WrittenErrorLog>({
  name: 'error_log',
  contexts: ['main', 'http', 'server', 'location'],
  arity: [1, Number.POSITIVE_INFINITY],
  repeat: true,
  read: readErrorLog,
  doc: 'Where errors are written and from which level on: a file or stderr; several lines write to several logs. Without any: logs/error.log.',
  example: 'error_log logs/error.log warn;',
  refuses: {
    'error_log logs/error.log loud;': 'invalid log level "loud"',
    'error_log logs/error.log warn error;': 'duplicate log level "error"',
    'error_log syslog:server=127.0.0.1;': 'not supported by Holdfast',
  },
});

const LEVELS: readonly Level[] = ['emerg', 'alert', 'crit', 'error', 'warn', 'notice', 'info', 'debug'];
const DEBUG_LEVELS: readonly string[] = ['core', 'alloc', 'mutex', 'event', 'http', 'mail', 'stream'];

/** As ngx_log_set_log() and ngx_log_set_levels(). */
function readErrorLog(site: Site): WrittenErrorLog {
  const [target, ...levelWords] = site.words;
  if (target === undefined) throw site.error('invalid number of arguments in "error_log" directive');
  const [kind] = /^(?:syslog|memory):/.exec(target.text) ?? [];
  if (kind !== undefined)
    throw site.error(`"error_log ${kind}" is not supported by Holdfast`, target, 'a file or stderr');
  const path = target.text === 'stderr' ? 'stderr' : site.prefixPath(target.text);
  return { path, level: readLevels(levelWords, site) };
}

function readLevels(written: readonly Word[], site: Site): Level {
  let level: Level | undefined;
  let debug = false;
  for (const each of written) {
    const found = LEVELS.find((known) => known === each.text);
    if (found !== undefined) {
      if (level !== undefined || debug) throw site.error(`duplicate log level "${each.text}"`, each);
      level = found;
      continue;
    }
    const part = each.text.startsWith('debug_') && DEBUG_LEVELS.includes(each.text.slice(6));
    if (!part || level !== undefined) {
      throw site.error(`invalid log level "${each.text}"`, each, `allowed: ${LEVELS.join(', ')}`);
    }
    debug = true;
  }
  return level ?? (debug ? 'debug' : 'error');
}

/** The logs of a block: its own, else those of the nearest block around it that has any, else the one of the command line. */
export function errorLogsOf(scope: Scope): CoreSettings['errorLogs'] {
  const written = scope.all(errorLog);
  if (written.length === 0) return [{ log: scope.logFile(''), level: 'error' }];
  return written.map(({ path, level }) => ({ log: scope.logFile(path), level }));
}

export const workerConnections = directive({
  name: 'worker_connections',
  contexts: EVENTS,
  arity: [1, 1],
  read(site): number {
    const [written] = site.words;
    const count = parseWhole(written?.text ?? '');
    if (count === undefined) throw site.error(`invalid number "${written?.text}"`, written);
    return count;
  },
  doc: 'Most connections of a worker, those to upstreams included. Without it the limit of descriptors decides.',
  example: 'worker_connections 4096;',
  refuses: { 'worker_connections many;': 'invalid number "many"' },
});

/** What main and events say about processes; `cores` is what `worker_processes auto` stands for. */
export function compileProcess(main: Scope, events: Scope | undefined, cores: number): ProcessSettings {
  const workers = main.get(workerProcesses);
  const names = main.get(user);
  return {
    daemon: main.get(daemon),
    masterProcess: main.get(masterProcess),
    workers: workers === 'auto' ? cores : workers,
    workerConnectionsMax: events?.get(workerConnections),
    descriptorsMax: main.get(workerRlimitNofile),
    shutdownTimeoutMs: main.get(workerShutdownTimeout),
    priority: main.get(workerPriority),
    pidFile: main.get(pid),
    user: names === undefined ? undefined : { user: names[0], group: names[1] },
    env: main.all(env),
    errorLogs: errorLogsOf(main),
    places: Object.fromEntries(main.entries.map(({ statement: { name } }) => [name.text, placeText(name)])),
  };
}

function placeText(word: Word): string {
  const line = lineOf(word);
  return line === 0 ? word.source.file : `${word.source.file}:${line}`;
}

const threadPool = directive({
  name: 'thread_pool',
  contexts: MAIN,
  arity: [2, 3],
  repeat: true,
  read: readThreadPool,
  noEffect: 'because files are read on the loop itself',
  doc: 'Threads that read files.',
  example: 'thread_pool default threads=16 max_queue=65536;',
  refuses: {
    'thread_pool p threads=no;': 'invalid threads value "threads=no"',
    'thread_pool p max_queue=5;': '"thread_pool" must have "threads" parameter',
  },
});

/** As ngx_thread_pool(). */
function readThreadPool(site: Site): string {
  const [name, ...options] = site.words;
  let threads = 0;
  for (const option of options) {
    const { text } = option;
    if (text.startsWith('threads=')) {
      threads = parseWhole(text.slice(8)) ?? 0;
      if (threads === 0) throw site.error(`invalid threads value "${text}"`, option);
    } else if (text.startsWith('max_queue=') && parseWhole(text.slice(10)) === undefined) {
      throw site.error(`invalid max_queue value "${text}"`, option);
    }
  }
  if (threads === 0) throw site.error('"thread_pool" must have "threads" parameter');
  return name?.text ?? '';
}

const workerCpuAffinity = directive({
  name: 'worker_cpu_affinity',
  contexts: MAIN,
  arity: [1, Number.POSITIVE_INFINITY],
  read(site): readonly string[] {
    const [first] = site.words;
    const masks = first?.text === 'auto' ? site.words.slice(1) : site.words;
    if (masks.length !== site.words.length && masks.length > 1) {
      throw site.error('invalid number of arguments in "worker_cpu_affinity" directive');
    }
    for (const mask of masks) {
      const wrong = [...mask.text].findLast((char) => char !== ' ' && char !== '0' && char !== '1');
      if (wrong !== undefined)
        throw site.error(`invalid character "${wrong}" in "worker_cpu_affinity"`, mask);
    }
    return site.words.map(({ text }) => text);
  },
  noEffect: 'because the system moves workers between cores as the load asks for',
  doc: 'Binds workers to cores.',
  example: 'worker_cpu_affinity auto;',
  refuses: { 'worker_cpu_affinity 01x0;': 'invalid character "x" in "worker_cpu_affinity"' },
});

function withoutEffect<T>(
  name: string,
  contexts: readonly Context[],
  args: readonly [Parameters<typeof optional<T>>[0]],
  page: {
    readonly doc: string;
    readonly why: string;
    readonly value: string;
    readonly wrong?: readonly [string, string];
  },
): Directive<unknown> {
  return directive({
    name,
    contexts,
    args,
    noEffect: page.why,
    doc: page.doc,
    example: `${name} ${page.value};`,
    refuses: page.wrong === undefined ? {} : { [`${name} ${page.wrong[0]};`]: page.wrong[1] },
  });
}

const NO_MUTEX = 'because each worker has a listening socket of its own';
const BATCH = 'because a drain of the event queue is bounded by time, not by number';
const NO_CORE_FILES = 'because a worker is no program that leaves core files to be read';
const WRONG_FLAG = ['yes', 'it must be "on" or "off"'] as const;
const EVENT_TYPES = ['epoll', 'poll', 'select', 'kqueue', 'eventport', '/dev/poll'];

/** As ngx_event_use(). */
const eventType: Argument<string> = {
  allowed: EVENT_TYPES.join(', '),
  read(given, site) {
    if (EVENT_TYPES.includes(given.text)) return given.text;
    throw site.error(`invalid event type "${given.text}"`, given, `allowed: ${EVENT_TYPES.join(', ')}`);
  },
};

const withoutEffects: readonly Directive<unknown>[] = [
  threadPool,
  workerCpuAffinity,
  withoutEffect('lock_file', MAIN, [word], {
    doc: "The file of nginx's accept mutex.",
    why: NO_MUTEX,
    value: 'logs/nginx.lock',
  }),
  withoutEffect('timer_resolution', MAIN, [time], {
    doc: 'How often the time is asked for.',
    why: 'because the time is asked for once a turn of the loop',
    value: '100ms',
    wrong: ['fine', '"timer_resolution" directive invalid value'],
  }),
  withoutEffect('debug_points', MAIN, [oneOf('stop', 'abort')], {
    doc: 'What nginx does when it finds itself at fault.',
    why: 'because a failed assertion ends the worker, and the master starts another',
    value: 'abort',
    wrong: ['go', 'invalid value "go"'],
  }),
  withoutEffect('worker_rlimit_core', MAIN, [offset], {
    doc: 'Largest core file of a worker.',
    why: NO_CORE_FILES,
    value: '500m',
    wrong: ['big', '"worker_rlimit_core" directive invalid value'],
  }),
  withoutEffect('working_directory', MAIN, [word], {
    doc: 'The folder of core files.',
    why: NO_CORE_FILES,
    value: '/var/crash',
  }),
  withoutEffect('pcre_jit', MAIN, [flag], {
    doc: 'Regular expressions are compiled to machine code.',
    why: 'because V8 compiles them when they are used often',
    value: 'on',
    wrong: WRONG_FLAG,
  }),
  withoutEffect('use', EVENTS, [eventType], {
    doc: 'How the system tells of events.',
    why: 'because HOLDFAST_ENGINE chooses the engine, else what is there',
    value: 'epoll',
    wrong: ['magic', 'invalid event type "magic"'],
  }),
  withoutEffect('multi_accept', EVENTS, [flag], {
    doc: 'A worker takes all waiting connections at once.',
    why: 'because a worker takes connections until its turn is over',
    value: 'on',
    wrong: WRONG_FLAG,
  }),
  withoutEffect('accept_mutex', EVENTS, [flag], {
    doc: 'Workers take connections in turn.',
    why: NO_MUTEX,
    value: 'off',
    wrong: WRONG_FLAG,
  }),
  withoutEffect('accept_mutex_delay', EVENTS, [time], {
    doc: 'How long a worker waits for its turn.',
    why: NO_MUTEX,
    value: '500ms',
    wrong: ['long', '"accept_mutex_delay" directive invalid value'],
  }),
  withoutEffect('epoll_events', EVENTS, [integer()], {
    doc: 'Most events of one call.',
    why: BATCH,
    value: '512',
    wrong: ['many', 'invalid number'],
  }),
  withoutEffect('worker_aio_requests', EVENTS, [integer()], {
    doc: 'Most file reads under way.',
    why: 'because files are read on the loop itself',
    value: '32',
    wrong: ['many', 'invalid number'],
  }),
];

export const core = defineModule({
  name: 'core',
  directives: [
    daemon,
    masterProcess,
    workerProcesses,
    workerRlimitNofile,
    workerShutdownTimeout,
    workerPriority,
    pid,
    user,
    env,
    workerConnections,
    ...withoutEffects,
    unsupported('debug_connection'),
    unsupported('load_module', 'Holdfast has no modules that are loaded at run time'),
    unsupported('ssl_engine'),
    unsupported('ssl_object_cache_inheritable'),
    unsupported('google_perftools_profiles'),
  ],
});
