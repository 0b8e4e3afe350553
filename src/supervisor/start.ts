// From an invocation to a running program: which engine, one process or many, in the foreground or not.
import { release, type } from 'node:os';
import { BIND_TRIES } from '../base/limits.ts';
import { chooseEngine, type EngineChoice } from '../io/choose.ts';
import type { Engine } from '../io/engine.ts';
import { descriptorLimit } from '../io/epoll/descriptors.ts';
import { EpollEngine } from '../io/epoll/epoll-engine.ts';
import { isIoError } from '../io/io-error.ts';
import type { CompileResult } from '../plan/compile.ts';
import type { Plan } from '../plan/plan.ts';
import { NGINX_VERSION, PRODUCT } from '../version.ts';
import { type Bundle, type Invocation, loadBundle } from './bundle.ts';
import { isRoot } from './credentials.ts';
import { launch, launched, leaveTerminal } from './daemon.ts';
import { logClock, nameClock } from './delay.ts';
import { disk, lookup } from './disk.ts';
import { pathText } from './folders.ts';
import { LogFiles, tellOnStandardError } from './log-files.ts';
import { reopenLogs } from './log-reopen.ts';
import { defaultLog, mainLogPath } from './main-log.ts';
import { Master } from './master.ts';
import { removePidFile, writePidFile } from './pid-file.ts';
import { nodeCodecs } from './ports/codecs.ts';
import { nodeFiles } from './ports/files.ts';
import { dnsNames } from './ports/names.ts';
import { bugText, LogReport, type Report, StartReport, sayNoEffect } from './report.ts';
import { holdSignals, type Obeys, obeySignals } from './signals.ts';
import { reportProblem, SingleProcess } from './single.ts';
import { dropSpare } from './worker-launch.ts';
import { zoneMinutes } from './zone-minutes.ts';
import { MappedZones } from './zones.ts';

type Chosen = EngineChoice & { readonly engine: Engine };

/** Starts and runs until a signal ends it; `write` writes to the terminal. Resolves to the exit code. */
export async function startProgram(invocation: Invocation, write: (text: string) => void): Promise<number> {
  holdSignals();
  const report = new StartReport(write, invocation);
  const { bundle, result } = await loadBundle(invocation, disk, lookup, 1);
  const { plan } = result;
  if (plan?.process.daemon === true && !launched()) {
    report.close();
    return launch();
  }
  report.configuration(result);
  if (plan === undefined) return 1;
  process.title = `holdfast: master process ${process.argv.slice(1).join(' ')}`;
  const chosen = chooseEngine();
  const { engine } = chosen;
  return plan.process.masterProcess && engine instanceof EpollEngine
    ? runMaster({ ...chosen, engine }, invocation, bundle, { ...result, plan }, report)
    : runAlone(chosen, invocation, plan, report);
}

/** As ngx_os_status() and what nginx says before it. */
function greeting({ kind, reason }: EngineChoice): string[] {
  const limit = descriptorLimit();
  return [
    `using the ${kind} engine: ${reason}`,
    `${PRODUCT} (nginx/${NGINX_VERSION}), Node.js ${process.versions.node}`,
    `OS: ${type()} ${release()}`,
    ...(isIoError(limit) ? [] : [`getrlimit(RLIMIT_NOFILE): ${limit.soft}:${limit.hard}`]),
  ];
}

async function runMaster(
  chosen: EngineChoice & { readonly engine: EpollEngine },
  invocation: Invocation,
  bundle: Bundle,
  result: CompileResult & { readonly plan: Plan },
  report: StartReport,
): Promise<number> {
  const master = new Master(chosen.engine, invocation);
  process.on('uncaughtException', (error) => {
    master.log.say('alert', `the master process dies of a bug: ${bugText(error)}`);
    master.flush();
    process.exit(70);
  });
  obeySignals(master, launched());
  const started = await master.start(bundle, result, report, greeting(chosen));
  report.close();
  if (!started) return 1;
  if (launched()) leaveTerminal(master.logPaths, mainLogPath(result.plan, invocation));
  return master.ended;
}

/** One process does all. */
async function runAlone(
  chosen: Chosen,
  invocation: Invocation,
  plan: Plan,
  report: StartReport,
): Promise<number> {
  dropSpare();
  const { engine } = chosen;
  const logs = new LogFiles(logClock(engine), defaultLog(invocation));
  const program: SingleProcess = new SingleProcess(
    {
      engine,
      files: nodeFiles(),
      codecs: nodeCodecs(),
      names: dnsNames({
        clock: nameClock(engine),
        log: (text) => program.worker.generation?.errorLog.write('error', text),
      }),
      disk,
      lookup,
      seed: process.pid,
      logs,
      zones: new MappedZones(),
      bindTries: BIND_TRIES,
      facts: {
        pid: process.pid,
        hostname: invocation.hostname,
        product: PRODUCT,
        zoneMinutes,
        counters: { accepted: 0, active: 0, requests: 0 },
      },
    },
    invocation,
  );
  logs.alert = (text) => program.worker.generation?.errorLog.write('alert', text);
  const loaded = await program.load();
  if (loaded.problem !== undefined) {
    reportProblem(loaded.problem, report);
    return 1;
  }
  const { pidFile } = plan.process;
  const error = writePidFile(pidFile, process.pid);
  if (error !== undefined) {
    report.say('emerg', pathText({ path: pidFile, error }));
    return 1;
  }
  report.close();
  const log = new LogReport(() => program.worker.generation?.errorLog);
  for (const line of greeting(chosen)) log.say('notice', line);
  log.configuration(loaded.result);
  sayNoEffect(loaded.result, log);
  sayWhatOneProcessMeans(plan, chosen, log);
  const ended = new Promise<number>((resolve) => {
    const finish = (): void => {
      program.closeListeners(() => true);
      removePidFile(pidFile);
      log.say('notice', 'exit');
      logs.finish(tellOnStandardError);
      engine.destroy();
      resolve(0);
    };
    obeySignals(singleSignals(program, logs, log, finish), launched());
  });
  if (launched()) leaveTerminal(logs.pathsOf(plan.logs), mainLogPath(plan, invocation));
  return ended;
}

function sayWhatOneProcessMeans(plan: Plan, { kind, reason, degraded }: EngineChoice, log: Report): void {
  const { workers, masterProcess, user } = plan.process;
  if (degraded) log.say('warn', `running on the ${kind} engine: ${reason}`);
  if (!masterProcess) return;
  if (workers > 1) log.say('warn', `the ${kind} engine runs one worker, not ${workers}`);
  if (isRoot() || user !== undefined) {
    log.say(
      'warn',
      `the ${kind} engine serves as the user that started it: it has no workers that could become another`,
    );
  }
}

/** `finish` is called once. A program that ends takes no new plan, which would listen again. */
function singleSignals(program: SingleProcess, logs: LogFiles, log: Report, finish: () => void): Obeys {
  let stopping: 'fast' | 'graceful' | undefined;
  return {
    terminate(name) {
      log.say('notice', `${name} received, exiting`);
      if (stopping === 'fast') return;
      stopping = 'fast';
      finish();
    },
    quit(name) {
      log.say('notice', `${name} received, shutting down`);
      if (stopping !== undefined) return;
      stopping = 'graceful';
      program.drain('quit', () => {
        if (stopping === 'graceful') finish();
        stopping = 'fast';
      });
    },
    reload(name) {
      log.say('notice', `${name} received, reconfiguring`);
      if (stopping !== undefined) return;
      log.say('notice', 'reconfiguring');
      const unlessStopping = (result: CompileResult): CompileResult =>
        stopping === undefined ? result : { ...result, plan: undefined };
      void program.load(unlessStopping).then((loaded) => {
        if (loaded.problem !== undefined && stopping !== undefined) {
          return log.say('notice', 'the plan in force stays in force: the program ends');
        }
        if (loaded.problem !== undefined) return reportProblem(loaded.problem, log);
        log.configuration(loaded.result);
        log.say('notice', 'reconfigured');
      });
    },
    reopen(name) {
      log.say('notice', `${name} received, reopening logs`);
      reopenLogs(logs, undefined, log);
      log.say('notice', 'reopening logs');
    },
    log,
  };
}
