// What will happen in a run, drawn from its seed before it begins: who asks for what and how, how each peer answers each attempt, what the
// operator does, what the network does. Nothing here depends on how the balancer behaves.
import { AWKWARD, type Faults, NO_FAULTS, STORM } from '../../src/io/simulated/faults.ts';
import { ALL_PORTS, PLACES, type PlaceName, VARIANT_COUNT } from './config.ts';
import { Dice } from './dice.ts';

/** How a peer answers one attempt. */
export interface AnswerPlan {
  /**
   * 'good' and 'surplus' (more bytes than announced) are whole answers. 'close', 'reset', 'silent', 'garbage', 'huge' (a head too big for
   * any buffer), 'chatters' (1xx heads without end), 'unasked' (a 101): no head that could be used. 'cut', 'torn', 'stalls', 'misframed': a head and some of the body.
   */
  readonly deed:
    | 'good'
    | 'surplus'
    | 'close'
    | 'reset'
    | 'silent'
    | 'garbage'
    | 'huge'
    | 'chatters'
    | 'unasked'
    | 'cut'
    | 'torn'
    | 'stalls'
    | 'misframed';
  readonly status: number;
  readonly bodyBytes: number;
  readonly framing: 'length' | 'chunked' | 'close';
  /** Before the head, and between pieces. */
  readonly thinkMs: number;
  readonly pieces: number;
  readonly pieceMs: number;
  /** 100 or 103 before the answer, some of them; 0 for none. */
  readonly interim: number;
  /** When the head has come, whatever of the body has. */
  readonly early: boolean;
  /** Says keep-alive, and closes the idle connection after so long; -1: keeps it. */
  readonly closesAfterMs: number;
  /** Reads no faster than a piece at a time, with pauses. */
  readonly slowReader: boolean;
}

/** What a client does wrong, or only unusually. */
export type Misdeed =
  | 'none'
  /** Sends half of it, then nothing more. */
  | 'stops in head'
  | 'stops in body'
  /** Sends half of it, then goes. */
  | 'closes in head'
  | 'closes in body'
  | 'resets in body'
  /** Goes while its answer is awaited. */
  | 'closes waiting'
  | 'resets waiting'
  | 'half-closes'
  /** Reads nothing any more. */
  | 'deaf'
  | 'malformed';

export interface RequestPlan {
  readonly id: number;
  readonly place: PlaceName;
  readonly method: string;
  readonly version: '1.0' | '1.1';
  /** Whether it wants the connection to be kept. */
  readonly keeps: boolean;
  readonly bodyBytes: number;
  readonly framing: 'none' | 'length' | 'chunked';
  /** Waits for 100 Continue. */
  readonly expects: boolean;
  readonly pieces: number;
  readonly pieceMs: number;
  readonly misdeed: Misdeed;
  /** Says that it can unpack gzip. */
  readonly unpacks: boolean;
  /** What the subrequest is told that asks for it: 200, 401, 403, 500; 0: its peers close. */
  readonly gate: number;
  /** Which of the malformed heads and bodies. */
  readonly malformed: number;
  /** Before it is sent, after the answer to the one before. */
  readonly thinkMs: number;
  /** By attempt. */
  readonly answers: readonly AnswerPlan[];
}

export interface ClientPlan {
  readonly number: number;
  readonly rough: boolean;
  readonly startMs: number;
  /** How many requests are sent before an answer is awaited. */
  readonly ahead: number;
  readonly requests: readonly RequestPlan[];
  /** Reads an answer with pauses. */
  readonly slowReader: boolean;
  /** After the last answer: 'close', or waits until the balancer closes. */
  readonly ending: 'close' | 'reset' | 'wait';
}

export interface SocketPlan {
  readonly id: number;
  readonly rough: boolean;
  readonly startMs: number;
  readonly webSocket: boolean;
  /** Payload sizes of the messages, from the client and to it. */
  readonly up: readonly number[];
  readonly down: readonly number[];
  readonly gapMs: number;
  /** Sends its first messages with the request, before the 101. */
  readonly eager: boolean;
  /** Who pauses reading in between: back pressure. */
  readonly slow: 'nobody' | 'client' | 'peer';
  /**
   * 'client', 'peer': half-closes when it has said all and then waits for the other. 'silence': nobody says anything any more.
   * 'client resets', 'peer resets', 'client closes', 'peer closes': in the middle.
   */
  readonly ending:
    | 'client'
    | 'peer'
    | 'silence'
    | 'client resets'
    | 'peer resets'
    | 'client closes'
    | 'peer closes';
}

export type Order =
  | { readonly atMs: number; readonly do: 'reload'; readonly variant: number }
  | { readonly atMs: number; readonly do: 'broken reload' }
  | { readonly atMs: number; readonly do: 'clock'; readonly byMs: number }
  | { readonly atMs: number; readonly do: 'disk'; readonly fails: boolean }
  | { readonly atMs: number; readonly do: 'descriptors'; readonly out: boolean }
  | { readonly atMs: number; readonly do: 'end older' }
  | { readonly atMs: number; readonly do: 'drain' };

export interface Script {
  readonly seed: number;
  readonly variant: number;
  /** It, and those of all reloads. */
  readonly variants: readonly number[];
  readonly weather: 'calm' | 'awkward' | 'storm';
  /** Of the links that are rough, and of all others. */
  readonly rough: Faults;
  readonly smooth: Faults;
  readonly roughPorts: ReadonlySet<number>;
  readonly clients: readonly ClientPlan[];
  readonly sockets: readonly SocketPlan[];
  readonly orders: readonly Order[];
  /** How long a name server takes. */
  readonly nameDelayMs: number;
  /** The longest piece of one file operation. */
  readonly filePieceBytes: number;
}

export function scriptOf(seed: number): Script {
  const dice = new Dice(Math.imul(seed + 1, 0x9e3779b1));
  const weather = dice.weighted({ calm: 4, awkward: 4, storm: 3 });
  const smallest = weather === 'calm' ? 4096 : dice.pick([16, 256, 1024, 4096]);
  const smooth = smoothFaults(dice, weather, smallest);
  const scale = weather === 'calm' ? 1 : Math.min(1, smallest / 1024);
  let id = 0;
  const writer: Writer = { dice, nextId: () => ++id, largest: Math.floor(120_000 * scale), weather };
  const clients = dice.list(dice.whole(2, 12), (number) => clientOf(writer, number));
  const sockets = dice.list(dice.whole(0, 5), () => socketOf(writer));
  const variant = dice.whole(0, VARIANT_COUNT - 1);
  const orders = ordersOf(dice);
  return {
    seed,
    variant,
    variants: [variant, ...orders.flatMap((order) => (order.do === 'reload' ? [order.variant] : []))],
    weather,
    rough: weather === 'storm' ? stormFaults(dice, smallest) : smooth,
    smooth,
    roughPorts: new Set(ALL_PORTS.filter(() => dice.chance(0.5))),
    clients,
    sockets,
    orders,
    nameDelayMs: dice.pick([0, 0, 30, 700]),
    filePieceBytes: dice.chance(0.3) ? dice.whole(1, 700) : Number.POSITIVE_INFINITY,
  };
}

interface Writer {
  readonly dice: Dice;
  readonly nextId: () => number;
  /** Of bodies. */
  readonly largest: number;
  readonly weather: Script['weather'];
}

function smoothFaults(dice: Dice, weather: Script['weather'], smallest: number): Faults {
  const late = { lateTurn: dice.pick([0, 0.05, 0.2]), lateTurnMs: [0.5, 20] as const };
  if (weather === 'calm') {
    const bufferBytes = dice.pick([NO_FAULTS.bufferBytes, [4096, 16_384] as const]);
    return { ...NO_FAULTS, latencyMs: [0.05, dice.pick([0.05, 2, 15])], bufferBytes, ...late };
  }
  return {
    ...AWKWARD,
    ...late,
    partialRead: dice.pick([0, 0.3, 0.9]),
    partialWrite: dice.pick([0, 0.3, 0.7]),
    latencyMs: [0.01, dice.pick([0.5, 3])],
    bufferBytes: [smallest, 40 * smallest],
    stall: dice.pick([0, 0.01]),
    stallMs: [1, 60],
    clockJump: dice.pick([0, 0.02]),
  };
}

function stormFaults(dice: Dice, smallest: number): Faults {
  return {
    ...STORM,
    bufferBytes: [smallest, 40 * smallest],
    latencyMs: [0.01, 2],
    reset: dice.pick([0.05, 0.2, 0.5]),
    resetWithinBytes: dice.pick([300, 3000, 65_536]),
    resetWithinMs: 8000,
    refuse: dice.pick([0, 0.1, 0.3]),
    blackHole: dice.pick([0, 0.05, 0.2]),
    stall: dice.pick([0, 0.01, 0.03]),
    stallMs: [1, dice.pick([500, 12_000])],
    acceptFails: dice.pick([0, 0.02]),
  };
}

// Requests.

function clientOf(writer: Writer, number: number): ClientPlan {
  const { dice, weather } = writer;
  const ahead = dice.chance(0.25) ? dice.whole(2, 4) : 1;
  const requests = dice.list(dice.skewed(1, 10), () => requestOf(writer, ahead > 1));
  return {
    number,
    rough: weather === 'storm' && dice.chance(0.4),
    startMs: dice.whole(0, 4000),
    ahead,
    requests,
    slowReader: dice.chance(0.2),
    ending: dice.weighted({ close: 3, reset: 0.5, wait: 2 }),
  };
}

const PLACE_WEIGHTS: Readonly<Record<PlaceName, number>> = {
  plain: 6,
  stream: 5,
  single: 2,
  retry: 4,
  passing: 3,
  wild: 3,
  pages: 2,
  small: 2,
  socket: 1,
  gated: 2.5,
  named: 1.5,
  accel: 1.5,
  limited: 1.5,
  only: 1.5,
  few: 2.5,
  zip: 2.5,
  second: 2,
  file: 2,
  text: 2,
};

function requestOf(writer: Writer, ahead: boolean): RequestPlan {
  const { dice } = writer;
  const place = dice.weighted(PLACE_WEIGHTS);
  const hasBody = dice.chance(place === 'file' || place === 'text' ? 0.2 : 0.5);
  const version = dice.chance(0.12) ? '1.0' : '1.1';
  const chunked = version === '1.1' && dice.chance(0.4);
  const misdeed = dice.chance(0.85) ? 'none' : misdeedOf(dice, hasBody, ahead);
  const least = misdeed.endsWith('in body') ? 10 : 0; // something to stop in
  const bodyBytes = hasBody ? least + sizeOf(writer, place === 'small' ? 3000 : 3500) : 0;
  // Sometimes longer in all than any one limit of time: only each silence is limited.
  const slow = !ahead && hasBody && dice.chance(0.15);
  const plan: RequestPlan = {
    id: writer.nextId(),
    place,
    method: hasBody
      ? dice.weighted({ POST: 5, PUT: 3, DELETE: 0.5 })
      : dice.weighted({ GET: 8, HEAD: 1.5, DELETE: 0.3, POST: 0.3 }),
    version,
    keeps: dice.chance(0.9),
    bodyBytes,
    framing: !hasBody ? 'none' : chunked ? 'chunked' : 'length',
    expects: hasBody && !ahead && version === '1.1' && dice.chance(0.15),
    pieces: slow ? dice.whole(3, 8) : hasBody && !ahead ? dice.whole(1, 4) : 1,
    pieceMs: slow ? dice.whole(500, 1500) : dice.skewed(0, 200),
    misdeed,
    unpacks: dice.chance(0.5),
    gate: Number(dice.weighted({ 200: 6, 401: 1, 403: 1, 500: 0.7, 0: 0.7 })),
    malformed: dice.whole(0, 99),
    thinkMs: dice.skewed(0, 2500),
    answers: answersOf(writer, place),
  };
  const streams = place === 'stream' || place === 'passing';
  return streams && !ahead && misdeed === 'none' && dice.chance(0.35) ? uploadOf(writer, plan) : plan;
}

/** A body that is on its way while peers answer, fail, and make room for it by and by. */
function uploadOf({ dice, largest }: Writer, plan: RequestPlan): RequestPlan {
  // A peer that goes as soon as it has the head: the next one is asked while more of the body comes.
  const goesAtOnce = plan.place === 'passing' && dice.chance(0.5);
  return {
    ...plan,
    method: dice.pick(['PUT', 'POST']),
    version: '1.1',
    // Sometimes more than the balancer and all buffers on the way hold.
    bodyBytes: dice.chance(0.25)
      ? dice.whole(largest, 2 * largest)
      : dice.whole(10, Math.max(100, Math.floor(largest / 3))),
    framing: dice.pick(['length', 'chunked']),
    pieces: dice.whole(3, 9),
    pieceMs: dice.whole(1, 60),
    answers: plan.answers.map((answer, attempt) => ({
      ...answer,
      deed: goesAtOnce && attempt === 0 ? 'close' : answer.deed === 'surplus' ? 'good' : answer.deed,
      framing: answer.framing === 'close' ? 'length' : answer.framing,
      thinkMs: goesAtOnce && attempt === 0 ? 0 : dice.whole(0, 120),
      pieces: dice.whole(1, 8),
      pieceMs: dice.whole(5, 250),
      early: true,
      slowReader: dice.chance(0.7),
    })),
  };
}

function misdeedOf(dice: Dice, hasBody: boolean, ahead: boolean): Misdeed {
  if (ahead) return 'none';
  return dice.weighted({
    none: 0,
    'stops in head': 1,
    'stops in body': hasBody ? 2 : 0,
    'closes in head': 1,
    'closes in body': hasBody ? 1 : 0,
    'resets in body': hasBody ? 1 : 0,
    'closes waiting': 1.5,
    'resets waiting': 1.5,
    'half-closes': 1.5,
    deaf: 1.5,
    malformed: 6,
  });
}

/** Mostly a few bytes, sometimes many. */
function sizeOf({ dice, largest }: Writer, usual: number): number {
  if (dice.chance(0.08)) return dice.whole(0, largest);
  return dice.skewed(0, Math.min(usual, largest));
}

// Answers.

function answersOf(writer: Writer, place: PlaceName): AnswerPlan[] {
  const { peers } = PLACES[place];
  if (place === 'second') {
    return [answerOf(writer, place, true), ...writer.dice.list(4, () => answerOf(writer, place, false))];
  }
  const wild = place === 'retry' || place === 'passing' || place === 'wild' || place === 'pages';
  // More than there are peers: an attempt on a kept connection that was closed meanwhile does not count.
  return writer.dice.list(peers.length === 0 ? 0 : peers.length + 2, () => answerOf(writer, place, wild));
}

function answerOf(writer: Writer, place: PlaceName, wild: boolean): AnswerPlan {
  const { dice, weather } = writer;
  const streams = place === 'stream' || place === 'passing';
  // On a kept connection only where it comes in one piece with the answer: later it would be taken for the next one.
  const tooMuch = !wild && weather === 'calm' && dice.chance(0.06);
  const deed = wild && dice.chance(0.5) ? deedOf(dice) : tooMuch ? 'surplus' : 'good';
  const status =
    wild && dice.chance(0.15) ? 503 : dice.weighted({ 200: 12, 404: 1, 204: 1, 304: 1, 301: 1, 500: 0.5 });
  const framing =
    deed === 'surplus' || deed === 'cut' || deed === 'torn' || deed === 'stalls'
      ? 'length'
      : deed === 'misframed'
        ? 'chunked'
        : dice.weighted({ length: 5, chunked: 4, close: 1.5 });
  const body = deed === 'cut' || deed === 'torn' || deed === 'stalls' || deed === 'misframed';
  const slow = dice.chance(0.08);
  return {
    deed,
    status: body || deed === 'surplus' ? 200 : Number(status),
    bodyBytes: tooMuch ? dice.whole(0, 2000) : (body ? 10 : 0) + sizeOf(writer, 5000),
    framing,
    thinkMs: place === 'few' ? dice.whole(100, 1200) : dice.skewed(0, 600), // so that they meet
    pieces: tooMuch ? 1 : slow ? dice.whole(3, 8) : dice.whole(1, 4),
    pieceMs: slow ? dice.whole(500, 1500) : dice.skewed(0, 150),
    interim: dice.chance(0.08) ? dice.pick([100, 103]) : 0,
    early: dice.chance(streams ? 0.3 : 0.1),
    closesAfterMs: dice.chance(0.15) ? dice.skewed(0, 3000) : -1,
    slowReader: dice.chance(0.1),
  };
}

function deedOf(dice: Dice): AnswerPlan['deed'] {
  return dice.weighted({
    good: 0,
    surplus: 1,
    close: 2,
    reset: 2,
    silent: 1.5,
    garbage: 1.5,
    huge: 1,
    chatters: 0.5,
    unasked: 1,
    cut: 1,
    torn: 1,
    stalls: 1,
    misframed: 1,
  });
}

// Sockets.

function socketOf(writer: Writer): SocketPlan {
  const { dice, weather } = writer;
  const slow = dice.weighted({ nobody: 3, client: 1, peer: 1 });
  // Back pressure: more than all buffers on the way hold.
  const sizeOfMessage = (): number =>
    slow !== 'nobody' && dice.chance(0.3) ? dice.whole(0, writer.largest >> 1) : sizeOf(writer, 600);
  const sizes = (): number[] => dice.list(dice.skewed(0, 25), sizeOfMessage);
  return {
    id: writer.nextId(),
    rough: weather === 'storm' && dice.chance(0.4),
    startMs: dice.whole(0, 4000),
    webSocket: dice.chance(0.8),
    up: sizes(),
    down: sizes(),
    gapMs: dice.skewed(0, slow === 'nobody' ? 800 : 50),
    eager: dice.chance(0.2),
    slow,
    ending: dice.weighted({
      client: 4,
      peer: 3,
      silence: 1.5,
      'client resets': 0.7,
      'peer resets': 0.7,
      'client closes': 0.7,
      'peer closes': 0.7,
    }),
  };
}

// The operator.

function ordersOf(dice: Dice): Order[] {
  const orders: Order[] = dice.list(dice.skewed(0, 4), () => {
    const atMs = dice.whole(0, 8000);
    return dice.chance(0.25)
      ? { atMs, do: 'broken reload' }
      : { atMs, do: 'reload', variant: dice.whole(0, VARIANT_COUNT - 1) };
  });
  if (dice.chance(0.3)) orders.push({ atMs: dice.whole(0, 8000), do: 'clock', byMs: dice.whole(-9e6, 9e6) });
  if (dice.chance(0.15)) {
    const atMs = dice.whole(0, 6000);
    orders.push(
      { atMs, do: 'disk', fails: true },
      { atMs: atMs + dice.whole(50, 3000), do: 'disk', fails: false },
    );
  }
  if (dice.chance(0.1)) {
    const atMs = dice.whole(0, 6000);
    const until = atMs + dice.whole(10, 1500);
    orders.push({ atMs, do: 'descriptors', out: true }, { atMs: until, do: 'descriptors', out: false });
  }
  if (dice.chance(0.08)) {
    const atMs = dice.whole(500, 7000);
    orders.push(
      { atMs, do: 'reload', variant: dice.whole(0, VARIANT_COUNT - 1) },
      { atMs: atMs + dice.whole(1, 3000), do: 'end older' },
    );
  }
  if (dice.chance(0.2)) orders.push({ atMs: dice.whole(1000, 10_000), do: 'drain' });
  return orders.sort((a, b) => a.atMs - b.atMs);
}
