// System errors as frozen values, one object for each call and errno, so that the data path compares and logs them without allocating.
// The numbers are Linux's, the texts are strerror()'s, which is what nginx prints: `connect() failed (111: Connection refused)`.
import { constants } from 'node:os';
import type { IoError } from './engine.ts';

/** What sockets, files and processes can answer on Linux: errno, name, text. */
const ROWS: readonly (readonly [errno: number, code: string, text: string])[] = [
  [1, 'EPERM', 'Operation not permitted'],
  [2, 'ENOENT', 'No such file or directory'],
  [3, 'ESRCH', 'No such process'],
  [4, 'EINTR', 'Interrupted system call'],
  [5, 'EIO', 'Input/output error'],
  [6, 'ENXIO', 'No such device or address'],
  [7, 'E2BIG', 'Argument list too long'],
  [8, 'ENOEXEC', 'Exec format error'],
  [9, 'EBADF', 'Bad file descriptor'],
  [10, 'ECHILD', 'No child processes'],
  [11, 'EAGAIN', 'Resource temporarily unavailable'],
  [12, 'ENOMEM', 'Cannot allocate memory'],
  [13, 'EACCES', 'Permission denied'],
  [14, 'EFAULT', 'Bad address'],
  [15, 'ENOTBLK', 'Block device required'],
  [16, 'EBUSY', 'Device or resource busy'],
  [17, 'EEXIST', 'File exists'],
  [18, 'EXDEV', 'Invalid cross-device link'],
  [19, 'ENODEV', 'No such device'],
  [20, 'ENOTDIR', 'Not a directory'],
  [21, 'EISDIR', 'Is a directory'],
  [22, 'EINVAL', 'Invalid argument'],
  [23, 'ENFILE', 'Too many open files in system'],
  [24, 'EMFILE', 'Too many open files'],
  [25, 'ENOTTY', 'Inappropriate ioctl for device'],
  [26, 'ETXTBSY', 'Text file busy'],
  [27, 'EFBIG', 'File too large'],
  [28, 'ENOSPC', 'No space left on device'],
  [29, 'ESPIPE', 'Illegal seek'],
  [30, 'EROFS', 'Read-only file system'],
  [31, 'EMLINK', 'Too many links'],
  [32, 'EPIPE', 'Broken pipe'],
  [36, 'ENAMETOOLONG', 'File name too long'],
  [38, 'ENOSYS', 'Function not implemented'],
  [39, 'ENOTEMPTY', 'Directory not empty'],
  [40, 'ELOOP', 'Too many levels of symbolic links'],
  [61, 'ENODATA', 'No data available'],
  [71, 'EPROTO', 'Protocol error'],
  [74, 'EBADMSG', 'Bad message'],
  [75, 'EOVERFLOW', 'Value too large for defined data type'],
  [88, 'ENOTSOCK', 'Socket operation on non-socket'],
  [89, 'EDESTADDRREQ', 'Destination address required'],
  [90, 'EMSGSIZE', 'Message too long'],
  [91, 'EPROTOTYPE', 'Protocol wrong type for socket'],
  [92, 'ENOPROTOOPT', 'Protocol not available'],
  [93, 'EPROTONOSUPPORT', 'Protocol not supported'],
  [94, 'ESOCKTNOSUPPORT', 'Socket type not supported'],
  [95, 'EOPNOTSUPP', 'Operation not supported'],
  [96, 'EPFNOSUPPORT', 'Protocol family not supported'],
  [97, 'EAFNOSUPPORT', 'Address family not supported by protocol'],
  [98, 'EADDRINUSE', 'Address already in use'],
  [99, 'EADDRNOTAVAIL', 'Cannot assign requested address'],
  [100, 'ENETDOWN', 'Network is down'],
  [101, 'ENETUNREACH', 'Network is unreachable'],
  [102, 'ENETRESET', 'Network dropped connection on reset'],
  [103, 'ECONNABORTED', 'Software caused connection abort'],
  [104, 'ECONNRESET', 'Connection reset by peer'],
  [105, 'ENOBUFS', 'No buffer space available'],
  [106, 'EISCONN', 'Transport endpoint is already connected'],
  [107, 'ENOTCONN', 'Transport endpoint is not connected'],
  [108, 'ESHUTDOWN', 'Cannot send after transport endpoint shutdown'],
  [109, 'ETOOMANYREFS', 'Too many references: cannot splice'],
  [110, 'ETIMEDOUT', 'Connection timed out'],
  [111, 'ECONNREFUSED', 'Connection refused'],
  [112, 'EHOSTDOWN', 'Host is down'],
  [113, 'EHOSTUNREACH', 'No route to host'],
  [114, 'EALREADY', 'Operation already in progress'],
  [115, 'EINPROGRESS', 'Operation now in progress'],
  [122, 'EDQUOT', 'Disk quota exceeded'],
  [125, 'ECANCELED', 'Operation canceled'],
];

const byErrno = new Map<number, readonly [string, string]>();
const byCode = new Map<string, readonly [number, string]>();
for (const [errno, code, text] of ROWS) {
  byErrno.set(errno, [code, text]);
  byCode.set(code, [errno, text]);
}

const cache = new Map<string, Map<number, IoError>>();

/** The error of a Linux errno. The same arguments give the same object. */
export function ioError(call: string, errno: number): IoError {
  const row = byErrno.get(errno);
  return cached(call, errno, row?.[0] ?? `E${errno}`, row?.[1] ?? `Unknown error ${errno}`);
}

/** The error of a code such as "ECONNREFUSED", with this system's number for it: what Node's own errors carry. */
export function ioErrorOfCode(call: string, code: string): IoError {
  const row = byCode.get(code);
  const systems: Readonly<Record<string, number | undefined>> = constants.errno;
  const errno = systems[code] ?? row?.[0] ?? 0;
  return cached(call, errno, code, row?.[1] ?? code);
}

/** The error that Node's `net` or `fs` reports. One that names no system code is an "Invalid argument". */
export function ioErrorOfNode(call: string, error: unknown): IoError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return ioErrorOfCode(call, typeof code === 'string' && byCode.has(code) ? code : 'EINVAL');
}

/** "111: Connection refused", as nginx puts it between parentheses. */
export function ioErrorText(error: IoError): string {
  return `${error.errno}: ${error.text}`;
}

/** Tells a failed call from what it would have made. */
export function isIoError(value: unknown): value is IoError {
  return typeof value === 'object' && value !== null && 'errno' in value && 'call' in value;
}

function cached(call: string, errno: number, code: string, text: string): IoError {
  const ofCall = cache.get(call) ?? new Map<number, IoError>();
  cache.set(call, ofCall);
  const error = ofCall.get(errno) ?? Object.freeze({ call, errno, code, text });
  ofCall.set(errno, error);
  return error;
}
