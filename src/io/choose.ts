// Which engine runs here: what HOLDFAST_ENGINE asks for, else epoll where it proves itself, else portable with the reason.
import type { Engine } from './engine.ts';
import { epollEngine } from './epoll/epoll-engine.ts';
import { selfTest } from './epoll/self-test.ts';
import { isIoError } from './io-error.ts';
import { portableEngine } from './portable/portable-engine.ts';

export interface EngineChoice {
  readonly kind: 'epoll' | 'portable';
  /** Why this one, for `-V` and the first log line. */
  readonly reason: string;
  /** True where the epoll engine was to be had and could not be: the log says so at `warn`. */
  readonly degraded: boolean;
}

/** What `chooseEngine` would take, without making it. `asked` is the value of HOLDFAST_ENGINE. */
export function engineChoice(asked: string | undefined = process.env.HOLDFAST_ENGINE): EngineChoice {
  if (asked === 'portable') {
    return { kind: 'portable', reason: 'HOLDFAST_ENGINE asks for it', degraded: false };
  }
  const refusal = selfTest();
  const named = asked === undefined || asked === '' || asked === 'epoll';
  const note = named ? '' : `; HOLDFAST_ENGINE is "${asked}", which is neither "epoll" nor "portable"`;
  if (refusal === undefined) {
    const reason = asked === 'epoll' ? 'HOLDFAST_ENGINE asks for it' : `it passed its self-test${note}`;
    return { kind: 'epoll', reason, degraded: false };
  }
  return { kind: 'portable', reason: `the epoll engine cannot run: ${refusal}${note}`, degraded: true };
}

/** The engine of this process, and why it is this one. */
export function chooseEngine(asked?: string): EngineChoice & { readonly engine: Engine } {
  const choice = engineChoice(asked ?? process.env.HOLDFAST_ENGINE);
  if (choice.kind === 'epoll') {
    const engine = epollEngine();
    if (!isIoError(engine)) return { ...choice, engine };
    const reason = `the epoll engine cannot run: ${engine.call}() failed (${engine.errno}: ${engine.text})`;
    return { kind: 'portable', reason, degraded: true, engine: portableEngine() };
  }
  return { ...choice, engine: portableEngine() };
}
