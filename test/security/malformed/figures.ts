import type { Answer } from './wire.js';

const PERCENTILE = 0.99;

/** What was measured of requests of one kind. */
class Kind {
  readonly statuses = new Map<number, number>();
  readonly times: number[] = [];

  get p99(): number {
    return this.times.toSorted((a, b) => a - b)[Math.floor(this.times.length * PERCENTILE)] ?? 0;
  }
}

/** Counts of requests and answers, by kind. */
export class Figures {
  private readonly kinds = new Map<string, Kind>();
  /** Those that were sent. */
  total = 0;

  add(kind: string, { status, ms }: Answer): void {
    const known = this.kinds.get(kind) ?? new Kind();
    this.kinds.set(kind, known);
    known.statuses.set(status, (known.statuses.get(status) ?? 0) + 1);
    known.times.push(ms);
    this.total++;
  }

  /** A line for each kind: how many, the slowest but for one in a hundred, and what they were answered. */
  get lines(): string[] {
    const width = Math.max(...[...this.kinds.keys()].map(({ length }) => length));
    return [...this.kinds]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, kind]) => {
        const count = String(kind.times.length).padStart(7);
        const p99 = `p99 ${kind.p99.toFixed(0).padStart(5)} ms`;
        const statuses = [...kind.statuses]
          .toSorted(([a], [b]) => a - b)
          .map(([status, times]) => `${status || 'none'}×${times}`);
        return `  ${name.padEnd(width)} ${count}  ${p99}  ${statuses.join(' ')}`;
      });
  }
}
