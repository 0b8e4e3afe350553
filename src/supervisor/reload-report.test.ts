import { describe, expect, it } from 'vitest';
import { planOf } from '../../test/support/balancer.ts';
import { changeText, keepSettings, planFacts } from './reload-report.ts';

const BEFORE =
  'worker_processes 1; http { upstream a { server 127.0.0.1:1; } upstream b { server 127.0.0.1:2; } server { listen 80; listen 81; access_log /x.log; } }';

function changes(after: string): string {
  return changeText(planFacts(planOf(BEFORE)), planFacts(planOf(after)));
}

describe('what a reload changes', () => {
  it.each([
    [BEFORE, 'the same addresses, upstreams, workers and logs'],
    [BEFORE.replace('listen 81', 'listen 82'), 'listens on 0.0.0.0:82; no more on 0.0.0.0:81'],
    [BEFORE.replace('worker_processes 1', 'worker_processes 3'), 'workers 1 to 3'],
    [BEFORE.replace('127.0.0.1:1', '127.0.0.1:3'), 'other peers in a'],
    [BEFORE.replace('upstream b', 'upstream c'), 'new upstreams c; upstreams gone b'],
    [BEFORE.replace('/x.log', '/y.log'), 'new logs /y.log; logs gone /x.log'],
    [
      BEFORE.replace('server { listen 80', 'server { listen 83; } server { listen 80'),
      'listens on 0.0.0.0:83; servers 1 to 2',
    ],
  ])('%#: %s', (after, text) => {
    expect(changes(after)).toBe(text);
  });

  it('keeps what a running program cannot change, and names the line', () => {
    const text = (main: string): string => `${main}\nhttp { server { listen 80; } }`;
    const running = planOf(text('user a; daemon off;')).process;
    const next = planOf(text('\nuser b;\npid other.pid;\nworker_processes 5;')).process;
    const said: string[] = [];
    const report = {
      say: (_level: string, line: string) => void said.push(line),
      configuration: () => undefined,
    };
    expect(keepSettings(running, next, report)).toMatchObject({
      user: { user: 'a' },
      daemon: false,
      pidFile: running.pidFile,
      workers: 5,
    });
    expect(said).toEqual([
      '"daemon", whose line is gone, could not be changed by a reload, kept as it was',
      '"pid" could not be changed by a reload, kept as it was in /prefix/nginx.conf:3',
      '"user" could not be changed by a reload, kept as it was in /prefix/nginx.conf:2',
    ]);
    said.length = 0;
    keepSettings(running, running, report);
    expect(said).toEqual([]);
  });
});
