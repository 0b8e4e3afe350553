// The only file that names a system call or a function of libuv. koffi finds them in the running process, so glibc and musl are alike.
// This is our `unsafe`: wrappers check every place and length in the arena, in the release too, and pass addresses as plain numbers
// (a fifth of what a Buffer costs). A result below zero is an errno with its sign turned; nothing here throws but for a bug of ours.

import { Buffer } from 'node:buffer';
import { createRequire } from 'node:module';
import { ARENA_BYTES, arena, arenaWords, EVENTS, EVENTS_MAX, MESSAGE_HEADER, WORDS } from './arena.ts';

type Call = (...args: number[]) => number;

/** A literal, so that the optimizing compiler sees constant places: built key by key it would become a dictionary. */
function bindNatives(koffi: typeof import('koffi')) {
  const self = koffi.load(null);
  const call = (signature: string): Call => self.func(signature);
  return {
    socket: call('int socket(int, int, int)'),
    socketpair: call('int socketpair(int, int, int, intptr_t)'),
    bind: call('int bind(int, intptr_t, int)'),
    listen: call('int listen(int, int)'),
    accept4: call('int accept4(int, intptr_t, intptr_t, int)'),
    connect: call('int connect(int, intptr_t, int)'),
    setsockopt: call('int setsockopt(int, int, int, intptr_t, int)'),
    getsockopt: call('int getsockopt(int, int, int, intptr_t, intptr_t)'),
    getsockname: call('int getsockname(int, intptr_t, intptr_t)'),
    getpeername: call('int getpeername(int, intptr_t, intptr_t)'),
    recv: call('intptr_t recv(int, intptr_t, intptr_t, int)'),
    send: call('intptr_t send(int, intptr_t, intptr_t, int)'),
    sendBytes: self.func('intptr_t send(int, const void *, intptr_t, int)') as (
      fd: number,
      bytes: Uint8Array,
      length: number,
      flags: number,
    ) => number,
    sendmsg: call('intptr_t sendmsg(int, intptr_t, int)'),
    recvmsg: call('intptr_t recvmsg(int, intptr_t, int)'),
    shutdown: call('int shutdown(int, int)'),
    close: call('int close(int)'),
    dup: call('int dup(int)'),
    dup3: call('int dup3(int, int, int)'),
    fcntl: call('int fcntl(int, int, int)'),
    epollCreate1: call('int epoll_create1(int)'),
    epollCtl: call('int epoll_ctl(int, int, int, intptr_t)'),
    epollWait: call('int epoll_wait(int, intptr_t, int, int)'),
    timerfdCreate: call('int timerfd_create(int, int)'),
    timerfdSettime: call('int timerfd_settime(int, int, intptr_t, intptr_t)'),
    memfdCreate: self.func('int memfd_create(const char *, unsigned int)') as (
      name: string,
      flags: number,
    ) => number,
    ftruncate: call('int ftruncate(int, int64_t)'),
    mmap: call('intptr_t mmap(intptr_t, intptr_t, int, int, int, int64_t)'),
    munmap: call('int munmap(intptr_t, intptr_t)'),
    getrlimit: call('int getrlimit(int, intptr_t)'),
    setrlimit: call('int setrlimit(int, intptr_t)'),
    dlsym: self.func('intptr_t dlsym(intptr_t, const char *)') as (library: number, name: string) => number,
    uvDefaultLoop: call('intptr_t uv_default_loop()'),
    uvHandleSize: call('intptr_t uv_handle_size(int)'),
    uvPollInit: call('int uv_poll_init(intptr_t, intptr_t, int)'),
    uvPollStart: call('int uv_poll_start(intptr_t, int, intptr_t)'),
    uvPollStop: call('int uv_poll_stop(intptr_t)'),
    errno: koffi.errno as () => number,
    view: koffi.view as (address: number, bytes: number) => ArrayBuffer,
    addressOf: (bytes: Uint8Array): number => Number(koffi.address(bytes)),
  };
}

let native: ReturnType<typeof bindNatives>;
let base = 0; // the arena's address
let refusal: string | undefined;
let tried = false;

/** Binds all of it, once. Returns why that cannot be, for a person, or undefined. */
export function loadSyscalls(): string | undefined {
  if (tried) return refusal;
  tried = true;
  if (process.platform !== 'linux') refusal = `it needs Linux and this is ${process.platform}`;
  else if (process.arch !== 'x64' && process.arch !== 'arm64') {
    refusal = `it needs x64 or arm64 and this is ${process.arch}`;
  } else {
    try {
      native = bindNatives(createRequire(import.meta.url)('koffi') as typeof import('koffi'));
      base = native.addressOf(arena);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      refusal = `native calls are not available: ${firstLine(text)}`;
    }
  }
  return refusal;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!;
}

/** The address of `bytes` bytes at `at` in the arena. */
function address(at: number, bytes: number): number {
  if (!(at >= 0 && bytes >= 0 && at + bytes <= ARENA_BYTES)) {
    throw new Error(`bug: ${bytes} bytes at ${at} are not in the arena`);
  }
  return base + at;
}

function result(value: number): number {
  return value >= 0 ? value : -native.errno();
}

// Errors that the data path compares.
export const EINTR = 4;
export const EBADF = 9;
export const EAGAIN = 11;
export const EINVAL = 22;
export const EMFILE = 24;
export const ENOSYS = 38;
export const EMSGSIZE = 90;
export const ECONNABORTED = 103;
export const ENOBUFS = 105;
export const EINPROGRESS = 115;

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const MSG_DONTWAIT = 0x40;
const MSG_CTRUNC = 8;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;

/** A non-blocking stream socket that children do not inherit. */
export function socket(family: number): number {
  return result(native.socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

/** Two connected Unix stream sockets, non-blocking, close-on-exec; or an errno. */
export function socketpair(): readonly [number, number] | number {
  const made = native.socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, address(WORDS, 8));
  return made < 0 ? result(made) : [arenaWords[WORDS >> 2]!, arenaWords[(WORDS >> 2) + 1]!];
}

export function bind(fd: number, at: number, bytes: number): number {
  return result(native.bind(fd, address(at, bytes), bytes));
}

export function listen(fd: number, backlog: number): number {
  return result(native.listen(fd, backlog));
}

/** The client's address is written to `at`, `room` bytes. */
export function accept(fd: number, at: number, room: number): number {
  arenaWords[WORDS >> 2] = room;
  return result(native.accept4(fd, address(at, room), address(WORDS, 4), SOCK_NONBLOCK | SOCK_CLOEXEC));
}

/** Length of the address that `accept`, `getsockname` or `getpeername` has just written. */
export function addressBytes(): number {
  return arenaWords[WORDS >> 2]!;
}

export function connect(fd: number, at: number, bytes: number): number {
  return result(native.connect(fd, address(at, bytes), bytes));
}

export function getsockname(fd: number, at: number, room: number): number {
  arenaWords[WORDS >> 2] = room;
  return result(native.getsockname(fd, address(at, room), address(WORDS, 4)));
}

export function getpeername(fd: number, at: number, room: number): number {
  arenaWords[WORDS >> 2] = room;
  return result(native.getpeername(fd, address(at, room), address(WORDS, 4)));
}

export const SOL_IP = 0;
export const SOL_SOCKET = 1;
export const SOL_TCP = 6;
export const SOL_IPV6 = 41;
export const SO_REUSEADDR = 2;
export const SO_TYPE = 3;
export const SO_ERROR = 4;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_KEEPALIVE = 9;
const SO_LINGER = 13;
export const SO_REUSEPORT = 15;
export const SO_ACCEPTCONN = 30;
export const SO_DOMAIN = 39;
export const IP_BIND_ADDRESS_NO_PORT = 24;
export const IPV6_V6ONLY = 26;
export const TCP_NODELAY = 1;
export const TCP_KEEPIDLE = 4;
export const TCP_KEEPINTVL = 5;
export const TCP_KEEPCNT = 6;
export const TCP_DEFER_ACCEPT = 9;
const TCP_INFO = 11;

export function setOption(fd: number, level: number, name: number, value: number): number {
  arenaWords[WORDS >> 2] = value;
  return result(native.setsockopt(fd, level, name, address(WORDS, 4), 4));
}

/** The option's value, or an errno below zero; only for options that are never negative. */
export function getOption(fd: number, level: number, name: number): number {
  const words = WORDS >> 2;
  arenaWords[words] = 0;
  arenaWords[words + 1] = 4;
  const got = native.getsockopt(fd, level, name, address(WORDS, 4), address(WORDS + 4, 4));
  return got < 0 ? result(got) : arenaWords[words]!;
}

/** From now on `close` resets the connection instead of ending it. */
export function setReset(fd: number): number {
  arenaWords[WORDS >> 2] = 1;
  arenaWords[(WORDS >> 2) + 1] = 0;
  return result(native.setsockopt(fd, SOL_SOCKET, SO_LINGER, address(WORDS, 8), 8));
}

/** struct tcp_info: smoothed round trip and its variance in microseconds, congestion window, receive space. */
export function tcpInfo(fd: number): readonly [number, number, number, number] | undefined {
  const words = WORDS >> 2;
  const room = 104;
  arenaWords[words] = room;
  if (native.getsockopt(fd, SOL_TCP, TCP_INFO, address(WORDS + 4, room), address(WORDS, 4)) < 0)
    return undefined;
  if (arenaWords[words]! < 100) return undefined;
  const field = (offset: number): number => arenaWords[words + 1 + (offset >> 2)]! >>> 0;
  return [field(68), field(72), field(80), field(96)];
}

export function recv(fd: number, at: number, room: number): number {
  return result(native.recv(fd, address(at, room), room, MSG_DONTWAIT));
}

export function send(fd: number, at: number, bytes: number): number {
  return result(native.send(fd, address(at, bytes), bytes, MSG_DONTWAIT | MSG_NOSIGNAL));
}

/** Sends memory that is not the arena's: its pointer is passed, which was measured to cost what a copy of 1 KiB does. */
export function sendBytes(fd: number, bytes: Uint8Array, start: number, end: number): number {
  const piece = start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end);
  return result(native.sendBytes(fd, piece, piece.length, MSG_DONTWAIT | MSG_NOSIGNAL));
}

const SHUT_WR = 1;

export function shutdownSending(fd: number): number {
  return result(native.shutdown(fd, SHUT_WR));
}

/** Linux closes the descriptor even where it answers EINTR: never called twice. */
export function close(fd: number): number {
  return result(native.close(fd));
}

export function dup(fd: number): number {
  return result(native.dup(fd));
}

const O_NONBLOCK = 0x800;
const O_CLOEXEC = 0x80000;

/** Makes `target` another name of `fd`, kept over exec or not. */
export function dup3(fd: number, target: number, closeOnExec: boolean): number {
  return result(native.dup3(fd, target, closeOnExec ? O_CLOEXEC : 0));
}

const F_GETFD = 1;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const F_ADD_SEALS = 1033;
const FD_CLOEXEC = 1;

export function setCloseOnExec(fd: number, on: boolean): number {
  const flags = result(native.fcntl(fd, F_GETFD, 0));
  if (flags < 0) return flags;
  return result(native.fcntl(fd, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC));
}

/** 1 where children do not inherit the descriptor, 0 where they do, or an errno below zero. */
export function closesOnExec(fd: number): number {
  const flags = result(native.fcntl(fd, F_GETFD, 0));
  return flags < 0 ? flags : flags & FD_CLOEXEC;
}

export function setNonBlocking(fd: number): number {
  const flags = result(native.fcntl(fd, F_GETFL, 0));
  return flags < 0 ? flags : result(native.fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

export const EPOLLIN = 1;
export const EPOLLOUT = 4;
export const EPOLLERR = 8;
export const EPOLLHUP = 16;
export const EPOLLET = -2147483648;
export const EPOLL_ADD = 1;
export const EPOLL_DEL = 2;
export const EPOLL_MOD = 3;

const EPOLL_CLOEXEC = 0x80000;
/** struct epoll_event is packed on x64 alone: three words there, four (with a hole) elsewhere. */
const EVENT_WORDS: number = process.arch === 'x64' ? 3 : 4;
const EVENT_KEY: number = process.arch === 'x64' ? 1 : 2;
const EVENTS_AT = EVENTS >> 2;

export function epollCreate(): number {
  return result(native.epollCreate1(EPOLL_CLOEXEC));
}

/** `key` comes back with the descriptor's events. */
export function epollControl(
  set: number,
  operation: number,
  fd: number,
  events: number,
  key: number,
): number {
  const words = WORDS >> 2;
  arenaWords[words] = events;
  arenaWords[words + EVENT_KEY] = key;
  return result(native.epollCtl(set, operation, fd, address(WORDS, 16)));
}

/** What is ready now, without waiting: how many. */
export function epollPoll(set: number): number {
  return result(native.epollWait(set, address(EVENTS, EVENTS_MAX * 16), EVENTS_MAX, 0));
}

export function eventKey(index: number): number {
  return arenaWords[EVENTS_AT + index * EVENT_WORDS + EVENT_KEY]!;
}

export function eventBits(index: number): number {
  return arenaWords[EVENTS_AT + index * EVENT_WORDS]!;
}

const CLOCK_MONOTONIC = 1;

export function timerCreate(): number {
  return result(native.timerfdCreate(CLOCK_MONOTONIC, O_NONBLOCK | O_CLOEXEC));
}

/** Fires once, `ms` from now. */
export function timerSet(fd: number, ms: number): number {
  const words = WORDS >> 2;
  const seconds = Math.floor(ms / 1000);
  arenaWords.fill(0, words, words + 8);
  arenaWords[words + 4] = Math.min(seconds, 0x7fffffff);
  arenaWords[words + 6] = Math.max(1, Math.ceil((ms - seconds * 1000) * 1e6) % 1e9); // zero would disarm it
  return result(native.timerfdSettime(fd, 0, address(WORDS, 32), 0));
}

/** Sends arena bytes with descriptors. `control` holds the header from `controlHeader` and the descriptors behind it. */
export function sendMessage(
  fd: number,
  at: number,
  bytes: number,
  control: number,
  fds: readonly number[],
): number {
  const words = control >> 2;
  const controlBytes = 16 + fds.length * 4;
  const header = messageHeader(at, bytes, control, fds.length > 0 ? (controlBytes + 7) & ~7 : 0);
  arenaWords[words] = controlBytes;
  arenaWords[words + 1] = 0;
  arenaWords[words + 2] = SOL_SOCKET;
  arenaWords[words + 3] = SCM_RIGHTS;
  for (let i = 0; i < fds.length; i++) arenaWords[words + 4 + i] = fds[i]!;
  return result(native.sendmsg(fd, header, MSG_DONTWAIT | MSG_NOSIGNAL));
}

const SCM_RIGHTS = 1;

/** Receives bytes to `at`; descriptors that came with them are appended to `fds`. -EMFILE where some could not be taken in. */
export function receiveMessage(
  fd: number,
  at: number,
  room: number,
  control: number,
  controlRoom: number,
  fds: number[],
): number {
  const header = messageHeader(at, room, control, controlRoom);
  const got = result(native.recvmsg(fd, header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
  if (got < 0) return got;
  const end = control + arenaWords[HEADER + 10]!;
  for (let each = control; each + 16 <= end; ) {
    const words = each >> 2;
    const bytes = arenaWords[words]!;
    if (bytes < 16) break;
    if (arenaWords[words + 2] === SOL_SOCKET && arenaWords[words + 3] === SCM_RIGHTS) {
      for (let i = 4; i * 4 + 4 <= bytes; i++) fds.push(arenaWords[words + i]!);
    }
    each += (bytes + 7) & ~7;
  }
  return (arenaWords[HEADER + 12]! & MSG_CTRUNC) !== 0 ? -EMFILE : got;
}

const HEADER = MESSAGE_HEADER >> 2;

/** struct msghdr with one iovec behind it. Lengths are 64 bits wide in glibc, 32 with a hole of zeros in musl: the same bytes. */
function messageHeader(at: number, bytes: number, control: number, controlBytes: number): number {
  const vector = MESSAGE_HEADER + 64;
  arenaWords.fill(0, HEADER, HEADER + 20);
  pointer(HEADER + 4, address(vector, 16));
  arenaWords[HEADER + 6] = 1;
  if (controlBytes > 0) pointer(HEADER + 8, address(control, controlBytes));
  arenaWords[HEADER + 10] = controlBytes;
  pointer(vector >> 2, address(at, bytes));
  arenaWords[(vector >> 2) + 2] = bytes;
  return address(MESSAGE_HEADER, 80);
}

function pointer(word: number, value: number): void {
  arenaWords[word] = (value % 0x1_0000_0000) | 0;
  arenaWords[word + 1] = Math.floor(value / 0x1_0000_0000);
}

const MFD_CLOEXEC_AND_SEALS = 3;
const SEAL_SEAL_SHRINK_GROW = 1 | 2 | 4;

/** Shared memory of a fixed size: sealed, so that nobody who holds it can cut it under another's feet (which is a SIGBUS). */
export function memoryFile(name: string, bytes: number): number {
  const fd = result(native.memfdCreate(name, MFD_CLOEXEC_AND_SEALS));
  if (fd < 0) return fd;
  let done = result(native.ftruncate(fd, bytes));
  if (done >= 0) done = result(native.fcntl(fd, F_ADD_SEALS, SEAL_SEAL_SHRINK_GROW));
  if (done >= 0) return fd;
  close(fd);
  return done;
}

const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;

/** The address of the whole file in memory, or an errno below zero. */
export function mapMemory(fd: number, bytes: number): number {
  return result(native.mmap(0, bytes, PROT_READ_WRITE, MAP_SHARED, fd, 0));
}

export function viewMemory(mapped: number, bytes: number): ArrayBuffer {
  return native.view(mapped, bytes);
}

/** Only for what nothing can reach any more. */
export function unmapMemory(mapped: number, bytes: number): void {
  native.munmap(mapped, bytes);
}

const RLIMIT_NOFILE = 7;

/** How many descriptors the process may have, and up to where it may raise that; or an errno below zero. */
export function getDescriptorLimit(): readonly [soft: number, hard: number] | number {
  const got = result(native.getrlimit(RLIMIT_NOFILE, address(WORDS, 16)));
  return got < 0 ? got : [wide(WORDS >> 2), wide((WORDS >> 2) + 2)];
}

export function setDescriptorLimit(soft: number, hard: number): number {
  setWide(WORDS >> 2, soft);
  setWide((WORDS >> 2) + 2, hard);
  return result(native.setrlimit(RLIMIT_NOFILE, address(WORDS, 16)));
}

function wide(word: number): number {
  const low = arenaWords[word]! >>> 0;
  const high = arenaWords[word + 1]! >>> 0;
  return high === 0xffffffff ? Infinity : high * 0x1_0000_0000 + low; // RLIM_INFINITY
}

function setWide(word: number, value: number): void {
  if (value === Infinity) arenaWords.fill(-1, word, word + 2);
  else pointer(word, value);
}

const UV_POLL = 8;
const UV_READABLE = 1;

/** libuv keeps these handles' memory: it is never given back, an engine that ends leaves its handle to the next one. */
export const pinned: Uint8Array[] = [];

/** Hands a descriptor to Node's own event loop: a handle for `startPoll`, or an errno below zero. */
export function makePoll(fd: number): number {
  const memory = Buffer.allocUnsafeSlow(native.uvHandleSize(UV_POLL)).fill(0);
  pinned.push(memory);
  const handle = native.addressOf(memory);
  const made = native.uvPollInit(native.uvDefaultLoop(), handle, fd);
  return made < 0 ? made : handle;
}

/**
 * Node's loop wakes whenever the descriptor is readable. Its callback is a function of libuv that reads a field and does nothing
 * else: no JavaScript is entered from native code; the work is done by an immediate, which Node runs after each poll.
 */
export function startPoll(handle: number): number {
  const harmless = native.dlsym(0, 'uv_handle_get_type');
  return harmless === 0 ? -EINVAL : native.uvPollStart(handle, UV_READABLE, harmless);
}

export function stopPoll(handle: number): void {
  native.uvPollStop(handle);
}
