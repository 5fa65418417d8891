import { setTimeout as pause } from 'node:timers/promises';
import { internalId } from '../../src/platform/ids.js';
import type { Findings, Plot, Scenario, Table } from '../scenario.js';
import * as broadcasts from '../support/broadcasts.js';
import { NIM } from '../support/callback-targets.js';
import { type RelationSize, sizesOf } from '../support/database-use.js';
import { inTurn, median } from '../support/measures.js';
import { dropMonth, type MonthDrop, type Past, writePast } from '../support/past.js';
import type { TestServer } from '../support/postgres.js';
import { type Answers, ask, TRACE } from '../support/questions.js';
import { AUDIENCES } from '../support/registry.js';
import { crowdOf } from '../support/senders.js';
import { Site } from '../support/site.js';
import * as turns from '../support/turns.js';
import type { Worker } from '../support/worker.js';

const EMPTY = 'empty';
const FULL = 'with a past';
const CONNECTIONS = 64;
/** Months that are dropped, each while a broadcast goes out. */
const DROPS = 3;
/** From the order of a broadcast until the drop. */
const UNDER_WAY_MS = 300;

/** The past stays until it is dropped here. */
const KEPT_FOR_EVER = Object.fromEntries(
  ['RAW', 'EVENT', 'DELIVERY', 'NOTIFICATION', 'RECEIPT'].map((what) => [`BELLHOP_${what}_DAYS`, '0']),
);

const SIZES = {
  full: { deliveries: 10_000_000, events: 1_000_000, people: 10_000, seconds: 3, calls: 200 },
  quick: { deliveries: 60_000, events: 6_000, people: 1_000, seconds: 0.5, calls: 20 },
};

export const history: Scenario = {
  name: 'history',
  about: 'the same work in a database that has been busy for months, beside an empty one',
  async run({ server, rounds, quick, say }) {
    const sizes = quick ? SIZES.quick : SIZES.full;
    const gateway = broadcasts.startGateway();
    const options = {
      people: sizes.people,
      roles: ['api', 'worker'],
      pushes: false,
      environment: KEPT_FOR_EVER,
    } as const;
    const empty = await Site.start(server, gateway, { ...options, name: EMPTY });
    const full = await Site.start(server, gateway, { ...options, name: FULL });
    const ingest = new turns.Turns(server);
    try {
      const started = performance.now();
      const past = await writePast({ ...sizes, ...ownerOf(full) });
      const writingSeconds = (performance.now() - started) / 1000;
      say(`A past of ${past.deliveries} deliveries was written in ${Math.round(writingSeconds)} s.`);
      const load = { vendor: NIM, connections: CONNECTIONS, seconds: sizes.seconds };
      await ingest.take([empty.callbacks, full.callbacks], [load], 0, rounds);
      const arena: Arena = { server, gateway, people: sizes.people };
      const sent = await drain(arena, [empty, full], rounds);
      const relations = await sizesOf(full.sender.databaseUrl);
      const answers = await ask({ ...full.sender, from: past.from, calls: sizes.calls });
      const drops = await forget(arena, full, past);
      return {
        settings: { ...sizes, ...past, partitions: past.partitions.length, writingSeconds, connections: CONNECTIONS },
        ...figuresOf({ ingest: ingest.measured, sent, relations, answers, drops }),
      };
    } finally {
      await Promise.all([ingest.end(), empty.sender.stop(), full.sender.stop()]);
      await gateway.stop();
    }
  },
};

function ownerOf({ sender: { databaseUrl, app, integrationId }, vendorId }: Site) {
  return {
    databaseUrl,
    appId: internalId('app', app.appId),
    vendorId: internalId('int', vendorId),
    channelId: internalId('int', integrationId),
  };
}

interface Arena {
  readonly server: TestServer;
  readonly gateway: Worker;
  readonly people: number;
}

async function drain(arena: Arena, sites: readonly Site[], rounds: number): Promise<broadcasts.Broadcast[]> {
  const measured: broadcasts.Broadcast[] = [];
  for (let round = 0; round <= rounds; round++) {
    for (const site of inTurn(sites, round)) {
      const broadcast = await tellAll(arena, site, round);
      if (round > 0) measured.push(broadcast);
    }
  }
  return measured;
}

function tellAll({ server, gateway, people }: Arena, site: Site, round: number): Promise<broadcasts.Broadcast> {
  const crowd = crowdOf(AUDIENCES.everybody, people);
  return broadcasts.measureBroadcast(server, gateway, site.sender, crowd, { round });
}

interface Drop extends MonthDrop {
  readonly broadcast: broadcasts.Broadcast;
}

/** Drops the oldest months one after the other. */
async function forget(arena: Arena, site: Site, { partitions }: Past): Promise<Drop[]> {
  const drops: Drop[] = [];
  for (const [i, partition] of partitions.slice(0, DROPS).entries()) {
    const broadcast = tellAll(arena, site, i + 1);
    await pause(UNDER_WAY_MS);
    const month = await dropMonth(site.sender.databaseUrl, partition);
    drops.push({ ...month, broadcast: await broadcast });
  }
  return drops;
}

interface Measured {
  readonly ingest: readonly turns.Turn[];
  readonly sent: readonly broadcasts.Broadcast[];
  readonly relations: readonly RelationSize[];
  readonly answers: readonly Answers[];
  readonly drops: readonly Drop[];
}

const whole = ({ detachMs, dropMs }: MonthDrop): number => detachMs + dropMs;

function figuresOf({ ingest, sent, relations, answers, drops }: Measured): Omit<Findings, 'settings'> {
  const [taken, base] = [turns.where(ingest, { target: FULL }), turns.where(ingest, { target: EMPTY })];
  const to = (name: string) => sent.filter(({ target }) => target === name);
  const trace = answers.find(({ question }) => question === TRACE);
  const ratios = [turns.ratioOf(taken, base), broadcasts.ratioOf(to(FULL), to(EMPTY))] as const;
  return {
    tables: [
      rateTable(
        'Callbacks, NIM 1 KB, 64 connections, api and worker',
        'callbacks/s',
        ratios[0],
        [base, taken].map(ofTurns),
      ),
      rateTable('Broadcast by tags, api and worker', 'devices/s', ratios[1], [to(EMPTY), to(FULL)].map(ofBroadcasts)),
      answerTable(answers),
      dropTable(drops),
      sizeTable(relations),
    ],
    plots: [ratePlot(ingest, sent), answerPlot(answers)],
    measures: [
      { target: 'history.ingest', value: ratios[0] },
      { target: 'history.drain', value: ratios[1] },
      { target: 'history.trace', value: trace?.p99Ms ?? Number.NaN },
      { target: 'history.drop', value: median(drops.map(whole)) },
    ],
    rounds: [...ingest, ...sent, ...drops],
    valid:
      ingest.every(turns.isValid) &&
      sent.every(broadcasts.isValid) &&
      drops.every(({ broadcast }) => broadcasts.isValid(broadcast)),
  };
}

interface Rate {
  readonly perSecond: number;
  readonly ownCpuMicros: number;
  readonly databaseCpuMicros: number;
  readonly rounds: number;
  readonly valid: boolean;
}

const ofTurns = (own: readonly turns.Turn[]): Rate => ({
  perSecond: turns.medianOf(own, 'perSecond'),
  ownCpuMicros: turns.medianOf(own, 'serverCpuMicros'),
  databaseCpuMicros: turns.medianOf(own, 'databaseCpuMicros'),
  rounds: own.length,
  valid: own.every(turns.isValid),
});

const ofBroadcasts = (own: readonly broadcasts.Broadcast[]): Rate => ({
  perSecond: broadcasts.medianOf(own, 'perSecond'),
  ownCpuMicros: broadcasts.medianOf(own, 'ownCpuMicros'),
  databaseCpuMicros: broadcasts.medianOf(own, 'databaseCpuMicros'),
  rounds: own.length,
  valid: own.every(broadcasts.isValid),
});

function rateTable(title: string, rate: string, ratio: number, [empty, full]: readonly Rate[]): Table {
  const row = (name: string, own: Rate | undefined, against: number) => [
    name,
    own?.perSecond ?? Number.NaN,
    against,
    own?.ownCpuMicros ?? Number.NaN,
    own?.databaseCpuMicros ?? Number.NaN,
    own?.rounds ?? 0,
    own?.valid ?? false,
  ];
  return {
    title,
    columns: ['database', rate, 'ratio', 'own CPU µs', 'PostgreSQL CPU µs', 'rounds', 'valid'],
    rows: [row(EMPTY, empty, 1), row(FULL, full, ratio)],
  };
}

function answerTable(answers: readonly Answers[]): Table {
  return {
    title: 'Answers of the API, one call at a time, about old and new things in turns',
    columns: ['question', 'p50 ms', 'p95 ms', 'p99 ms', 'calls'],
    rows: answers.map(({ question, p50Ms, p95Ms, p99Ms, calls }) => [question, p50Ms, p95Ms, p99Ms, calls]),
  };
}

function dropTable(drops: readonly Drop[]): Table {
  return {
    title: 'Dropping a month while a broadcast goes out, the default partition in place',
    columns: ['partition', 'MB', 'detach ms', 'drop ms', 'together ms', 'devices/s meanwhile'],
    rows: drops.map((drop) => [
      drop.partition,
      drop.megabytes,
      drop.detachMs,
      drop.dropMs,
      whole(drop),
      drop.broadcast.perSecond,
    ]),
  };
}

function sizeTable(relations: readonly RelationSize[]): Table {
  const large = relations.filter(({ heapBytes, indexBytes }) => heapBytes + indexBytes > 1e6);
  return {
    title: 'What the past takes on disk, bytes per row',
    columns: ['table', 'rows', 'MB', 'heap bytes per row', 'index bytes per row'],
    rows: large.map(({ relation, rows, heapBytes, indexBytes }) => [
      relation,
      rows,
      (heapBytes + indexBytes) / 1e6,
      heapBytes / rows,
      indexBytes / rows,
    ]),
  };
}

function ratePlot(ingest: readonly turns.Turn[], sent: readonly broadcasts.Broadcast[]): Plot {
  const points = (name: string): (readonly [string, number])[] => [
    ['callbacks taken in', turns.medianOf(turns.where(ingest, { target: name }), 'perSecond')],
    [
      'devices told',
      broadcasts.medianOf(
        sent.filter(({ target }) => target === name),
        'perSecond',
      ),
    ],
  ];
  return {
    name: 'history-rates',
    title: 'Work in an empty database and in one with a past',
    kind: 'bars',
    x: { title: '' },
    y: { title: 'per second' },
    series: [EMPTY, FULL].map((name) => ({ name, points: points(name) })),
  };
}

function answerPlot(answers: readonly Answers[]): Plot {
  const shares = [
    ['p50', 'p50Ms'],
    ['p95', 'p95Ms'],
    ['p99', 'p99Ms'],
  ] as const;
  return {
    name: 'history-answers',
    title: 'Answers of the API with a past',
    kind: 'bars',
    x: { title: '' },
    y: { title: 'ms', log: true },
    series: shares.map(([name, key]) => ({ name, points: answers.map((answer) => [answer.question, answer[key]]) })),
  };
}
