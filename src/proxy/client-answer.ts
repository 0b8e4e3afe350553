// An answer on its way to the client: its head goes out with the body's first bytes, the body in chunks where it must, and what of it has
// gone out is counted. When it may go and what follows it is the connection's.
import { CHUNK_END, chunkHead, lastChunk } from '../http/body.ts';
import type { Exchange } from './exchange.ts';
import { type OutQueue, SMALL_QUEUE } from './out-queue.ts';
import { paceOf } from './pace.ts';
import { renderHead } from './send-head.ts';

export class ClientAnswer {
  private readonly queue: OutQueue;
  /** The head, held back. */
  private headText = '';
  /** Where in all that the queue was given this answer begins. */
  private startsAt = 0;

  constructor(queue: OutQueue) {
    this.queue = queue;
  }

  /** Of a request that has just been read. */
  begin(): void {
    this.startsAt = this.queue.written;
  }

  head(x: Exchange): void {
    const { pass } = x;
    const limits =
      pass === undefined || x.unbuffered || x.answer.status === 101 // a tunnel takes over what waits in memory
        ? SMALL_QUEUE
        : {
            memoryBytesMax: pass.settings.bufferBytesMax,
            fileBytesMax: pass.settings.tempFileBytesMax,
            folder: pass.settings.tempFolder,
            levels: pass.settings.tempLevels,
          };
    this.queue.begin(limits, paceOf(x));
    this.headText = x.head.version === 9 ? '' : renderHead(x);
    x.headBytes = this.headText.length;
    if (x.head.version === 9) x.keepalive = false;
  }

  push(x: Exchange, bytes: Uint8Array, start: number, end: number, last: boolean): void {
    if (last) x.answerEnded = true;
    if (x.answer.headOnly) return;
    const chunked = x.answer.chunked;
    const before = this.headText + (chunked && end > start ? chunkHead(end - start) : '');
    const after = chunked ? (end > start ? CHUNK_END : '') + (last ? lastChunk(x.answer.trailers) : '') : '';
    this.headText = '';
    this.queue.writeAround(before, bytes, start, end, after);
  }

  /** The head goes out now, whether or not a body has begun. */
  flushHead(): void {
    const text = this.headText;
    this.headText = '';
    if (text !== '') this.queue.writeText(text);
  }

  /** What of it has gone out. */
  countSent(x: Exchange): void {
    x.bytesSent = this.queue.sent - this.startsAt;
  }

  /** Logs that it waits in a file, or could not be stored; false for that. */
  tellOfStore(x: Exchange): boolean {
    const news = this.queue.takeNews();
    if (news !== undefined)
      x.log('warn', `an upstream response is buffered to a temporary file ${news} while reading upstream`);
    const problem = this.queue.takeProblem();
    if (problem !== undefined)
      x.log('crit', `an answer could not be stored (${problem.errno}: ${problem.text})`);
    return problem === undefined;
  }
}
