import type { Heap } from '../../chaos/stage/watched.js';

/** What the process holds after so many requests, once its garbage is collected. */
export interface Sample extends Pick<Heap, 'heapMb' | 'rssMb'> {
  readonly requests: number;
}

/** Caches fill, prepared statements come to be and code is optimised during this share of the run. */
const WARM_UP = 0.4;

/** Megabytes that were gained after the warm-up, by the line that most pairs of samples agree on (Theil–Sen). */
export function growthOf(samples: readonly Sample[], valueOf: (sample: Sample) => number): number {
  const last = samples.at(-1)?.requests ?? 0;
  const steady = samples.filter(({ requests }) => requests >= last * WARM_UP);
  const slopes = steady.flatMap((a, i) =>
    steady.slice(i + 1).map((b) => (valueOf(b) - valueOf(a)) / (b.requests - a.requests)),
  );
  const median = slopes.toSorted((a, b) => a - b)[slopes.length >> 1] ?? 0;
  return median * (last - (steady[0]?.requests ?? 0));
}
