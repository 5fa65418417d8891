import type { NimScript } from './script.js';

/** Body of `POST /rules`; every part is optional. */
export interface NimControlRules {
  readonly scripts?: readonly NimScript[];
  /** Registered in addition. */
  readonly accounts?: readonly string[];
  readonly latencyMs?: number;
}
