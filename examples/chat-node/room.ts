// The sessions of one chat node, kept in its memory and nowhere else: who is here, since when, how many messages.
// Knows no socket: a member is whatever takes a notice. Restarting the node forgets everything, which is the point of the example.

export type Notice =
  | {
      readonly type: 'welcome';
      readonly node: string;
      readonly session: string;
      readonly name: string;
      readonly ageMs: number;
      readonly messages: number;
      readonly address: string;
      readonly recent: readonly Said[];
    }
  | { readonly type: 'came' | 'went'; readonly name: string; readonly here: number }
  | { readonly type: 'counted'; readonly messages: number }
  | Said;

export interface Said {
  readonly type: 'said';
  readonly name: string;
  readonly session: string;
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface Member {
  notify(notice: Notice): void;
}

interface Session {
  readonly id: string;
  readonly name: string;
  readonly startedAt: number;
  /** A copied tab shares its original's session. */
  readonly members: Set<Member>;
  messages: number;
}

const SESSIONS_MAX = 10_000;
const RECENT_MAX = 30;
const TEXT_CHARS_MAX = 500;

export class Room {
  private readonly node: string;
  private readonly now: () => number;
  /** In the order in which they were last joined: the first absent one is forgotten first. */
  private readonly sessions = new Map<string, Session>();
  private readonly recent: Said[] = [];
  private here = 0;

  constructor(node: string, now: () => number) {
    this.node = node;
    this.now = now;
  }

  /** Sessions that have a socket. */
  get present(): number {
    return this.here;
  }

  join(id: string, address: string, member: Member): void {
    const session = this.sessions.get(id) ?? this.begin(id);
    this.sessions.delete(id);
    this.sessions.set(id, session);
    session.members.add(member);
    member.notify({
      type: 'welcome',
      node: this.node,
      session: id,
      name: session.name,
      ageMs: this.now() - session.startedAt,
      messages: session.messages,
      address,
      recent: this.recent,
    });
    if (session.members.size > 1) return;
    this.here++;
    this.tellOthers(session, { type: 'came', name: session.name, here: this.here });
  }

  leave(id: string, member: Member): void {
    const session = this.sessions.get(id);
    if (session === undefined || !session.members.delete(member) || session.members.size > 0) return;
    this.here--;
    this.tellOthers(session, { type: 'went', name: session.name, here: this.here });
  }

  say(id: string, text: string): void {
    const session = this.sessions.get(id);
    const trimmed = text.trim().slice(0, TEXT_CHARS_MAX);
    if (session === undefined || trimmed === '') return;
    session.messages++;
    const said: Said = {
      type: 'said',
      name: session.name,
      session: id,
      text: trimmed,
      at: this.now(),
    };
    this.recent.push(said);
    if (this.recent.length > RECENT_MAX) this.recent.shift();
    for (const other of this.sessions.values()) notifyAll(other, said);
    notifyAll(session, { type: 'counted', messages: session.messages });
  }

  private begin(id: string): Session {
    if (this.sessions.size >= SESSIONS_MAX) this.forgetOne();
    return { id, name: nameOf(id), startedAt: this.now(), members: new Set(), messages: 0 };
  }

  private forgetOne(): void {
    for (const session of this.sessions.values()) {
      if (session.members.size > 0) continue;
      this.sessions.delete(session.id);
      return;
    }
  }

  private tellOthers(session: Session, notice: Notice): void {
    for (const other of this.sessions.values()) if (other !== session) notifyAll(other, notice);
  }
}

function notifyAll(session: Session, notice: Notice): void {
  for (const member of session.members) member.notify(notice);
}

const NAMES = ['Abalone', 'Brittlestar', 'Cuttlefish', 'Dulse', 'Eider', 'Fulmar', 'Gannet', 'Heron'];
const MORE_NAMES = ['Isopod', 'Jellyfish', 'Kelp', 'Limpet', 'Murre', 'Nautilus', 'Otter', 'Puffin'];

/** A session's name follows from its id, so that it stays the same on either node and after a restart. */
function nameOf(id: string): string {
  let hash = 0;
  for (const char of id) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) >>> 0;
  const names = [...NAMES, ...MORE_NAMES];
  return `${names[hash % names.length]} ${((hash >>> 8) % 90) + 10}`;
}
