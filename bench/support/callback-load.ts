/** The vendors of the benchmark, a process of its own: prepares signed callbacks before the clock starts, then posts them. */
import { composer, type Vendor } from './callbacks.js';
import { closedLoop, type ClosedLoopOptions } from './closed-loop.js';
import type { Address, Prepared } from './http-client.js';
import { openLoop, type OpenLoopOptions } from './open-loop.js';
import { serve } from './worker.js';

export interface Preparation {
  readonly address: Address;
  readonly vendor: Vendor;
  readonly count: number;
}

let made = 0;
let prepared: Prepared | undefined;

/** @returns the number of the first callback; this process never makes one twice. */
function prepare({ address, vendor, count }: Preparation): number {
  const compose = composer(address, vendor);
  const first = made;
  made += count;
  prepared = { address, requests: Array.from({ length: count }, (_, i) => compose(first + i)) };
  return first;
}

/** Prepared callbacks are posted once. */
function taken(): Prepared {
  if (!prepared) throw new Error('Nothing is prepared.');
  const work = prepared;
  prepared = undefined;
  return work;
}

serve({
  prepare,
  closedLoop: (options: ClosedLoopOptions) => closedLoop(taken(), options),
  openLoop: (options: OpenLoopOptions) => openLoop(taken(), options),
});
