import type { Chaos } from '../scenario.js';
import type { Heap } from './watched.js';

/**
 * Plugins that are loaded with their first use, caches, prepared statements and optimised code take some room once; what
 * grows with the work would take far more.
 */
const ALLOWED_MB = 64;
const FIGURE = 'heap of a process grown by, MB at most';

/** Compares what is left after a collection, before the work and after it. */
export function expectSteadyHeap({ findings }: Chaos, before: Heap, after: Heap): void {
  const grown = after.heapMb - before.heapMb;
  findings.figure(FIGURE, Math.max(grown, Number(findings.figures.get(FIGURE) ?? -Infinity)));
  findings.expect(`heaps grown by more than ${ALLOWED_MB} MB`, grown <= ALLOWED_MB, { before, after });
}
