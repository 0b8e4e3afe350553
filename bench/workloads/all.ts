// The workloads, in the order of the page.
import type { Workload } from '../workload.ts';
import { echo } from './echo.ts';
import { fanOut } from './fan-out.ts';
import { handshakes } from './handshakes.ts';
import { heldMemory, idleCpu } from './held.ts';
import { http } from './http.ts';
import { reloadEchoes, reloadLeft } from './reload.ts';
import { routing } from './routing.ts';
import { check, start } from './start.ts';
import { stream } from './stream.ts';
import { workers } from './workers.ts';

export const WORKLOADS: readonly Workload[] = [
  echo,
  handshakes,
  heldMemory,
  idleCpu,
  fanOut,
  stream,
  http,
  reloadEchoes,
  reloadLeft,
  start,
  check,
  routing,
  workers,
];
