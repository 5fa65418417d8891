import type { ApnsStep } from './behaviour.js';

/** Steps of one token; the last one may be repeated for ever. */
export interface ApnsScript {
  /** Device token, or `*` for every one that has no script of its own. */
  readonly token: string;
  /** One step per request, in order. Afterwards the token's ending decides again. */
  readonly steps: readonly ApnsStep[];
  /** Default false. */
  readonly repeatLast?: boolean;
}
