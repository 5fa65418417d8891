import type { Push } from '../stage/gateways.js';
import type { Senders } from '../stage/senders.js';
import type { Stage } from '../stage/stage.js';
import type { Rows } from './rows.js';

/** Everything that is known when all is quiet. */
export interface Evidence {
  readonly stage: Stage;
  /** Absent: the scenario sends no callbacks. */
  readonly senders: Expecting | undefined;
  readonly rows: Rows;
  readonly pushes: readonly Push[];
}

/** Knows what each callback must lead to. */
export type Expecting = Pick<Senders, 'expected'>;

type ExpectNone = (promise: string, found: readonly unknown[]) => void;
/** Holds some of the evidence against the rest of it. */
export type Check = (evidence: Evidence, expectNone: ExpectNone) => void | Promise<void>;
