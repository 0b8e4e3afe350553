import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { emptyFolder } from '../../test/e2e/program.ts';
import { compileText } from '../../test/support/balancer.ts';
import type { Level } from '../base/failures.ts';
import { bugText, LogReport, StartReport } from './report.ts';

function made(errorLog?: string) {
  const folder = emptyFolder();
  const said: string[] = [];
  const invocation = {
    file: '/x',
    prefix: `${folder}/`,
    globals: undefined,
    errorLog,
    hostname: 'h',
    cores: 1,
  };
  return { folder, said, report: new StartReport((text) => said.push(text), invocation) };
}

const BAD = compileText('http {\n  server { listn 80; retrun 1; }\n}');

describe('while the program starts', () => {
  it('the terminal has warnings and worse, the log of the command line has notices too', () => {
    const { folder, said, report } = made();
    mkdirSync(join(folder, 'logs'));
    report.say('notice', 'a notice');
    report.say('emerg', 'bind() failed', 'do this');
    report.close();
    expect(said).toEqual(['holdfast: [emerg] bind() failed\n  do this\n']);
    const stamp = '\\d{4}/\\d\\d/\\d\\d \\d\\d:\\d\\d:\\d\\d';
    expect(readFileSync(join(folder, 'logs', 'error.log'), 'latin1')).toMatch(
      new RegExp(
        `^${stamp} \\[notice\\] (\\d+)#\\1: a notice\n${stamp} \\[emerg\\] (\\d+)#\\2: bind\\(\\) failed\n$`,
      ),
    );
  });

  it('all mistakes are shown, with help on the terminal and in one line each in the log', () => {
    const { folder, said, report } = made();
    mkdirSync(join(folder, 'logs'));
    report.configuration(BAD);
    report.close();
    expect(said.join('')).toContain('unknown directive "listn" in /prefix/nginx.conf:2\n 2 |');
    expect(said.join('')).toContain('did you mean "listen"?');
    const lines = readFileSync(join(folder, 'logs', 'error.log'), 'latin1')
      .trim()
      .split('\n');
    expect(lines.map((line) => line.replace(/^.*#\d+: /, ''))).toEqual([
      'unknown directive "listn" in /prefix/nginx.conf:2',
      'unknown directive "retrun" in /prefix/nginx.conf:2',
    ]);
  });

  it('no folder is made for the built-in log', () => {
    const { folder, said, report } = made();
    report.say('emerg', 'x');
    expect(said).toHaveLength(1);
    expect(existsSync(join(folder, 'logs'))).toBe(false);
  });

  it('a log that was asked for and cannot be opened is an alert', () => {
    const { said, report } = made('/proc/none/e.log');
    report.say('emerg', 'x');
    expect(said).toEqual([
      'holdfast: [emerg] x\n',
      'holdfast: [alert] could not open error log file: open() "/proc/none/e.log" failed (2: No such file or directory)\n',
    ]);
  });

  it('-e stderr is the terminal alone', () => {
    const { folder, said, report } = made('stderr');
    report.say('error', 'x');
    expect([said, existsSync(join(folder, 'logs'))]).toEqual([['holdfast: [error] x\n'], false]);
  });
});

describe('while it runs', () => {
  it('everything goes to the error log of the configuration in force, a line each', () => {
    const lines: [Level, string][] = [];
    const report = new LogReport(() => ({ write: (level, text) => void lines.push([level, text]) }));
    report.configuration(BAD);
    report.say('warn', 'text', 'help');
    expect(lines).toEqual([
      ['emerg', 'unknown directive "listn" in /prefix/nginx.conf:2'],
      ['emerg', 'unknown directive "retrun" in /prefix/nginx.conf:2'],
      ['warn', 'text (help)'],
    ]);
  });

  it('a bug is told in one line', () => {
    expect(bugText(new Error('broken'))).toMatch(/^Error: broken \| at /);
    expect(bugText('text')).toBe('text');
  });
});
