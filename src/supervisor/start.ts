// From an invocation to a running program: which engine, one process or many, in the foreground or not.
import { writeFileSync } from 'node:fs';
import { unicodeOf } from '../base/bytes.ts';
import { renderMistake, renderMistakes } from '../config/explain.ts';
import { chooseEngine } from '../io/choose.ts';
import { ioErrorText } from '../io/io-error.ts';
import { PRODUCT } from '../version.ts';
import type { Invocation } from './bundle.ts';
import { disk, lookup } from './disk.ts';
import { LogFiles } from './log-files.ts';
import { nodeCodecs } from './ports/codecs.ts';
import { nodeFiles } from './ports/files.ts';
import { dnsNames } from './ports/names.ts';
import { SingleProcess } from './single.ts';

/** Starts and runs until a signal ends it; `say` writes to the terminal. Resolves to the exit code. */
export async function startProgram(invocation: Invocation, say: (text: string) => void): Promise<number> {
  const { engine, kind, reason } = chooseEngine();
  const logs = new LogFiles({
    atTurnEnd: (work) => engine.atTurnEnd(work),
    after: (ms, work) => void setTimeout(work, ms),
  });
  const program = new SingleProcess(
    {
      engine,
      files: nodeFiles(),
      codecs: nodeCodecs(),
      names: dnsNames(() => engine.now()),
      disk,
      lookup,
      seed: process.pid,
      openLog: (plan) => {
        logs.openAll([plan]);
        return logs.writer(plan);
      },
      openZone: (plan) => new ArrayBuffer(Math.max(plan.bytes, 64)),
      facts: {
        pid: process.pid,
        hostname: invocation.hostname,
        product: PRODUCT,
        zoneMinutes: (wall) => -new Date(wall).getTimezoneOffset(),
        counters: { accepted: 0, active: 0, requests: 0 },
      },
    },
    invocation,
  );
  const problem = await program.load();
  if (problem?.kind === 'config') {
    for (const warning of problem.result.warnings) say(renderMistake(warning, 'warn'));
    say(renderMistakes(problem.result.errors, problem.result.errorsDropped));
    return 1;
  }
  if (problem?.kind === 'bind') {
    say(`holdfast: [emerg] ${ioErrorText(problem.error)} ${problem.listener.key}\n`);
    return 1;
  }
  const pidFile = program.plan?.process.pidFile ?? `${invocation.prefix}logs/nginx.pid`;
  writeFileSync(unicodeOf(pidFile), `${process.pid}\n`);
  program.worker.generation?.errorLog.write('notice', `using the ${kind} engine: ${reason}`);
  return new Promise((resolve) => {
    const stop = (): void => {
      logs.flush();
      engine.destroy();
      resolve(0);
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
    process.on('SIGQUIT', () => program.worker.drain(stop));
    process.on('SIGHUP', () => void program.load());
    process.on('SIGUSR1', () => logs.reopen(() => undefined));
  });
}
