// The line between a chat node and whoever started it (scripts/start.mjs), over the channel that Node gives a forked child:
// the node says how many sessions it has and passes on the page's wishes; the starter says how the whole stands.
// Without a starter the node chats all the same and answers wishes with "nobody to ask".

/** How the whole stands, as the starter knows it. */
export interface Standing {
  /** Reloads that the balancer has confirmed in its log. */
  readonly reloads: number;
  readonly nodes: readonly {
    readonly name: string;
    readonly port: number;
    readonly up: boolean;
    readonly sessions: number;
    readonly restarts: number;
  }[];
}

export type Wish = 'reload' | 'restart-other';

export interface Answer {
  readonly ok: boolean;
  readonly text: string;
}

type FromStarter =
  | { readonly type: 'standing'; readonly standing: Standing }
  | { readonly type: 'answer'; readonly number: number; readonly answer: Answer };

const NOBODY: Answer = { ok: false, text: 'this node was not started by scripts/start.mjs: nobody to ask' };

export class Control {
  standing: Standing | undefined;
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private asked = 0;

  /** `changed` is called with each new standing, `alone` when the starter is gone. */
  constructor(changed: (standing: Standing) => void, alone: () => void) {
    process.on('message', (message: FromStarter) => {
      if (message.type === 'standing') {
        this.standing = message.standing;
        return changed(message.standing);
      }
      this.waiting.get(message.number)?.(message.answer);
      this.waiting.delete(message.number);
    });
    process.on('disconnect', alone);
  }

  ready(): void {
    process.send?.({ type: 'ready' });
  }

  count(sessions: number): void {
    if (process.connected) process.send?.({ type: 'sessions', count: sessions });
  }

  ask(wish: Wish): Promise<Answer> {
    if (!process.connected) return Promise.resolve(NOBODY);
    const number = ++this.asked;
    return new Promise((resolve) => {
      this.waiting.set(number, resolve);
      process.send?.({ type: 'wish', wish, number });
    });
  }
}
