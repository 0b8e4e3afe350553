// A request's body: what is stored, streamed or thrown away, and what may then still be sent to a peer.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryDisk } from '../../test/support/memory-disk.ts';
import { byteString, bytesOf } from '../base/bytes.ts';
import { REQUEST_HEAD_DEFAULTS, RequestHeadParser } from '../http/head.ts';
import { Ahead } from './ahead.ts';
import { BodyStore } from './body-store.ts';
import { BODY_MOVES, type BodyPhase, RequestBody } from './request-body.ts';

const CHUNKED = 'Transfer-Encoding: chunked';
const WIRE = '3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n';

function bodyOf(framing: string, ahead = ''): RequestBody {
  const parser = new RequestHeadParser(REQUEST_HEAD_DEFAULTS);
  const head = bytesOf(`POST / HTTP/1.1\r\nHost: a\r\n${framing === '' ? '' : `${framing}\r\n`}\r\n`);
  expect(parser.push(head, 0, head.length)).toBe('head');
  const waiting = new Ahead();
  waiting.set(bytesOf(ahead), 0, ahead.length);
  return new RequestBody(parser.head, waiting);
}

function store(): BodyStore {
  const limits = { memoryBytesMax: 100, fileBytesMax: 0, folder: '', levels: [] };
  return new BodyStore(new MemoryDisk(), { ...limits, file: 'unnamed', fileOnly: false });
}

function push(body: RequestBody, text: string): ReturnType<RequestBody['push']> {
  return body.push(bytesOf(text), 0, text.length);
}

/** Remembers what is streamed to it. */
function peer() {
  return {
    text: '',
    ended: false,
    push(bytes: Uint8Array, start: number, end: number, last: boolean) {
      this.text += byteString(bytes, start, end);
      this.ended ||= last;
    },
  };
}

describe('a request body', () => {
  it.each([
    ['', 'complete', 0],
    ['Content-Length: 0', 'complete', 0],
    ['Content-Length: 5', 'waiting', 5],
    [CHUNKED, 'waiting', -1],
  ])('with %j begins as %s', (framing, phase, length) => {
    const body = bodyOf(framing);
    expect([body.phase, body.length]).toEqual([phase, length]);
  });

  it('is stored whole, and then has a length', () => {
    const body = bodyOf(CHUNKED);
    body.begin('buffer', store());
    expect([push(body, WIRE.slice(0, 5)), body.ready, body.length]).toEqual(['more', false, -1]);
    expect(push(body, `${WIRE.slice(5)}GET`)).toBe('end');
    expect([body.consumed, body.store?.text(), body.length]).toEqual([WIRE.length - 5, 'abcde', 5]);
    expect([body.ready, body.whole, body.replayable, body.gone]).toEqual([true, true, true, false]);
  });

  it('is the same whatever the cuts', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 25 }), (cuts) => {
        const body = bodyOf(CHUNKED);
        body.begin('buffer', store());
        let at = 0;
        for (const cut of [...cuts, WIRE.length]) {
          push(body, WIRE.slice(at, at + cut));
          at = Math.min(WIRE.length, at + cut);
          if (body.complete) break;
        }
        expect([body.store?.text(), body.wireBytes, body.bytes]).toEqual(['abcde', WIRE.length, 5]);
      }),
    );
  });

  it('streams to the peer that takes it, and stores for the next one while nobody does', () => {
    const body = bodyOf('Content-Length: 6');
    body.begin('stream', store());
    push(body, 'ab');
    expect([body.store?.text(), body.replayable, body.ready]).toEqual(['ab', true, true]);
    const first = peer();
    body.stream = first;
    push(body, 'cd');
    expect([first.text, body.replayable, body.gone]).toEqual(['cd', false, true]);
    expect(push(body, 'ef')).toBe('end');
    expect([first.text, first.ended, body.whole]).toEqual(['cdef', true, true]);
  });

  it('that is thrown away takes what is here at once, and is never taken for whole', () => {
    const body = bodyOf('Content-Length: 6', 'abc');
    expect(body.discard()).toBeUndefined();
    expect([body.phase, body.bytes, body.gone]).toEqual(['discarding', 3, true]);
    const rest = bodyOf('Content-Length: 3', 'abcGET');
    rest.discard();
    expect([rest.complete, rest.whole, rest.replayable, rest.consumed]).toEqual([true, false, false, 3]);
  });

  it('that turns out to be broken while it is thrown away says so', () => {
    const body = bodyOf(CHUNKED, 'what\r\n');
    expect(body.discard()?.status).toBe(400);
    expect([body.phase, body.ready, body.gone]).toEqual(['failed', true, true]);
    expect(body.discard()).toBeUndefined();
  });

  it('makes only the moves of its table, and each of its phases can end', () => {
    const ends = (phase: BodyPhase, seen: readonly BodyPhase[] = []): boolean =>
      BODY_MOVES[phase].some(
        (next) =>
          next === 'complete' || next === 'failed' || (!seen.includes(next) && ends(next, [...seen, phase])),
      );
    for (const phase of Object.keys(BODY_MOVES) as BodyPhase[]) expect(ends(phase)).toBe(true);
    const body = bodyOf('Content-Length: 3');
    body.begin('buffer', store());
    expect(() => body.begin('buffer', store())).toThrow('no move from storing to storing');
  });
});
