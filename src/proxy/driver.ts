// The driver of one worker: accepts clients, finds their server, drives their exchanges and owns what outlives them (the generation,
// kept connections to peers, tunnels). It does what exchanges say and decides nothing that a configuration could.
import type { Peer } from '../balance/peer.ts';
import { byteString } from '../base/bytes.ts';
import type { Level } from '../base/failures.ts';
import type { Random } from '../base/random.ts';
import type { Ms } from '../base/time.ts';
import { isMsie6, isSafari } from '../http/error-page.ts';
import { type RequestHead, RequestHeadParser } from '../http/head.ts';
import { normalizeTarget } from '../http/uri.ts';
import type { Address, Conn, ConnectionHandler, Engine, IoError, Listener, ListenerHandler } from '../io/engine.ts';
import type { CoreSettings } from '../plan/core-settings.ts';
import type { ListenerPlan, ServerPlan, ServersOfAddress } from '../plan/plan.ts';
import { reservedBits, parseExtensions } from '../websocket/extension.ts';
import { isWebSocketUpgrade } from '../websocket/handshake.ts';
import { ClientConnection } from './client-connection.ts';
import { Exchange, type Client, type ConnectionCounters, type ProcessFacts, type Program } from './exchange.ts';
import type { Generation } from './generation.ts';
import { KeepalivePool } from './keepalive-pool.ts';
import type { Frozen } from './late.ts';
import { PeerConnection } from './peer-connection.ts';
import type { Codecs, Files, NameQuestion, Names } from './ports.ts';
import { RequestBody } from './request-body.ts';
import { ExchangeRun } from './run.ts';
import { type SubrequestOptions, subrequestSink } from './subrequest.ts';
import { type TunnelEnd, type TunnelOwner, TunnelTable } from './tunnel.ts';
