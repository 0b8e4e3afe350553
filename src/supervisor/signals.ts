// nginx's signals, as Node tells of them.
import type { Report } from './report.ts';

/** Whoever obeys them: a master, or a process that has no workers. */
export interface Obeys {
  terminate(name: string): void;
  quit(name: string): void;
  reload(name: string): void;
  reopen(name: string): void;
  readonly log: Report;
}

let reloadWanted = false;

/** While the program reads its configuration there is nobody yet who could obey: a HUP is remembered, not died of. */
export function holdSignals(): void {
  process.on('SIGHUP', () => {
    reloadWanted = true;
  });
  for (const name of ['SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const) process.on(name, () => undefined);
}

/** `inBackground`: WINCH comes from a person, not from a terminal whose window has changed. */
export function obeySignals(program: Obeys, inBackground: boolean): void {
  for (const name of ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const) process.removeAllListeners(name);
  if (reloadWanted) program.reload('signal 1 (SIGHUP)');
  process.on('SIGTERM', () => program.terminate('signal 15 (SIGTERM)'));
  process.on('SIGINT', () => program.terminate('signal 2 (SIGINT)'));
  process.on('SIGQUIT', () => program.quit('signal 3 (SIGQUIT)'));
  process.on('SIGHUP', () => program.reload('signal 1 (SIGHUP)'));
  process.on('SIGUSR1', () => program.reopen('signal 10 (SIGUSR1)'));
  process.on('SIGUSR2', () =>
    program.log.say(
      'warn',
      'signal 12 (SIGUSR2) received: upgrading the running program is not supported, ignored',
    ),
  );
  process.on('SIGWINCH', () => {
    if (!inBackground) return;
    program.log.say(
      'warn',
      'signal 28 (SIGWINCH) received: workers that stop accepting are not supported, ignored; QUIT ends gracefully',
    );
  });
}
