import { describe, expect, it } from 'vitest';
import { LOG_PENDING_BYTES_MAX } from '../base/limits.ts';
import type { LogOptions } from '../plan/scope.ts';
import { type LogOutput, type LogRefusal, LogWriter } from './log-writer.ts';

const PLAIN: LogOptions = { bufferBytes: 0, flushMs: 0, gzipLevel: 0 };

/** A turn and a clock that the test moves by hand. */
class Hand {
  ends: (() => void)[] = [];
  delays: { readonly ms: number; readonly work: () => void }[] = [];
  atTurnEnd(work: () => void): void {
    this.ends.push(work);
  }
  after(ms: number, work: () => void): void {
    this.delays.push({ ms, work });
  }
  endTurn(): void {
    for (const work of this.ends.splice(0)) work();
  }
  elapse(): void {
    for (const { work } of this.delays.splice(0)) work();
  }
}

/** A file that takes so many bytes a write, or refuses with an errno. */
class Disk implements LogOutput {
  text = '';
  writes = 0;
  takes: number | string = Number.POSITIVE_INFINITY;
  write(text: string): number | LogRefusal {
    this.writes++;
    if (typeof this.takes === 'string') return { code: this.takes, text: this.takes };
    const taken = text.slice(0, this.takes);
    this.text += taken;
    return taken.length;
  }
}

function made(options: Partial<LogOptions> = {}, pack?: (text: string) => string) {
  const hand = new Hand();
  const disk = new Disk();
  let count = 0;
  const ports = { clock: hand, ...(pack && { pack }), troubled: () => void count++ };
  return { hand, disk, writer: new LogWriter(disk, { ...PLAIN, ...options }, ports), told: () => count };
}

describe('a log', () => {
  it('writes the lines of a turn at once, at its end', () => {
    const { hand, disk, writer } = made();
    writer.write('one\n');
    writer.write('two\n');
    expect(disk.writes).toBe(0);
    hand.endTurn();
    expect(disk).toMatchObject({ writes: 1, text: 'one\ntwo\n' });
    hand.endTurn();
    expect(disk.writes).toBe(1);
    expect(hand.delays).toEqual([]);
  });

  it('with a buffer waits until it is full', () => {
    const { hand, disk, writer } = made({ bufferBytes: 10 });
    writer.write('12345\n');
    hand.endTurn();
    expect(disk.text).toBe('');
    writer.write('789\n');
    hand.endTurn();
    expect(disk.text).toBe('');
    writer.write('a\n');
    hand.endTurn();
    expect(disk.text).toBe('12345\n789\n');
    writer.write('longer than the buffer\n');
    hand.endTurn();
    expect(disk.text).toBe('12345\n789\na\nlonger than the buffer\n');
  });

  it('does not put the rest of what is packed, cut in one file, into another', () => {
    const { disk, writer } = made({ bufferBytes: 10, gzipLevel: 1 }, (text) => `<${text}>`);
    writer.write('12345\n');
    disk.takes = 3;
    writer.flush();
    disk.takes = 'ENOSPC';
    const next = new Disk();
    writer.reopen(next);
    writer.write('67\n');
    writer.finish();
    expect([disk.text, next.text, writer.dropped]).toEqual(['<12', '<67\n>', 1]);
  });

  it('with flush= waits no longer than that, and asks for one alarm at a time', () => {
    const { hand, disk, writer } = made({ bufferBytes: 1000, flushMs: 5000 });
    writer.write('a\n');
    writer.write('b\n');
    expect(hand.delays.map(({ ms }) => ms)).toEqual([5000]);
    hand.elapse();
    expect(disk.text).toBe('a\nb\n');
  });

  it('keeps what a full disk does not take, tries again, and loses nothing', () => {
    const { hand, disk, writer } = made();
    disk.takes = 'ENOSPC';
    writer.write('first\n');
    hand.endTurn();
    writer.write('second\n');
    hand.endTurn();
    expect(hand.delays).toHaveLength(1);
    disk.takes = 3;
    hand.elapse();
    expect(disk.text).toBe('fir');
    disk.takes = Number.POSITIVE_INFINITY;
    hand.elapse();
    expect(disk.text).toBe('first\nsecond\n');
    expect(hand.delays).toEqual([]);
  });

  it('does not ask a file that has just refused again for each line, and asks it less and less often', () => {
    const { hand, disk, writer } = made();
    disk.takes = 'ENOSPC';
    const waits: number[] = [];
    for (let round = 1; round <= 8; round++) {
      for (let i = 0; i < 3; i++) {
        writer.write('line\n');
        writer.flush();
      }
      expect(disk.writes).toBe(round);
      waits.push(...hand.delays.map(({ ms }) => ms));
      hand.elapse();
    }
    expect(waits).toEqual([200, 400, 800, 1600, 3200, 3200, 3200, 3200]);
    disk.takes = 1;
    writer.finish();
    disk.takes = Number.POSITIVE_INFINITY;
    hand.elapse();
    expect(disk.text).toBe('line\n'.repeat(24));
  });

  it.each([
    ['ENOSPC', 1],
    ['EAGAIN', 0],
  ])('tells of a file that answers %s: %i, and of each line that is lost', (code, times) => {
    const { hand, disk, writer, told } = made();
    disk.takes = code;
    writer.write('line\n');
    writer.flush();
    expect(told()).toBe(times);
    writer.write('x'.repeat(LOG_PENDING_BYTES_MAX));
    expect(told()).toBe(times + 1);
    expect(writer).toMatchObject({ dropped: 1, refusal: { code } });
    expect(hand.delays).toHaveLength(1);
  });

  it('drops and counts what goes beyond its limit', () => {
    const { hand, disk, writer } = made();
    disk.takes = 'EAGAIN';
    const line = `${'x'.repeat(1_000_000)}\n`;
    for (let i = 0; i < 6; i++) writer.write(line);
    hand.endTurn();
    expect(writer.dropped).toBe(6 - Math.floor(LOG_PENDING_BYTES_MAX / line.length));
    disk.takes = Number.POSITIVE_INFINITY;
    hand.elapse();
    expect(disk.text.length).toBe(Math.floor(LOG_PENDING_BYTES_MAX / line.length) * line.length);
  });

  it('packs what is written at once, and a part that was taken is not packed again', () => {
    const { hand, disk, writer } = made({ bufferBytes: 4, gzipLevel: 1 }, (text) => `<${text.trim()}>`);
    disk.takes = 2;
    writer.write('one\n');
    hand.endTurn();
    writer.write('two\n');
    disk.takes = Number.POSITIVE_INFINITY;
    hand.elapse();
    hand.endTurn();
    expect(disk.text).toBe('<one><two>');
  });

  it('knows how many lines are still to be written, packed or not', () => {
    const { disk, writer } = made();
    disk.takes = 3;
    writer.write('first\n');
    writer.write('second\n');
    writer.finish();
    expect(writer.unwritten).toBe(2);
    disk.takes = 5;
    writer.finish();
    expect(writer.unwritten).toBe(1);
    const packing = made({ gzipLevel: 1 }, (text) => `<${text.length}>`);
    packing.disk.takes = 'ENOSPC';
    packing.writer.write('one\ntwo\n');
    packing.writer.finish();
    packing.writer.write('three\n');
    expect(packing.writer.unwritten).toBe(3);
    packing.disk.takes = Number.POSITIVE_INFINITY;
    packing.writer.finish();
    expect(packing.writer.unwritten).toBe(0);
  });

  it('reopened goes on in the new file, after the old one has what was written before', () => {
    const { disk, writer } = made();
    const next = new Disk();
    writer.write('before\n');
    writer.reopen(next);
    writer.write('after\n');
    writer.flush();
    expect([disk.text, next.text]).toEqual(['before\n', 'after\n']);
  });
});
