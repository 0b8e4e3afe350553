// A request inside a request (auth_request; later mirror and the like): a location and an answer of its own, its parent's client and
// headers. As ngx_http_subrequest().
import type { AnswerSink, Exchange } from './exchange.ts';

export interface SubrequestOptions {
  readonly uri: string;
  readonly args: string;
  /** Only its status and headers are of use; its body is not even made. */
  readonly onlyHead: boolean;
  /** Its body is gathered in `child.gathered`, at most so many bytes; more ends it with 502. Without: thrown away. */
  readonly gatherBytesMax?: number;
  /** Runs when it has ended, before its parent is resumed. */
  done(child: Exchange): void;
}

/** Takes what a subrequest answers: nothing of it goes to the client. */
export function subrequestSink(options: SubrequestOptions): AnswerSink {
  let child: Exchange | undefined;
  let gathered = 0;
  return {
    full: false,
    head(x) {
      child = x;
    },
    push(bytes, start, end, last) {
      if (child === undefined) return;
      if (options.gatherBytesMax !== undefined && end > start) {
        gathered += end - start;
        if (gathered > options.gatherBytesMax) {
          child.log('error', `too big subrequest response: over ${options.gatherBytesMax} bytes`);
          child.answer.status = 502;
          return child.breakOff();
        }
        child.gathered.push(bytes.slice(start, end));
      }
      if (last) child.answerEnded = true;
    },
  };
}
