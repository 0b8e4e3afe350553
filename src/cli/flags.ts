// The command line, with nginx's flags, messages and exit codes.

export interface Flags {
  readonly file: string | undefined;
  readonly prefix: string | undefined;
  readonly globals: string | undefined;
  readonly errorLog: string | undefined;
  readonly test: boolean;
  /** `-T`: test, then print what was read. */
  readonly dump: boolean;
  readonly quiet: boolean;
  readonly signal: 'stop' | 'quit' | 'reload' | 'reopen' | undefined;
  readonly version: boolean;
  readonly configure: boolean;
  readonly help: boolean;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

const WITH_VALUE: Readonly<
  Record<string, readonly [field: 'file' | 'prefix' | 'globals' | 'errorLog' | 'signal', missing: string]>
> = {
  c: ['file', 'option "-c" requires file name'],
  p: ['prefix', 'option "-p" requires directory name'],
  g: ['globals', 'option "-g" requires parameter'],
  e: ['errorLog', 'option "-e" requires file name'],
  s: ['signal', 'option "-s" requires parameter'],
};

const SIGNALS: ReadonlySet<string> = new Set(['stop', 'quit', 'reload', 'reopen']);

/** Reads the arguments after the program's name; a string is what is wrong with them. As ngx_get_options(). */
export function parseFlags(args: readonly string[]): Flags | string {
  const flags: Writable<Flags> = {
    file: undefined,
    prefix: undefined,
    globals: undefined,
    errorLog: undefined,
    test: false,
    dump: false,
    quiet: false,
    signal: undefined,
    version: false,
    configure: false,
    help: false,
  };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (!arg.startsWith('-')) return `invalid option: "${arg}"`;
    for (let at = 1; at < arg.length; at++) {
      const letter = arg[at] ?? '';
      const valued = WITH_VALUE[letter];
      if (valued === undefined) {
        if (!setSwitch(flags, letter)) return `invalid option: "${letter}"`;
        continue;
      }
      const [field, missing] = valued;
      const value = at + 1 < arg.length ? arg.slice(at + 1) : args[++i];
      if (value === undefined || value === '') return missing;
      if (field !== 'signal') flags[field] = value;
      else if (SIGNALS.has(value)) flags.signal = value as Flags['signal'];
      else return `invalid option: "-s ${value}"`;
      break;
    }
  }
  return flags;
}

function setSwitch(flags: Writable<Flags>, letter: string): boolean {
  switch (letter) {
    case '?':
    case 'h':
      flags.version = flags.help = true;
      return true;
    case 'v':
      flags.version = true;
      return true;
    case 'V':
      flags.version = flags.configure = true;
      return true;
    case 't':
      flags.test = true;
      return true;
    case 'T':
      flags.test = flags.dump = true;
      return true;
    case 'q':
      flags.quiet = true;
      return true;
    default:
      return false;
  }
}

export const USAGE = `Usage: holdfast [-?hvVtTq] [-s signal] [-p prefix]
                [-e filename] [-c filename] [-g directives]

Options:
  -?,-h         : this help
  -v            : show version and exit
  -V            : show version and configure options then exit
  -t            : test configuration and exit
  -T            : test configuration, dump it and exit
  -q            : suppress non-error messages during configuration testing
  -s signal     : send signal to a master process: stop, quit, reopen, reload
  -p prefix     : set prefix path (default: the current folder)
  -e filename   : set error log file (default: logs/error.log)
  -c filename   : set configuration file (default: nginx.conf, else conf/nginx.conf)
  -g directives : set global directives out of configuration file
`;
