import type { RongCloudApp } from '../senders/rongcloud.js';
import type { RongCloudDevice } from './directory.js';
import type { RongCloudStep } from './vocabulary.js';

/** Body of `POST /rules`; every part is optional. */
export interface RongCloudControlRules {
  /** How the next calls end, in order. */
  readonly steps?: readonly RongCloudStep[];
  /** Served as well from now on. */
  readonly apps?: readonly RongCloudApp[];
  readonly devices?: readonly RongCloudDevice[];
  /** Tags by user; each set replaces the one before. */
  readonly tags?: Readonly<Record<string, readonly string[]>>;
  readonly latencyMs?: number;
  /** Destroys every connection. */
  readonly drop?: boolean;
}
