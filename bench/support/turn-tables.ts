import type { Cell, Table } from '../scenario.js';
import { isValid, medianOf, ratioOf, type Turn, where } from './turns.js';

type Column = readonly [title: string, cell: (own: readonly Turn[], base: readonly Turn[]) => Cell];

const COLUMNS: readonly Column[] = [
  ['callbacks/s', (own) => medianOf(own, 'perSecond')],
  ['ratio to A', ratioOf],
  ['p50 ms', (own) => medianOf(own, 'p50Ms')],
  ['p99 ms', (own) => medianOf(own, 'p99Ms')],
  ['server CPU µs', (own) => medianOf(own, 'serverCpuMicros')],
  ['PostgreSQL CPU µs', (own) => medianOf(own, 'databaseCpuMicros')],
  ['rounds', (own) => own.length],
  ['valid', (own) => own.every(isValid)],
];
/** Counted from the last answer. */
export const ROUTED: Column = ['routed after s', (own) => medianOf(own, 'settleSeconds')];

/** A row per target, set beside the turns of `base` (A) under the same load. */
export interface TargetRow {
  readonly name: string;
  readonly own: readonly Turn[];
  readonly base: readonly Turn[];
}

/** The turns of one load, by target, beside those of the first target. */
export function rowsOf(turns: readonly Turn[], names: readonly string[], prefix = ''): TargetRow[] {
  const base = where(turns, { target: names[0] });
  return names.map((name) => ({ name: prefix + name, own: where(turns, { target: name }), base }));
}

export function turnTable(title: string, rows: readonly TargetRow[], more: readonly Column[] = []): Table {
  const columns = [...COLUMNS, ...more];
  return {
    title,
    columns: ['target', ...columns.map(([heading]) => heading)],
    rows: rows.map(({ name, own, base }) => [name, ...columns.map(([, cell]) => cell(own, base))]),
  };
}
