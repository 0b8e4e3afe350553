// ngx_http_range_filter_module: obeys Range for answers whose source can send parts of itself (`answer.allowRanges`). The source asks
// `rangesOf` and sends just those bytes, in that order; what stands between the parts of a multipart answer is put there by a filter.
import { bytesOf, NO_BYTES } from '../base/bytes.ts';
import {
  type ByteRange,
  contentRange,
  decideRange,
  type Multipart,
  multipart,
  unsatisfiedRange,
} from '../http/range.ts';
import type { Exchange } from '../proxy/exchange.ts';
import type { BodyFilter, BodySink } from '../proxy/filters.ts';
import { defineModule } from './module.ts';

export const httpRange = defineModule({
  name: 'http-range',
  directives: [],
  filter: { applies: () => true, head: filterHead },
});

/** The parts of the answer that are to be sent, once its head has been; undefined: the whole. */
export function rangesOf(x: Exchange): readonly ByteRange[] | undefined {
  return x.context<readonly ByteRange[]>(httpRange);
}

function filterHead(x: Exchange): BodyFilter | 'answered' | undefined {
  const { answer } = x;
  if (!answer.allowRanges || answer.status !== 200 || answer.contentLength < 0) return undefined;
  if (x.parent !== undefined || x.head.version < 10) return undefined;
  const rangesMax = x.location.core.maxRanges;
  if (rangesMax === 0) return undefined;
  const decision = decideRange({
    range: x.headers.get('range'),
    ifRange: x.headers.get('if-range'),
    length: answer.contentLength,
    etag: answer.headers.get('etag'),
    lastModified: answer.lastModifiedSeconds < 0 ? undefined : answer.lastModifiedSeconds,
    // A peer sends the whole; one part can be cut out of it, as nginx does with its `single_range`.
    rangesMax: answer.fromUpstream ? 1 : rangesMax,
  });
  if (decision === 'whole') {
    answer.headers.set('Accept-Ranges', 'bytes');
    return undefined;
  }
  if (decision === 'unsatisfiable') {
    answer.headers.set('Content-Range', unsatisfiedRange(answer.contentLength));
    answer.contentLength = -1;
    x.finish(416);
    return 'answered';
  }
  return partial(x, decision);
}

function partial(x: Exchange, ranges: readonly ByteRange[]): BodyFilter | undefined {
  const { answer } = x;
  x.setContext(httpRange, ranges);
  answer.status = 206;
  answer.reason = undefined;
  const [first] = ranges;
  if (first !== undefined && ranges.length === 1) {
    answer.headers.set('Content-Range', contentRange(first, answer.contentLength));
    answer.contentLength = first.end - first.start;
    return answer.fromUpstream ? new CutFilter(first) : undefined;
  }
  const { contentType = '', charset } = answer;
  const type =
    charset === undefined || contentType === '' ? contentType : `${contentType}; charset=${charset}`;
  const { random } = x.program;
  const boundary = random.below(2 ** 32) * 2 ** 20 + random.below(2 ** 20);
  const framing = multipart(ranges, answer.contentLength, type, boundary);
  answer.contentType = framing.contentType;
  answer.charset = undefined;
  answer.contentLength = framing.length;
  return new MultipartFilter(ranges, framing);
}

/** Lets one part of the bytes pass. As ngx_http_range_singlepart_body(). */
class CutFilter implements BodyFilter {
  next: BodySink = { push: () => undefined };
  private readonly range: ByteRange;
  private at = 0;

  constructor(range: ByteRange) {
    this.range = range;
  }

  push(bytes: Uint8Array, start: number, end: number, last: boolean): void {
    const offset = start - this.at;
    this.at += end - start;
    const from = Math.min(Math.max(start, this.range.start + offset), end);
    const to = Math.max(Math.min(end, this.range.end + offset), from);
    if (to > from || last) this.next.push(bytes, from, to, last);
  }
}

/** Takes the parts' bytes one after the other and puts their heads in front of each. */
class MultipartFilter implements BodyFilter {
  next: BodySink = { push: () => undefined };
  private readonly ranges: readonly ByteRange[];
  private readonly framing: Multipart;
  private part = -1;
  private left = 0;

  constructor(ranges: readonly ByteRange[], framing: Multipart) {
    this.ranges = ranges;
    this.framing = framing;
  }

  push(bytes: Uint8Array, start: number, end: number, last: boolean): void {
    let at = start;
    while (at < end) {
      if (this.left === 0) this.beginPart();
      if (this.left === 0) break; // more than was asked for: never from our own source
      const taken = Math.min(this.left, end - at);
      this.next.push(bytes, at, at + taken, false);
      this.left -= taken;
      at += taken;
    }
    if (!last) return;
    this.pushText(this.framing.tail);
    this.next.push(NO_BYTES, 0, 0, true);
  }

  private beginPart(): void {
    this.part++;
    const range = this.ranges[this.part];
    const head = this.framing.partHeads[this.part];
    if (range === undefined || head === undefined) return;
    this.left = range.end - range.start;
    this.pushText(head);
  }

  private pushText(text: string): void {
    this.next.push(bytesOf(text), 0, text.length, false);
  }
}
