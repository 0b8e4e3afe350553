// What master and workers say to each other over their channel. Descriptors travel beside a message, in the order of its list.
// JSON in UTF-8: a configuration's bytes are chars up to 255 and come out as they went in.

import { byteString, bytesOf, unicodeOf, utf8ByteString } from '../base/bytes.ts';
import type { DrainKind } from '../proxy/driver.ts';
import type { Bundle } from './bundle.ts';
import type { Credentials } from './credentials.ts';

/** Which descriptor of a worker is its end. */
export const CHANNEL_FD = 3;

/** What holds for the life of a worker. */
export interface WorkerRole {
  /** From 0; a respawned worker has its predecessor's. */
  readonly number: number;
  /** The user to become, where the master is root. */
  readonly credentials: Credentials | undefined;
  readonly priority: number;
  readonly descriptorsMax: number | undefined;
  readonly hostname: string;
  /** What a plan's log without a path stands for. */
  readonly defaultLog: string;
  /** For tests: tells in the log how many plans are alive after each swap. */
  readonly countsPlans: boolean;
}

export interface ZoneLabel {
  readonly name: string;
  readonly kind: string;
  readonly bytes: number;
}

export interface SocketLabel {
  readonly id: number;
  /** `ListenSettings.key` */
  readonly key: string;
}

export type Order =
  | { readonly do: 'begin'; readonly role: WorkerRole }
  /** Descriptors of logs, kept until 'swap' or 'reopen'. */
  | { readonly do: 'logs'; readonly paths: readonly string[] }
  | { readonly do: 'zones'; readonly zones: readonly ZoneLabel[] }
  | { readonly do: 'sockets'; readonly sockets: readonly SocketLabel[] }
  | { readonly do: 'prepare'; readonly bundle: Bundle }
  /** What was prepared counts from now on; sockets in `leave` are another worker's. */
  | { readonly do: 'swap'; readonly leave: readonly number[] }
  | { readonly do: 'forget' }
  /** The logs that were sent take the place of those of the same paths. */
  | { readonly do: 'reopen' }
  | { readonly do: 'drain'; readonly how: DrainKind };

export type Answer =
  | { readonly say: 'prepared'; readonly number: number; readonly problem: string | undefined }
  | { readonly say: 'swapped'; readonly number: number; readonly problem: string | undefined };

export function encodeMessage(message: Order | Answer): Uint8Array {
  return bytesOf(utf8ByteString(JSON.stringify(message)));
}

/** Only for what the other end of our own channel has encoded. */
export function decodeMessage(bytes: Uint8Array): unknown {
  return JSON.parse(unicodeOf(byteString(bytes)));
}
