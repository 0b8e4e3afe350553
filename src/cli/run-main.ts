// What the flags ask for, done.
import { writeSync } from 'node:fs';
import { availableParallelism, constants, hostname } from 'node:os';
import { resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { bytesOf, unicodeOf, utf8ByteString } from '../base/bytes.ts';
import { engineChoice } from '../io/choose.ts';
import { ioErrorOfNode, ioErrorText } from '../io/io-error.ts';
import { type Invocation, loadBundle } from '../supervisor/bundle.ts';
import { settleUser } from '../supervisor/credentials.ts';
import { disk, lookup } from '../supervisor/disk.ts';
import { dryRun } from '../supervisor/dry-run.ts';
import { readPidFile, strangerName } from '../supervisor/pid-file.ts';
import { StartReport } from '../supervisor/report.ts';
import { startProgram } from '../supervisor/start.ts';
import { type Flags, USAGE } from './flags.ts';
import { placesOf } from './places.ts';
import { configureText, versionText } from './version.ts';

// A match is bounded as PCRE's is: where backtracking runs away, V8's linear engine takes over. Set before any pattern is compiled, and
// after Node's modules are loaded: with another flag each would be compiled anew.
setFlagsFromString('--enable-experimental-regexp-engine-on-excessive-backtracks');

/** Does what the flags ask for, or says what is wrong with them; resolves to the exit code when there is nothing more to do. */
export async function runMain(flags: Flags | string): Promise<number> {
  if (typeof flags === 'string') {
    say(`holdfast: ${flags}\n`);
    return 1;
  }
  if (flags.version) {
    sayVersion(flags);
    if (!flags.test) return 0;
  }
  const invocation = invocationOf(flags);
  if (flags.test) return testConfiguration(invocation, flags);
  if (flags.signal !== undefined) return signalMaster(invocation, flags.signal);
  return startProgram(invocation, say);
}

function sayVersion({ configure, help }: Flags): void {
  say(versionText());
  if (help) say(`${USAGE}\n`);
  if (!configure) return;
  const { kind, reason } = engineChoice();
  say(configureText(`${kind} (${reason})`));
}

/** To descriptor 2, as nginx, for a person: Unicode. */
function say(text: string): void {
  try {
    writeSync(2, text);
  } catch {
    // Nobody listens.
  }
}

function invocationOf(flags: Flags): Invocation {
  const { prefix, file } = placesOf(flags);
  const errorLog =
    flags.errorLog === undefined || flags.errorLog === 'stderr'
      ? flags.errorLog
      : resolve(prefix, flags.errorLog);
  return {
    file: utf8ByteString(file),
    prefix: utf8ByteString(prefix),
    globals: flags.globals === undefined ? undefined : utf8ByteString(flags.globals),
    errorLog: errorLog === undefined ? undefined : utf8ByteString(errorLog),
    hostname: hostname().toLowerCase(),
    defaultPort: process.geteuid?.() === 0 ? 80 : 8000,
    cores: availableParallelism(),
  };
}

/** `-t` and `-T`. */
async function testConfiguration(invocation: Invocation, flags: Flags): Promise<number> {
  const report = new StartReport(say, invocation);
  const { result } = await loadBundle(invocation, disk, lookup, 0);
  report.configuration(result);
  // nginx looks the user up while it reads the file.
  const user = result.plan === undefined ? undefined : settleUser(result.plan.process, report);
  const plan = user === 'refused' ? undefined : result.plan;
  const file = unicodeOf(invocation.file);
  if (plan !== undefined && !flags.quiet) say(`holdfast: the configuration file ${file} syntax is ok\n`);
  const uid = typeof user === 'object' ? user.uid : undefined;
  if (plan === undefined || !(await dryRun(plan, { invocation, report, uid }))) {
    say(`holdfast: configuration file ${file} test failed\n`);
    return 1;
  }
  if (!flags.quiet) say(`holdfast: configuration file ${file} test is successful\n`);
  if (flags.dump)
    for (const source of result.sources) print(`# configuration file ${source.file}:\n${source.text}\n`);
  return 0;
}

/** To descriptor 1, all of it. */
function print(text: string): void {
  const bytes = bytesOf(text);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return; // nobody reads on
    }
  }
}

const SIGNALS = { stop: 'SIGTERM', quit: 'SIGQUIT', reload: 'SIGHUP', reopen: 'SIGUSR1' } as const;

/** `-s`: the master's pid stands in the pid file of the configuration. As ngx_signal_process(). */
async function signalMaster(invocation: Invocation, asked: keyof typeof SIGNALS): Promise<number> {
  const report = new StartReport(say, invocation);
  const { result } = await loadBundle(invocation, disk, lookup, 0);
  report.configuration(result);
  if (result.plan === undefined) return 1;
  report.say('notice', 'signal process started');
  const { pidFile } = result.plan.process;
  const pid = readPidFile(pidFile);
  if (typeof pid === 'object') {
    const help = 'no master of this configuration runs, or it was started with another "pid" line';
    report.say(pid.level, pid.text, help);
    return 1;
  }
  const stranger = strangerName(pid);
  if (stranger !== undefined) {
    const help = 'whoever wrote the file was killed, and its number was given to another; remove the file';
    report.say('error', `"${pidFile}" names process ${pid}, "${stranger}", which is no master`, help);
    return 1;
  }
  const signal = SIGNALS[asked];
  try {
    process.kill(pid, signal);
    return 0;
  } catch (error) {
    const text = ioErrorText(ioErrorOfNode('kill', error));
    report.say('alert', `kill(${pid}, ${constants.signals[signal]}) failed (${text})`);
    return 1;
  }
}
