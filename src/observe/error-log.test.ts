import { describe, expect, it } from 'vitest';
import type { Level } from '../base/failures.ts';
import { ErrorLog } from './error-log.ts';

function over(...levels: readonly Level[]): { log: ErrorLog; files: string[][] } {
  const files = levels.map((): string[] => []);
  const targets = levels.map((level, i) => ({
    level,
    sink: { write: (line: string) => void files[i]?.push(line) },
  }));
  return { log: new ErrorLog(targets, () => '2026/11/24 22:40:25', 4711), files };
}

describe('the error log', () => {
  it("has nginx's lines", () => {
    const { log, files } = over('error');
    log.write('error', '*7 connect() failed (111: Connection refused)');
    expect(files).toEqual([
      ['2026/11/24 22:40:25 [error] 4711#4711: *7 connect() failed (111: Connection refused)\n'],
    ]);
  });

  it('writes to each file what its level lets through', () => {
    const { log, files } = over('crit', 'info');
    for (const level of ['debug', 'info', 'error', 'crit', 'emerg'] as const) log.write(level, level);
    expect(files.map((lines) => lines.map((line) => line.split(': ')[1]?.trim()))).toEqual([
      ['crit', 'emerg'],
      ['info', 'error', 'crit', 'emerg'],
    ]);
    expect([log.wants('info'), log.wants('debug')]).toEqual([true, false]);
  });

  it('is the same as another that writes the same to the same files', () => {
    const [one, two] = [{ write: () => undefined }, { write: () => undefined }];
    const log = (...targets: [Level, typeof one][]): ErrorLog =>
      new ErrorLog(
        targets.map(([level, sink]) => ({ level, sink })),
        () => '',
        1,
      );
    const subject = log(['info', one], ['crit', two]);
    expect(subject.sameAs(log(['info', one], ['crit', two]))).toBe(true);
    for (const other of [
      log(['info', one]),
      log(['info', one], ['warn', two]),
      log(['info', two], ['crit', two]),
      {},
    ])
      expect(subject.sameAs(other)).toBe(false);
  });

  it('wants nothing without files', () => {
    const { log } = over();
    expect(log.wants('emerg')).toBe(false);
    log.write('emerg', 'nobody hears');
  });

  it('lets no text begin another line', () => {
    const { log, files } = over('info');
    log.write('info', 'a\r\nb\tc\x7f\xe9');
    expect(files[0]?.[0]).toContain('a\\x0D\\x0Ab\\x09c\\x7F\xe9\n');
  });
});
