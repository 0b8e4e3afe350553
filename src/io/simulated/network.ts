// The simulated network: virtual time, what is listening, connections on their way, descriptors that move between engines.
// Every draw of chance comes from one seeded source, in the order of events: the seed replays the run.

import { assert } from '../../base/assert.ts';
import type { Random } from '../../base/random.ts';
import { seededRandom } from '../../base/random.ts';
import { ipBytes, sameAddress } from '../address.ts';
import type { Address, IoError, Ms } from '../engine.ts';
import { ioErrorOfCode } from '../io-error.ts';
import { EventQueue } from './event-queue.ts';
import type { Faults, Range } from './faults.ts';
import type { Endpoint, EndpointOwner } from './link.ts';
import { Link } from './link.ts';
import { ListeningSocket } from './listening-socket.ts';

/** As Linux gives up after tcp_syn_retries. */
const CONNECT_GIVES_UP_MS = 127_000;
const SYN_RETRY_MS = 1000;
const WALL_START = 1_700_000_000_000;

export interface ConnectingSide extends EndpointOwner {
  /** Its own addresses on the simulated network. */
  readonly host4: string;
  readonly host6: string;
}

export class Network {
  now: Ms = 1000;
  readonly events = new EventQueue();
  readonly links: Link[] = [];
  /** Sockets by simulated descriptor, for handing over. */
  readonly descriptors = new Map<number, Endpoint | ListeningSocket>();
  private readonly random: Random;
  private readonly rulesFor: (client: string, target: Address) => Faults;
  private readonly rules: Faults;
  private wallOffset = WALL_START;
  private readonly listening: ListeningSocket[] = [];
  private nextPort = 32_768;
  private nextDescriptor = 1000;

  constructor(seed: number, rules: Faults, rulesFor: (client: string, target: Address) => Faults) {
    this.random = seededRandom(seed);
    this.rules = rules;
    this.rulesFor = rulesFor;
  }

  get wall(): Ms {
    return this.now + this.wallOffset;
  }

  /** The wall clock jumps; deadlines must not notice. */
  jumpWallClock(by: Ms): void {
    this.wallOffset += by;
  }

  at(time: Ms, work: () => void): void {
    this.events.add(Math.max(time, this.now), 'motion', work);
  }

  after(delay: Ms, work: () => void): void {
    this.events.add(this.now + delay, 'motion', work);
  }

  happens(chance: number): boolean {
    return chance > 0 && this.random.fraction() < chance;
  }

  /** 1 to `bound`. */
  upTo(bound: number): number {
    return 1 + this.random.below(bound);
  }

  within(range: Range): number {
    return range[0] === range[1] ? range[0] : range[0] + this.random.fraction() * (range[1] - range[0]);
  }

  latency(link: Link): Ms {
    const { latencyMs, stall, stallMs } = link.rules;
    const usual = this.within(latencyMs);
    if (!this.happens(stall)) return usual;
    const stalled = this.within(stallMs);
    link.stalledMs += stalled;
    return usual + stalled;
  }

  /** How late a turn begins; the wall clock may jump before it. */
  turnDelay(): Ms {
    if (this.happens(this.rules.clockJump)) {
      const most = this.rules.clockJumpMsMax;
      this.jumpWallClock(this.within([-most, most]));
    }
    return this.happens(this.rules.lateTurn) ? this.within(this.rules.lateTurnMs) : 0;
  }

  runsOutOfDescriptors(): boolean {
    return this.happens(this.rules.acceptFails);
  }

  /** Binds and listens, or says why not. */
  listen(
    address: Address,
    backlog: number,
    ipv6Only: boolean,
    reusePort: boolean,
  ): ListeningSocket | IoError {
    if (address.family !== 'unix' && !isHost(address)) return ioErrorOfCode('bind', 'EINVAL');
    const bound: Address =
      address.family !== 'unix' && address.port === 0 ? { ...address, port: this.freePort() } : address;
    const socket = new ListeningSocket(this, bound, backlog, ipv6Only, reusePort);
    for (const other of this.listening) {
      if (other.conflictsWith(socket)) return ioErrorOfCode('bind', 'EADDRINUSE');
    }
    this.listening.push(socket);
    return socket;
  }

  unlisten(socket: ListeningSocket): void {
    const index = this.listening.indexOf(socket);
    if (index >= 0) this.listening.splice(index, 1);
  }

  /** Begins a connect; the answer comes to the endpoint later. */
  connect(side: ConnectingSide, target: Address, from: Address | undefined): Endpoint {
    const rules = this.rulesFor(side.name, target);
    assert(rules.latencyMs[0] > 0, 'a network without delays would stop its own clock');
    const source = this.sourceFor(side, target, from);
    const link = new Link(this, rules, this.links.length, side.name, source, target);
    this.links.push(link);
    this.plan(link);
    if (target.family !== 'unix' && !isHost(target)) {
      this.after(0, () => this.answer(link, ioErrorOfCode('connect', 'EINVAL')));
    } else if (this.happens(rules.blackHole)) {
      link.faults.push('black hole');
      this.giveUpLater(link);
    } else if (this.happens(rules.refuse)) {
      link.faults.push('refused');
      this.after(this.latency(link), () => this.answer(link, ioErrorOfCode('connect', 'ECONNREFUSED')));
    } else {
      this.after(this.latency(link), () => this.arriveAtListener(link, SYN_RETRY_MS));
    }
    return link.clientEnd;
  }

  descriptorFor(socket: Endpoint | ListeningSocket): number {
    const fd = this.nextDescriptor++;
    this.descriptors.set(fd, socket);
    return fd;
  }

  /** Draws the link's buffers, and whether and where it breaks. */
  private plan(link: Link): void {
    const { rules } = link;
    for (const end of [link.clientEnd, link.serverEnd]) {
      end.capacity = Math.max(Math.floor(this.within(rules.bufferBytes)), 1);
    }
    if (!this.happens(rules.reset)) return;
    const end = this.random.below(2) === 0 ? link.clientEnd : link.serverEnd;
    if (this.random.below(3) > 0) end.cutAt = this.random.below(rules.resetWithinBytes + 1);
    else {
      const at = this.now + this.random.fraction() * rules.resetWithinMs;
      this.events.add(at, 'alarm', () => link.break('reset'));
    }
  }

  private arriveAtListener(link: Link, retryAfter: Ms): void {
    const { clientEnd, target } = link;
    if (clientEnd.closed) return;
    const candidates = this.listening.filter((socket) => socket.answers(target));
    // An exact address goes before a wildcard, as in the kernel's lookup.
    const exact = candidates.filter((socket) => sameAddress(socket.address, target));
    const choice = exact.length > 0 ? exact : candidates;
    if (choice.length === 0) {
      const code = target.family === 'unix' ? 'ENOENT' : 'ECONNREFUSED';
      this.after(this.latency(link), () => this.answer(link, ioErrorOfCode('connect', code)));
      return;
    }
    const socket = choice[choice.length === 1 ? 0 : this.random.below(choice.length)]!;
    if (socket.enqueue(link.serverEnd)) {
      this.after(this.latency(link), () => this.answer(link, 'connected'));
    } else if (target.family === 'unix') {
      this.after(0, () => this.answer(link, ioErrorOfCode('connect', 'EAGAIN')));
    } else if (retryAfter > CONNECT_GIVES_UP_MS / 2) {
      this.answer(link, ioErrorOfCode('connect', 'ETIMEDOUT'));
    } else {
      this.events.add(this.now + retryAfter, 'alarm', () => this.arriveAtListener(link, retryAfter * 2));
    }
  }

  private giveUpLater(link: Link): void {
    this.events.add(this.now + CONNECT_GIVES_UP_MS, 'alarm', () =>
      this.answer(link, ioErrorOfCode('connect', 'ETIMEDOUT')),
    );
  }

  private answer(link: Link, answer: 'connected' | IoError): void {
    const { clientEnd } = link;
    if (clientEnd.closed || clientEnd.error !== undefined) return;
    clientEnd.answer = answer;
    clientEnd.notify();
  }

  private sourceFor(side: ConnectingSide, target: Address, from: Address | undefined): Address {
    if (target.family === 'unix') return { family: 'unix', path: '' };
    const given = from !== undefined && from.family !== 'unix' ? from : undefined;
    const host = given?.host ?? (target.family === 4 ? side.host4 : side.host6);
    const port = given !== undefined && given.port !== 0 ? given.port : this.freePort();
    return { family: target.family, host, port };
  }

  private freePort(): number {
    do {
      this.nextPort = this.nextPort >= 60_999 ? 32_768 : this.nextPort + 1;
    } while (
      this.listening.some(
        (socket) => socket.address.family !== 'unix' && socket.address.port === this.nextPort,
      )
    );
    return this.nextPort;
  }
}

/** A number of the right family; a name is none. */
function isHost(address: { readonly family: 4 | 6; readonly host: string }): boolean {
  return ipBytes(address.host)?.length === (address.family === 4 ? 4 : 16);
}
