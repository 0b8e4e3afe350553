// Zones: memory that several processes see, made as a memfd that is handed over like a socket. Typed arrays and Atomics work on it.
// The mapping lives as long as something refers to its ArrayBuffer or to a view of it.
import { fstatSync } from 'node:fs';
import type { IoError } from '../engine.ts';
import { ioError, ioErrorOfNode } from '../io-error.ts';
import {
  close,
  EINVAL,
  ENOSYS,
  loadSyscalls,
  mapMemory,
  memoryFile,
  unmapMemory,
  viewMemory,
} from './syscalls.ts';

export interface SharedMemory {
  /** To be handed to other processes; closing it leaves the mapping. */
  readonly fd: number;
  readonly buffer: ArrayBuffer;
}

const mappings = new FinalizationRegistry<{ readonly address: number; readonly bytes: number }>((mapping) => {
  unmapMemory(mapping.address, mapping.bytes);
});

/** Zeroed memory of a fixed size. `name` shows in /proc. */
export function createSharedMemory(name: string, bytes: number): SharedMemory | IoError {
  if (loadSyscalls() !== undefined) return ioError('memfd_create', ENOSYS);
  if (!(bytes > 0)) return ioError('memfd_create', EINVAL);
  const fd = memoryFile(name, bytes);
  if (fd < 0) return ioError('memfd_create', -fd);
  const buffer = mapped(fd, bytes);
  if (buffer instanceof ArrayBuffer) return { fd, buffer };
  close(fd);
  return buffer;
}

/** The memory of a descriptor that another process made. Refused where it is shorter than `bytes`: touching it would kill. */
export function attachSharedMemory(fd: number, bytes: number): ArrayBuffer | IoError {
  if (loadSyscalls() !== undefined) return ioError('mmap', ENOSYS);
  if (!(bytes > 0)) return ioError('mmap', EINVAL);
  try {
    if (fstatSync(fd).size < bytes) return ioError('mmap', EINVAL);
  } catch (error) {
    return ioErrorOfNode('fstat', error);
  }
  return mapped(fd, bytes);
}

function mapped(fd: number, bytes: number): ArrayBuffer | IoError {
  const address = mapMemory(fd, bytes);
  if (address < 0) return ioError('mmap', -address);
  const buffer = viewMemory(address, bytes);
  mappings.register(buffer, { address, bytes });
  return buffer;
}
