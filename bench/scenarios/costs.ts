import type { Cell, Findings, Scenario, Table } from '../scenario.js';
import * as broadcasts from '../support/broadcasts.js';
import { NIM } from '../support/callback-targets.js';
import { type DatabaseUse, type RelationSize, sizesOf, useOf } from '../support/database-use.js';
import { cpuOf, median } from '../support/measures.js';
import { run } from '../support/postgres.js';
import { AUDIENCES } from '../support/registry.js';
import { crowdOf } from '../support/senders.js';
import { Site } from '../support/site.js';
import * as turns from '../support/turns.js';

const CONNECTIONS = 64;
/** A relation that grows by less per operation, in bytes, is left out. */
const LEAST_GROWTH = 0.5;

/** What costs are told of, and the tables that tell them. */
export const OPERATIONS = {
  callback: 'callback, nobody to tell',
  message: 'callback with its push',
  delivery: 'delivery of a broadcast',
} as const;
export const COSTS = 'One operation';
export const GROWTH = 'Growth on disk by one operation, bytes';

/** What was done in one round. */
interface Done {
  readonly count: number;
  readonly databaseCpuMicros: number;
  readonly valid: boolean;
}

interface Operation {
  /** In the singular: costs are those of one. */
  readonly name: string;
  readonly site: Site;
  perform(round: number): Promise<Done>;
}

/** Of one operation, in one round. */
interface Cost extends Done {
  readonly operation: string;
  readonly round: number;
  readonly apiCpuMicros: number;
  readonly workerCpuMicros: number;
  readonly walBytes: number;
  readonly fullPages: number;
  readonly flushes: number;
  readonly commits: number;
  /** Open after the round; not divided. */
  readonly connections: number;
  readonly growth: readonly RelationGrowth[];
}

type RelationGrowth = Pick<RelationSize, 'relation' | 'heapBytes' | 'indexBytes'>;

export const costs: Scenario = {
  name: 'costs',
  about: 'what one callback and one delivery cost, with the api and the worker in processes of their own',
  async run({ server, rounds, quick }) {
    const sizes = quick ? { people: 1_000, seconds: 0.5 } : { people: 10_000, seconds: 4 };
    const gateway = broadcasts.startGateway();
    const options = { people: sizes.people, roles: ['api', 'worker'] } as const;
    const telling = await Site.start(server, gateway, { ...options, name: 'telling', pushes: true });
    const silent = await Site.start(server, gateway, { ...options, name: 'silent', pushes: false });
    const load = turns.startLoad();
    const callbacks = (name: string, site: Site): Operation => ({
      name,
      site,
      async perform(round) {
        const options = { vendor: NIM, connections: CONNECTIONS, seconds: sizes.seconds, round };
        const turn = await turns.measureTurn(server, load, site.callbacks, options);
        const { accepted: count, databaseCpuMicros } = turn;
        return { count, databaseCpuMicros, valid: turns.isValid(turn) };
      },
    });
    const delivery: Operation = {
      name: OPERATIONS.delivery,
      site: telling,
      async perform(round) {
        const crowd = crowdOf(AUDIENCES.everybody, sizes.people);
        const sent = await broadcasts.measureBroadcast(server, gateway, telling.sender, crowd, { round });
        const { accepted: count, databaseCpuMicros } = sent;
        return { count, databaseCpuMicros, valid: broadcasts.isValid(sent) };
      },
    };
    const operations = [callbacks(OPERATIONS.callback, silent), callbacks(OPERATIONS.message, telling), delivery];
    try {
      const measured: Cost[] = [];
      for (let round = 0; round <= rounds; round++) {
        for (const operation of operations) {
          const cost = await costOf(operation, round);
          if (round > 0) measured.push(cost);
        }
      }
      return { settings: { ...sizes, rounds, connections: CONNECTIONS }, ...figuresOf(operations, measured) };
    } finally {
      await Promise.all([load.stop(), telling.sender.stop(), silent.sender.stop()]);
      await gateway.stop();
    }
  },
};

async function costOf(operation: Operation, round: number): Promise<Cost> {
  const { databaseUrl, processes } = operation.site.sender;
  // Room that earlier rounds left is used again, as it would be after months.
  await run(databaseUrl, (client) => client.query('VACUUM'));
  const cpu = (): readonly number[] => processes.map(({ pid }) => cpuOf(pid));
  const [sizes, use, micros] = [await sizesOf(databaseUrl), await useOf(databaseUrl), cpu()];
  const done = await operation.perform(round);
  const used = cpu().map((after, i) => (after - (micros[i] as number)) / done.count);
  const after = await useOf(databaseUrl);
  const each = (key: keyof DatabaseUse): number => (after[key] - use[key]) / done.count;
  return {
    ...done,
    operation: operation.name,
    round,
    apiCpuMicros: used[0] as number,
    workerCpuMicros: used[1] as number,
    walBytes: each('walBytes'),
    fullPages: each('fullPages'),
    flushes: each('flushes'),
    commits: each('commits'),
    connections: after.connections,
    growth: growthOf(sizes, await sizesOf(databaseUrl), done.count),
  };
}

function growthOf(before: readonly RelationSize[], after: readonly RelationSize[], count: number): RelationGrowth[] {
  const was = new Map(before.map((size) => [size.relation, size]));
  return after.map(({ relation, heapBytes, indexBytes }) => {
    const old = was.get(relation);
    return {
      relation,
      heapBytes: (heapBytes - (old?.heapBytes ?? 0)) / count,
      indexBytes: (indexBytes - (old?.indexBytes ?? 0)) / count,
    };
  });
}

function figuresOf(operations: readonly Operation[], measured: readonly Cost[]): Omit<Findings, 'settings'> {
  const names = operations.map(({ name }) => name);
  const of = (name: string): readonly Cost[] => measured.filter(({ operation }) => operation === name);
  return {
    tables: [useTable(names.map(of)), growthTable(names.map(of))],
    plots: [
      {
        name: 'costs-cpu',
        title: 'CPU of one operation',
        kind: 'bars',
        x: { title: '' },
        y: { title: 'µs' },
        series: (
          [
            ['api', 'apiCpuMicros'],
            ['worker', 'workerCpuMicros'],
            ['PostgreSQL', 'databaseCpuMicros'],
          ] as const
        ).map(([name, key]) => ({ name, points: names.map((operation) => [operation, medianOf(of(operation), key)]) })),
      },
    ],
    measures: [],
    rounds: measured,
    valid: measured.every(({ valid }) => valid),
  };
}

type Figure = {
  [Key in keyof Cost]: Cost[Key] extends number ? Key : never;
}[keyof Cost];

const medianOf = (own: readonly Cost[], figure: Figure): number => median(own.map((cost) => cost[figure]));

const COLUMNS: readonly (readonly [string, Figure])[] = [
  ['api CPU µs', 'apiCpuMicros'],
  ['worker CPU µs', 'workerCpuMicros'],
  ['PostgreSQL CPU µs', 'databaseCpuMicros'],
  ['WAL bytes', 'walBytes'],
  ['full-page images', 'fullPages'],
  ['WAL flushes', 'flushes'],
  ['transactions', 'commits'],
  ['connections open', 'connections'],
  ['operations', 'count'],
];

function useTable(groups: readonly (readonly Cost[])[]): Table {
  return {
    title: COSTS,
    columns: ['operation', ...COLUMNS.map(([title]) => title), 'rounds', 'valid'],
    rows: groups.map((own) => [
      own[0]?.operation ?? '',
      ...COLUMNS.map(([, figure]) => medianOf(own, figure)),
      own.length,
      own.every(({ valid }) => valid),
    ]),
  };
}

function growthTable(groups: readonly (readonly Cost[])[]): Table {
  const relations = [...new Set(groups.flat().flatMap(({ growth }) => growth.map(({ relation }) => relation)))];
  // Over all rounds: what one of them leaves as room, the next one fills.
  const grown = (own: readonly Cost[], relation: string, part: 'heapBytes' | 'indexBytes'): number => {
    const bytes = own.map(
      ({ growth, count }) => (growth.find((one) => one.relation === relation)?.[part] ?? 0) * count,
    );
    return total(bytes) / total(own.map(({ count }) => count));
  };
  const rows = relations.map((relation): [string, ...number[]] => [
    relation,
    ...groups.flatMap((own) => [grown(own, relation, 'heapBytes'), grown(own, relation, 'indexBytes')]),
  ]);
  const large = rows.filter(([, ...bytes]) => bytes.some((each) => each >= LEAST_GROWTH));
  const sums = groups.flatMap((_, i) => [1 + 2 * i, 2 + 2 * i]).map((at) => sum(rows, at));
  return {
    title: GROWTH,
    columns: ['table', ...groups.flatMap((own) => [`${own[0]?.operation}: rows`, 'indexes'])],
    rows: [...large, ['together', ...sums]],
  };
}

const sum = (rows: readonly (readonly Cell[])[], at: number): number => total(rows.map((row) => Number(row[at])));

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
