import type { ApnsScript } from './script.js';

/** Body of `POST /rules`; every part is optional. */
export interface ApnsControlRules {
  readonly scripts?: readonly ApnsScript[];
  readonly latencyMs?: number | readonly [number, number];
  /** GOAWAY on every connection, in one step or two. */
  readonly goaway?: 'single' | 'twoStep';
  /** Destroys every connection. */
  readonly drop?: boolean;
}
