// Routing: what a request costs where the plan is large, beside what it costs where it is small.
import { type ConfigFile, routingFile } from '../config-text.ts';
import { type Case, less, measureLoad, type Scale, type Turn, type Workload } from '../workload.ts';

const FEW = 10;

export const routing: Workload = {
  name: 'routing',
  title: 'Routing in a large plan',
  method:
    'Requests of 64 kept connections for ever other servers and locations, each answered by “return 200” without a log line, so that little but reading the head and routing it is measured; the same with ten locations just before, and the ratio of both.',
  suits: (contender) => contender.isNginxLike,
  cases: (scale) =>
    scale === 'tiny'
      ? []
      : [
          routingCase('1,000 servers, 10,000 locations', { servers: 1000, locations: 10 }, scale),
          routingCase('one server, 10,000 locations', { servers: 1, locations: 10_000 }, scale),
        ],
};

function routingCase(name: string, size: { servers: number; locations: number }, scale: Scale): Case {
  const requests = scale === 'full' ? 40_000 : 10_000;
  const few = routingFile(1, FEW);
  const many = routingFile(size.servers, size.locations);
  return {
    name,
    measures: [
      less('CPU per request, ten locations', 'µs'),
      less('CPU per request', 'µs'),
      less('times that of ten', '×'),
    ],
    run: async (turn) => {
      const small = await cpuPerRequest(turn, few, { servers: 1, locations: FEW }, requests);
      const large = await cpuPerRequest(turn, many, size, requests);
      return {
        'CPU per request, ten locations': small,
        'CPU per request': large,
        'times that of ten': large / small,
      };
    },
  };
}

async function cpuPerRequest(
  turn: Turn,
  file: ConfigFile,
  size: { servers: number; locations: number },
  requests: number,
): Promise<number> {
  const stand = await turn.stand(file);
  // A stride that divides neither count walks over all servers and locations.
  const options = { requests, hosts: size.servers, paths: size.locations, stride: 7 };
  const { cpuMicros } = await measureLoad(turn, stand, 'http', options);
  return cpuMicros / requests;
}
