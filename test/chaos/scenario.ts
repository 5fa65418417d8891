import type { TestServer } from '../../bench/support/postgres.js';
import type { Findings } from './findings.js';
import type { Random } from './stage/random.js';

/** One way to trouble the platform. It fails by what it finds; it throws only when it cannot be carried out. */
export interface Scenario {
  /** Of `--only`. */
  readonly name: string;
  /** In one sentence. */
  readonly about: string;
  /** Part of the subset of `--ci`. */
  readonly ci: boolean;
  /** It compares times: no other scenario may run beside it. */
  readonly alone?: boolean;
  run(chaos: Chaos): Promise<void>;
}

/** What every scenario gets. */
export interface Chaos {
  readonly name: string;
  /** Small sizes and short waits: all scenarios of the subset together take three minutes. */
  readonly ci: boolean;
  readonly seed: number;
  /** Draws the moments and choices of the scenario, the same ones for the same seed. */
  readonly random: Random;
  /** For whoever needs none of its own. */
  readonly server: TestServer;
  readonly findings: Findings;
  readonly say: (line: string) => void;
}
