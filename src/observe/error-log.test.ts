import { describe, expect, it } from 'vitest';
import { ErrorLog } from './error-log.ts';
import { LogWriter } from './log-writer.ts';

class Recorder {
  readonly writes: string[] = [];
  readonly sink = new LogWriter(
    {
      write: (text) => {
        this.writes.push(text);
        return text.length;
      },
    },
    { bufferBytes: 0, flushMs: 0, gzipLevel: 0 },
    { atTurnEnd: () => undefined, after: () => undefined },
  );
}

describe('an error log', () => {
  it('writes a line before the turn ends, once to each log that wants its level', () => {
    const low = new Recorder();
    const high = new Recorder();
    const targets = [
      { level: 'warn', sink: low.sink },
      { level: 'error', sink: low.sink },
      { level: 'crit', sink: high.sink },
    ] as const;
    const log = new ErrorLog(targets, () => 'now', 7);
    log.write('error', 'broken');
    expect(low.writes).toEqual(['now [error] 7#7: broken\nnow [error] 7#7: broken\n']);
    expect(high.writes).toEqual([]);
    expect([log.wants('warn'), log.wants('notice')]).toEqual([true, false]);
  });

  it('keeps what a client sent within one line', () => {
    const { sink, writes } = new Recorder();
    new ErrorLog([{ level: 'info', sink }], () => 'now', 7).write('info', 'a\nb\x7f');
    expect(writes).toEqual(['now [info] 7#7: a\\x0Ab\\x7F\n']);
  });
});
