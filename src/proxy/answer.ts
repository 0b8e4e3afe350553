// The head of an answer while modules work on it, and its last form as text.
import { HeaderList } from '../http/header-list.ts';

/** What is sent to the client, whoever made it. Fields hold what nginx keeps apart from the header list. */
export class Answer {
  /** 0 until somebody answers. */
  status = 0;
  /** The upstream's own words after the status, where it said any. */
  reason: string | undefined;
  /** All headers but the fields below, Connection and the framing ones. */
  headers = new HeaderList();
  /** A redirect of our own; a path is made absolute when written. An upstream's own Location stands in `headers`. */
  location: string | undefined;
  /** It was a path and has been made a whole URI: it stands among the first lines, as in nginx, else before the other headers. */
  locationMade = false;
  contentType: string | undefined;
  /** Appended to the type as `; charset=`. */
  charset: string | undefined;
  /** Body bytes, -1 when not known before the end. */
  contentLength = -1;
  /** Seconds since 1970, -1 for none; written out unless there is such a header. */
  lastModifiedSeconds = -1;
  /** `Accept-Ranges` is offered and Range is obeyed. */
  allowRanges = false;
  trailers: HeaderList | undefined;
  /** No body follows: HEAD, 204, 304. Set by sendHead. */
  headOnly = false;
  /** The body is sent in chunks. Set by sendHead. */
  chunked = false;
  /** gzip and the like may stand in `Vary`. */
  vary = false;
  headSent = false;
  /** From an upstream: its Server and Date are passed on only when asked. */
  fromUpstream = false;
  /** The upstream's Server (or Date) is passed on, and there was none: ours does not take its place. */
  withoutServer = false;
  withoutDate = false;

  /** Back to the beginning: for an error page in place of what was prepared. Headers that were meant for any answer are gone too, as in nginx. */
  clear(): void {
    this.status = 0;
    this.reason = undefined;
    this.headers = new HeaderList();
    this.location = undefined;
    this.locationMade = false;
    this.contentType = undefined;
    this.charset = undefined;
    this.contentLength = -1;
    this.lastModifiedSeconds = -1;
    this.allowRanges = false;
    this.trailers = undefined;
    this.vary = false;
    this.fromUpstream = false;
    this.withoutServer = false;
    this.withoutDate = false;
  }
}
