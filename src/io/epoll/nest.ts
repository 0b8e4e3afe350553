// An epoll set inside Node's event loop, with an alarm clock in it. Node's poll wakes when the set is readable; nothing else of Node
// is involved, so an idle process sleeps and Node's own timers may be faked. An engine takes a nest and gives it back empty.
import type { IoError } from '../engine.ts';
import { ioError, isIoError } from '../io-error.ts';
import {
  close,
  EPOLL_ADD,
  EPOLLET,
  EPOLLIN,
  epollControl,
  epollCreate,
  makePoll,
  startPoll,
  stopPoll,
  timerCreate,
  timerSet,
} from './syscalls.ts';

/** The alarm's key among the set's events. It is edge-triggered: nobody has to read it. */
export const ALARM_KEY = -1;

export interface Nest {
  /** The epoll set. */
  readonly set: number;
  readonly alarm: number;
  readonly handle: number;
}

const spare: Nest[] = [];

export function takeNest(): Nest | IoError {
  const nest = spare.pop() ?? makeNest();
  if (isIoError(nest)) return nest;
  const started = startPoll(nest.handle);
  return started < 0 ? ioError('uv_poll_start', -started) : nest;
}

/** The set must be empty but for the alarm. libuv's handle cannot be freed safely, so it waits for the next engine. */
export function returnNest(nest: Nest): void {
  stopPoll(nest.handle);
  spare.push(nest);
}

/** Wakes Node's loop once, `ms` from now. */
export function setAlarm(nest: Nest, ms: number): void {
  timerSet(nest.alarm, ms);
}

function makeNest(): Nest | IoError {
  const set = epollCreate();
  if (set < 0) return ioError('epoll_create1', -set);
  const alarm = timerCreate();
  if (alarm < 0) {
    close(set);
    return ioError('timerfd_create', -alarm);
  }
  const added = epollControl(set, EPOLL_ADD, alarm, EPOLLIN | EPOLLET, ALARM_KEY);
  const handle = added < 0 ? added : makePoll(set);
  if (handle >= 0) return { set, alarm, handle };
  close(alarm);
  close(set);
  return ioError(added < 0 ? 'epoll_ctl' : 'uv_poll_init', -handle);
}
