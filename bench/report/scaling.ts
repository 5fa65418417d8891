/** From what one operation costs to what a day of so many takes. */
import { COSTS, GROWTH, OPERATIONS } from '../scenarios/costs.js';
import type { Cell, Findings, Table } from '../scenario.js';
import { tableOf } from './tables.js';

/** The busiest second against the average of a day. */
const PEAK = 5;
/** Of a core, at the peak. */
const BUSY = 0.6;
const DAY_SECONDS = 86_400;
const RETENTION_DAYS = 30;
const PAGE_BYTES = 8_192;
/** `DATABASE_POOL` by default, and those of the queue. */
const CONNECTIONS_PER_PROCESS = 27;

interface Volume {
  readonly title: string;
  readonly operation: string;
  readonly perDay: number;
}

const VOLUMES: readonly Volume[] = [
  { title: '1 million messages a day', operation: OPERATIONS.message, perDay: 1e6 },
  { title: '1 billion messages a day', operation: OPERATIONS.message, perDay: 1e9 },
  { title: '1 billion deliveries of broadcasts a day', operation: OPERATIONS.delivery, perDay: 1e9 },
];

/** Markdown. @param found by the scenario `costs`. */
export function arithmeticOf({ tables }: Pick<Findings, 'tables'>): string {
  const costs = tables.find(({ title }) => title === COSTS);
  const growth = tables.find(({ title }) => title === GROWTH);
  if (!costs || !growth) throw new Error('The findings of "costs" lack a table.');
  const columns = VOLUMES.map((volume) => needsOf(volume, costs, growth));
  const labels = columns[0]?.map(([label]) => label) ?? [];
  const rows = labels.map((label, i) => [label, ...columns.map((needs) => needs[i]?.[1] ?? Number.NaN)]);
  const table = tableOf({ columns: ['', ...VOLUMES.map(({ title }) => title)], rows });
  return `The peak is ${PEAK} times the average, and no core is busy for more than ${BUSY * 100} % of it.\n\n${table}`;
}

type Need = readonly [label: string, value: number];

function needsOf({ operation, perDay }: Volume, costs: Table, growth: Table): readonly Need[] {
  const cost = (column: string): number => cell(costs, operation, column);
  const [heap, indexes] = [growthOf(growth, operation, 0), growthOf(growth, operation, 1)];
  const average = perDay / DAY_SECONDS;
  const peak = average * PEAK;
  const cores = (column: string): number => (peak * cost(column)) / 1e6 / BUSY;
  const [api, worker] = [Math.ceil(cores('api CPU µs')), Math.ceil(cores('worker CPU µs'))];
  const dayBytes = (heap + indexes) * perDay;
  return [
    ['per second, average', average],
    ['per second, peak', peak],
    ['cores of api processes', cores('api CPU µs')],
    ['cores of worker processes', cores('worker CPU µs')],
    ['cores of PostgreSQL', cores('PostgreSQL CPU µs')],
    ['processes: api + worker', api + worker],
    ['connections', (api + worker) * CONNECTIONS_PER_PROCESS],
    ['transactions per second, peak', peak * cost('transactions')],
    ['log, MB/s, average', (average * cost('WAL bytes')) / 1e6],
    ['log, MB/s, peak', (peak * cost('WAL bytes')) / 1e6],
    ['log flushes per second, peak', peak * cost('WAL flushes')],
    ['pages written per second, peak', (peak * (heap + indexes)) / PAGE_BYTES],
    ['disk per day, GB', dayBytes / 1e9],
    [`disk of ${RETENTION_DAYS} days, GB`, (dayBytes * RETENTION_DAYS) / 1e9],
    [`indexes of ${RETENTION_DAYS} days, GB`, (indexes * perDay * RETENTION_DAYS) / 1e9],
  ];
}

function cell({ columns, rows }: Table, operation: string, column: string): number {
  return numberOf(rows.find(([name]) => name === operation)?.[columns.indexOf(column)]);
}

/** The sum of a pair of columns; they come in the order of the operations. @param part 0: rows, 1: indexes. */
function growthOf({ columns, rows }: Table, operation: string, part: 0 | 1): number {
  const at = columns.findIndex((column) => column.startsWith(operation)) + part;
  return numberOf(rows.at(-1)?.[at]);
}

const numberOf = (value: Cell | null | undefined): number => (typeof value === 'number' ? value : Number.NaN);
