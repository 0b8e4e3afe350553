// What can go wrong in the simulated network, as chances. All are drawn from the world's seed, so a seed alone replays a run.
import type { Ms } from '../engine.ts';

/** A chance is 0 to 1; a range is lowest to highest. */
export interface Faults {
  /** Chance, for each read, that it gives fewer bytes than have come. */
  readonly partialRead: number;
  /** Chance, for each send, that fewer bytes are taken than there is room for; none at all too. */
  readonly partialWrite: number;
  /** One-way delay of a segment. Never 0: a conversation without delays would stop the world's clock. */
  readonly latencyMs: Range;
  /** What a direction holds that was sent and not yet read; drawn for each direction of a connection. */
  readonly bufferBytes: Range;
  /** Chance, for each connection, that it is reset at a byte of one direction or at a moment. */
  readonly reset: number;
  readonly resetWithinBytes: number;
  readonly resetWithinMs: Ms;
  /** Chance, for each reset that arrives, that bytes not yet read are lost with it. */
  readonly resetDropsUnread: number;
  /** Chance, for each reset that comes to a paused connection, that it is told at once and not at the resume: engines differ. */
  readonly resetPassesPause: number;
  /** Chance, for each connect, that it is refused although somebody listens. */
  readonly refuse: number;
  /** Chance, for each connect, that nothing ever answers. */
  readonly blackHole: number;
  /** Chance, for each segment, that its direction stands still for a while. */
  readonly stall: number;
  readonly stallMs: Range;
  /** Chance, for each accept, that the process is out of descriptors. */
  readonly acceptFails: number;
  /** Chance, for each turn of an engine, that it begins late. */
  readonly lateTurn: number;
  readonly lateTurnMs: Range;
  /** Chance, for each turn, that the wall clock jumps, forward or back. The monotonic clock never does. */
  readonly clockJump: number;
  readonly clockJumpMsMax: Ms;
}

export type Range = readonly [lowest: number, highest: number];

/** A quick and faultless network. */
export const NO_FAULTS: Faults = {
  partialRead: 0,
  partialWrite: 0,
  latencyMs: [0.05, 0.05],
  bufferBytes: [262_144, 262_144],
  reset: 0,
  resetWithinBytes: 65_536,
  resetWithinMs: 60_000,
  resetDropsUnread: 0,
  resetPassesPause: 0,
  refuse: 0,
  blackHole: 0,
  stall: 0,
  stallMs: [10, 1000],
  acceptFails: 0,
  lateTurn: 0,
  lateTurnMs: [1, 50],
  clockJump: 0,
  clockJumpMsMax: 3_600_000,
};

/** Delivers everything, in the most awkward pieces and orders: what a correct program must not notice. */
export const AWKWARD: Faults = {
  ...NO_FAULTS,
  partialRead: 0.5,
  partialWrite: 0.5,
  latencyMs: [0.01, 5],
  bufferBytes: [1, 70_000],
  resetPassesPause: 0.5,
  stall: 0.02,
  stallMs: [1, 200],
  lateTurn: 0.05,
  clockJump: 0.01,
};

/** Awkward, and things break. */
export const STORM: Faults = {
  ...AWKWARD,
  reset: 0.15,
  resetDropsUnread: 0.5,
  refuse: 0.1,
  blackHole: 0.05,
  stall: 0.05,
  stallMs: [1, 90_000],
  acceptFails: 0.05,
};
