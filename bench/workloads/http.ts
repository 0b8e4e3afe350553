// Plain HTTP: answers small and large, connections kept and opened anew, and a small upload.
import { type ConfigFile, HTTP_FILE, SEED_FILE } from '../config-text.ts';
import type { LoadOptions } from '../stand.ts';
import { type Case, less, measureLoad, more, type Scale, type Workload } from '../workload.ts';

interface HttpCase {
  readonly name: string;
  readonly file: ConfigFile;
  readonly requests: number;
  readonly options: LoadOptions;
  readonly isQuick: boolean;
}

const CASES: readonly HttpCase[] = [
  { name: 'small answer', file: HTTP_FILE, requests: 40_000, options: {}, isQuick: true },
  { name: '64 KiB answer', file: HTTP_FILE, requests: 10_000, options: { path: '/64k' }, isQuick: false },
  { name: 'POST of 1 KiB', file: HTTP_FILE, requests: 30_000, options: { post: 1024 }, isQuick: false },
  {
    name: 'a connection per request',
    file: HTTP_FILE,
    requests: 10_000,
    options: { close: 1 },
    isQuick: false,
  },
  // nginx 1.22 keeps no upstream connection on this file: each request opens one.
  { name: 'small answer, the seed’s file', file: SEED_FILE, requests: 10_000, options: {}, isQuick: false },
];

export const http: Workload = {
  name: 'http',
  title: 'Plain HTTP',
  method:
    '64 clients with kept connections, each sending its next request when it has the answer, through bench/files/http.conf: the seed’s file with upstream connections kept. A small answer has 36 bytes. A connection is opened anew where the contender closes it. The C floor keeps each client’s own connection to the peer and parses nothing.',
  cases: (scale) => CASES.filter((one) => scale === 'full' || one.isQuick).map((one) => httpCase(one, scale)),
};

function httpCase(one: HttpCase, scale: Scale): Case {
  const requests = { full: one.requests, quick: one.requests / 4, tiny: 200 }[scale];
  return {
    name: one.name,
    measures: [less('CPU per request', 'µs'), more('requests per second', '/s'), less('p99', 'µs')],
    run: async (turn) => {
      const stand = await turn.stand(one.file);
      const { cpuMicros, figure } = await measureLoad(turn, stand, 'http', { requests, ...one.options });
      return {
        'CPU per request': cpuMicros / requests,
        'requests per second': figure('perSecond'),
        p99: figure('p99'),
      };
    },
  };
}
