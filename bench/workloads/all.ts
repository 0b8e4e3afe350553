// The workloads, in the order of the page.
import type { Workload } from '../workload.ts';
import { echo } from './echo.ts';
import { handshakes } from './handshakes.ts';
import { heldMemory, idleCpu } from './held.ts';

export const WORKLOADS: readonly Workload[] = [echo, handshakes, heldMemory, idleCpu];
