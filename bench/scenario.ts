/**
 * What every scenario gets and gives back. Results are plain data: they are kept as JSON, and tables and plots are made
 * of that JSON alone, so that a published figure can always be traced to its run.
 */
import type { TargetId } from './targets.js';
import type { TestServer } from './support/postgres.js';

export interface Scenario {
  /** Of `--only`. */
  readonly name: string;
  /** In one sentence. */
  readonly about: string;
  run(bench: Bench): Promise<Findings>;
}

export interface Bench {
  /** The PostgreSQL under test. */
  readonly server: TestServer;
  /** Counted rounds, after one that warms up and does not count. */
  readonly rounds: number;
  /** Small sizes, for trying a scenario out: their figures are never published. */
  readonly quick: boolean;
  readonly say: (line: string) => void;
}

export interface Findings {
  /** What the figures depend on: sizes, connections, seconds. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly tables: readonly Table[];
  readonly plots: readonly Plot[];
  /** Figures that there is a target for. */
  readonly measures: readonly Measure[];
  /** Every single round, as measured. */
  readonly rounds: readonly object[];
  /** Rows stored = answers with 2xx, distinct tokens = targets, no duplicate, in every round. */
  readonly valid: boolean;
}

export type Cell = string | number | boolean;

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  /** Numbers as measured; they are rounded where they are shown. NaN: not applicable. */
  readonly rows: readonly (readonly Cell[])[];
}

export interface Plot {
  /** Of the file: `<name>.svg`. */
  readonly name: string;
  readonly title: string;
  /** `bars`: points are categories and heights. `lines`: numbers and numbers. */
  readonly kind: 'bars' | 'lines';
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly {
    readonly name: string;
    readonly points: readonly (readonly [string | number, number])[];
  }[];
}

export interface Axis {
  readonly title: string;
  readonly log?: boolean;
}

export interface Measure {
  readonly target: TargetId;
  readonly value: number;
}
