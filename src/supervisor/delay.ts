// One-shot delays on an engine's own timers, which a test's fake timers do not stop.
import type { Engine, Ms } from '../io/engine.ts';
import type { LogClock } from '../observe/log-writer.ts';
import type { NameClock } from './ports/names.ts';

/** Runs `work` once in `ms`; the function that is returned prevents it. */
export function after(engine: Engine, ms: Ms, work: () => void): () => void {
  const { timers } = engine;
  let pending = true;
  const slot = timers.add({
    expired() {
      cancel();
      work();
    },
  });
  const cancel = (): void => {
    if (pending) timers.remove(slot);
    pending = false;
  };
  timers.arm(slot, engine.now() + ms);
  return cancel;
}

export function nameClock(engine: Engine): NameClock {
  return { now: () => engine.now(), after: (ms, work) => after(engine, ms, work) };
}

export function logClock(engine: Engine): LogClock {
  return {
    atTurnEnd: (work) => engine.atTurnEnd(work),
    after: (ms, work) => void after(engine, ms, work),
  };
}
