// What the flags ask for, done.
import { existsSync, readFileSync, writeSync } from 'node:fs';
import { availableParallelism, hostname } from 'node:os';
import { resolve } from 'node:path';
import { bytesOf, unicodeOf, utf8ByteString } from '../base/bytes.ts';
import { renderMistake, renderMistakes } from '../config/explain.ts';
import { engineChoice } from '../io/choose.ts';
import type { CompileResult } from '../plan/compile.ts';
import { type Invocation, loadBundle } from '../supervisor/bundle.ts';
import { disk, lookup } from '../supervisor/disk.ts';
import { startProgram } from '../supervisor/start.ts';
import { type Flags, parseFlags, USAGE } from './flags.ts';
import { configureText, versionText } from './version.ts';

/** Runs the program; resolves to its exit code when it has nothing more to do. */
export async function runMain(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args);
  if (typeof flags === 'string') {
    say(`holdfast: ${flags}\n`);
    return 1;
  }
  if (flags.version) {
    say(versionText());
    if (flags.configure) {
      const { kind, reason } = engineChoice();
      say(configureText(`${kind} (${reason})`));
    }
    if (flags.help) say(`\n${USAGE}`);
    return 0;
  }
  const invocation = invocationOf(flags);
  if (flags.signal !== undefined) return signalMaster(invocation, flags.signal);
  if (flags.test) return testConfiguration(invocation, flags);
  return startProgram(invocation, say);
}

/** To descriptor 2, as nginx; bytes stay as they are. */
function say(text: string): void {
  try {
    writeSync(2, bytesOf(text));
  } catch {
    // nobody listens
  }
}

function invocationOf(flags: Flags): Invocation {
  const prefix = `${resolve(flags.prefix ?? '.')}/`.replace(/\/\/$/, '/');
  const named = flags.file ?? (existsSync(`${prefix}nginx.conf`) ? 'nginx.conf' : 'conf/nginx.conf');
  const errorLog =
    flags.errorLog === undefined || flags.errorLog === 'stderr'
      ? flags.errorLog
      : resolve(prefix, flags.errorLog);
  return {
    file: utf8ByteString(resolve(prefix, named)),
    prefix: utf8ByteString(prefix),
    globals: flags.globals === undefined ? undefined : utf8ByteString(flags.globals),
    errorLog: errorLog === undefined ? undefined : utf8ByteString(errorLog),
    hostname: hostname(),
    cores: availableParallelism(),
  };
}

async function testConfiguration(invocation: Invocation, flags: Flags): Promise<number> {
  const { result } = await loadBundle(invocation, disk, lookup, 0);
  sayWarnings(result);
  if (result.plan === undefined) {
    say(renderMistakes(result.errors, result.errorsDropped));
    say(`holdfast: configuration file ${invocation.file} test failed\n`);
    return 1;
  }
  if (!flags.quiet) {
    say(`holdfast: the configuration file ${invocation.file} syntax is ok\n`);
    say(`holdfast: configuration file ${invocation.file} test is successful\n`);
  }
  if (flags.dump)
    for (const { file, text } of result.sources) dump(`# configuration file ${file}:\n${text}\n`);
  return 0;
}

function sayWarnings(result: CompileResult): void {
  for (const warning of result.warnings) say(renderMistake(warning, 'warn'));
}

function dump(text: string): void {
  const bytes = bytesOf(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
}

const SIGNALS = { stop: 'SIGTERM', quit: 'SIGQUIT', reload: 'SIGHUP', reopen: 'SIGUSR1' } as const;

/** `-s`: the master's pid stands in the pid file of the configuration. */
async function signalMaster(invocation: Invocation, signal: keyof typeof SIGNALS): Promise<number> {
  const { result } = await loadBundle(invocation, disk, lookup, 0);
  if (result.plan === undefined) {
    say(renderMistakes(result.errors, result.errorsDropped));
    return 1;
  }
  const file = result.plan.process.pidFile ?? `${invocation.prefix}logs/nginx.pid`;
  let text: string;
  try {
    text = readFileSync(unicodeOf(file), 'latin1').trim();
  } catch {
    say(
      `holdfast: [error] open() "${file}" failed (2: No such file or directory)\n  no master of this configuration runs here, or it writes another pid file\n`,
    );
    return 1;
  }
  const pid = Number(text);
  if (!/^[1-9]\d*$/.test(text) || !Number.isSafeInteger(pid)) {
    say(`holdfast: [error] invalid PID number "${text}" in "${file}"\n`);
    return 1;
  }
  try {
    process.kill(pid, SIGNALS[signal]);
    return 0;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    say(
      `holdfast: [alert] kill(${pid}, ${SIGNALS[signal].slice(3)}) failed (${code === 'ESRCH' ? '3: No such process' : code === 'EPERM' ? '1: Operation not permitted' : code})\n`,
    );
    return 1;
  }
}
