// Echoes through the seed's file: ping-pong on every connection at once, by size and by number of connections.
import { SEED_FILE } from '../config-text.ts';
import { descriptorsMax } from '../contenders.ts';
import { type Case, less, measureLoad, more, type Scale, type Workload } from '../workload.ts';

interface EchoCase {
  readonly name: string;
  readonly bytes: number;
  readonly connections: number;
  readonly messages: number;
  readonly isQuick: boolean;
}

const CASES: readonly EchoCase[] = [
  { name: '64 B', bytes: 64, connections: 100, messages: 60_000, isQuick: true },
  { name: '1 KiB', bytes: 1024, connections: 100, messages: 60_000, isQuick: false },
  { name: '4 KiB', bytes: 4096, connections: 100, messages: 50_000, isQuick: false },
  { name: '16 KiB', bytes: 16_384, connections: 100, messages: 30_000, isQuick: true },
  { name: '64 KiB', bytes: 65_536, connections: 100, messages: 10_000, isQuick: true },
  { name: '1 MiB', bytes: 1_048_576, connections: 100, messages: 1000, isQuick: false },
  { name: '64 B, 10 connections', bytes: 64, connections: 10, messages: 60_000, isQuick: false },
  { name: '64 B, 5,000 connections', bytes: 64, connections: 5000, messages: 60_000, isQuick: false },
];

const MEASURES = [
  less('CPU per echo', 'µs'),
  more('echoes per second', '/s'),
  less('p50', 'µs'),
  less('p99', 'µs'),
];

export const echo: Workload = {
  name: 'echo',
  title: 'Echo',
  method:
    'WebSocket connections through the seed’s file, each sending its next message when the last one has come back. CPU is the contender’s alone, from when all connections are open to the last echo.',
  cases: (scale) =>
    CASES.filter((one) => scale === 'full' || (scale === 'quick' ? one.isQuick : one === CASES[0])).map(
      (one) => caseOf(one, scale),
    ),
};

function caseOf(one: EchoCase, scale: Scale): Case {
  const messages = scale === 'full' ? one.messages : scale === 'quick' ? one.messages / 6 : 500;
  const conns = Math.min(scale === 'tiny' ? 10 : one.connections, Math.floor(descriptorsMax() / 2) - 200);
  return {
    name: one.name,
    measures: MEASURES,
    run: async (turn) => {
      const stand = await turn.stand(SEED_FILE);
      const { cpuMicros, figure } = await measureLoad(turn, stand, 'echo', {
        conns,
        messages,
        size: one.bytes,
      });
      return {
        'CPU per echo': cpuMicros / messages,
        'echoes per second': figure('perSecond'),
        p50: figure('p50'),
        p99: figure('p99'),
      };
    },
  };
}
