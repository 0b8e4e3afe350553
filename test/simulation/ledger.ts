// The truth about a run, kept outside of the balancer: who sent what, who got what, when and over which links. What cannot be right under
// any circumstances is a problem at once; the rest is judged at the end.
import type { LinkRecord } from '../../src/io/simulated/link.ts';
import type { WireMessage } from '../support/wire-reader.ts';
import type { AnswerPlan, ClientPlan, RequestPlan, SocketPlan } from './script.ts';
import type { Wire } from './wire.ts';

/** A request as a peer saw it. */
export interface Reception {
  readonly port: number;
  readonly link: LinkRecord;
  /** Its number among the request's attempts, from 0. */
  readonly attempt: number;
  readonly answer: AnswerPlan;
  readonly at: number;
  /** All of its body has come; when. */
  complete: boolean;
  completeAt: number;
  /** When the peer had sent the last byte of its answer; -1: not yet. */
  answeredAt: number;
}

export interface Exchange {
  readonly plan: RequestPlan;
  readonly client: ClientPlan;
  /** The client's connection; undefined: the request was never sent. */
  wire: Wire | undefined;
  /** Place in the wire's bytes where the head ends, and the body. */
  headEnd: number;
  bodyEnd: number;
  sentAt: number;
  /** The last byte of the request was written. */
  written: boolean;
  interim: number;
  answer: WireMessage | undefined;
  answeredAt: number;
  /** The client's connection ended, or was given up by it, before the answer was whole. */
  lost: string;
  lostAt: number;
  /** When the last piece of it was written so far. */
  lastPieceAt: number;
  readonly receptions: Reception[];
  /** How often its subrequest reached a peer. */
  gates: number;
  /** Numbers of the links to peers that were used for it. */
  readonly links: Set<number>;
  /** How often the driver began it, and when. */
  begun: number;
  begunAt: number;
  /** What else may have spoiled it. */
  readonly notes: Set<string>;
}

export interface SocketRecord {
  readonly plan: SocketPlan;
  clientLink: LinkRecord | undefined;
  readonly links: Set<number>;
  readonly receptions: Reception[];
  begun: number;
  status: number;
  /** Of the 101. */
  headBytes: number;
  /** Codes of the close frames that the balancer saw, from the client and from the peer; 0 for none. */
  closeCodes: readonly [number, number] | undefined;
  startedAt: number;
  /** Bytes of each direction's stream that came right, and all that there are. */
  upReceived: number;
  upTotal: number;
  downReceived: number;
  downTotal: number;
  /** When either end last sent or got anything, and when it saw its end. */
  activeAt: number;
  clientEndedAt: number;
  peerEndedAt: number;
  lost: string;
  readonly notes: Set<string>;
}

export class Ledger {
  readonly exchanges = new Map<number, Exchange>();
  readonly sockets = new Map<number, SocketRecord>();
  readonly problems: string[] = [];
  /** Links that their peer closed while idle, though it had said keep-alive. */
  readonly idleClosed = new Set<number>();
  /** Links on which a peer has not said all of an answer. */
  readonly speaking = new Set<number>();
  /** Lines for a person, where somebody wants to read them. */
  readonly trace: string[] | undefined;

  constructor(tracing: boolean) {
    this.trace = tracing ? [] : undefined;
  }

  problem(text: string): void {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push(text);
    this.trace?.push(`          !!! ${text}`);
  }

  addExchange(plan: RequestPlan, client: ClientPlan): Exchange {
    const made: Exchange = {
      plan,
      client,
      wire: undefined,
      headEnd: 0,
      bodyEnd: 0,
      sentAt: -1,
      written: false,
      interim: 0,
      answer: undefined,
      answeredAt: -1,
      lost: '',
      lostAt: -1,
      lastPieceAt: -1,
      receptions: [],
      gates: 0,
      links: new Set(),
      begun: 0,
      begunAt: -1,
      notes: new Set(),
    };
    this.exchanges.set(plan.id, made);
    return made;
  }

  addSocket(plan: SocketPlan): SocketRecord {
    const made: SocketRecord = {
      plan,
      clientLink: undefined,
      links: new Set(),
      receptions: [],
      begun: 0,
      status: 0,
      headBytes: 0,
      closeCodes: undefined,
      startedAt: -1,
      upReceived: 0,
      upTotal: 0,
      downReceived: 0,
      downTotal: 0,
      activeAt: 0,
      clientEndedAt: -1,
      peerEndedAt: -1,
      lost: '',
      notes: new Set(),
    };
    this.sockets.set(plan.id, made);
    return made;
  }

  /** The same of a request line, if all of it is there. */
  findWhole(requestLine: string): Exchange | SocketRecord | undefined {
    return / HTTP\/\d/.test(requestLine) ? this.find(requestLine) : undefined;
  }

  /** The exchange or socket whose number stands in a target. */
  find(text: string): Exchange | SocketRecord | undefined {
    const match = /\/r(\d+)(?![\w.])/.exec(text);
    if (match === null) return undefined;
    const id = Number(match[1]);
    return this.exchanges.get(id) ?? this.sockets.get(id);
  }
}

export function isSocket(record: Exchange | SocketRecord): record is SocketRecord {
  return 'upTotal' in record;
}

const PROBLEMS_MAX = 20;
