// A request inside a request (auth_request; later mirror and the like): a location and an answer of its own, its parent's client and
// headers. As ngx_http_subrequest().
import type { AnswerSink, Exchange } from './exchange.ts';

export interface SubrequestOptions {
  readonly uri: string;
  readonly args: string;
  /** Only its status and headers are of use; its body is not even made. */
  readonly onlyHead: boolean;
  /** Runs when it has ended, before its parent is resumed. */
  done(child: Exchange): void;
}

/** Takes what a subrequest answers: its end is noticed, its body thrown away. */
export function subrequestSink(): AnswerSink {
  let child: Exchange | undefined;
  return {
    full: false,
    head(x) {
      child = x;
    },
    push(_bytes, _start, _end, last) {
      if (last && child !== undefined) child.answerEnded = true;
    },
  };
}
