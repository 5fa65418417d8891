import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from 'pg';
import type { Bench, Findings, Scenario } from '../scenario.js';
import { startGateway } from '../support/broadcasts.js';
import type { Arrived, Gateway } from '../support/gateway.js';
import { median, monotonicMs, quantile } from '../support/measures.js';
import { numberFrom, run } from '../support/postgres.js';
import { tokenOf, userOf } from '../support/registry.js';
import { Bellhop } from '../support/senders.js';
import { used } from '../support/usage.js';
import type { Worker } from '../support/worker.js';

/** Deliveries that wait. */
const SIZES = [1_000, 10_000, 100_000, 1_000_000];
const QUICK_SIZES = [1_000, 10_000];
/** Named in one call: planned while it is answered, so that the deliveries wait without a worker. */
const NAMED = 1_000;
const CALLERS = 3;
/** Of draining at most. */
const WINDOW_SECONDS = { full: 20, quick: 4 };
/** Between two looks. */
const LOOK_MS = 20;
/** For what a cancel finds in the hands of the worker. */
const PATIENCE_SECONDS = 120;
const URGENT = { everyMs: 500, people: 50 };

/** How fast a worker works off what has piled up, and what that means for somebody who must be told now. */
export const backlog: Scenario = {
  name: 'backlog',
  about: 'the rate at which one worker drains what is queued, and an urgent notification each 500 ms meanwhile',
  async run(bench) {
    const sizes = bench.quick ? QUICK_SIZES : SIZES;
    const people = Math.max(...sizes);
    const gateway = startGateway();
    const bellhop = await Bellhop.start(bench.server, await gateway.call<Gateway>('describe'), {
      name: 'Bellhop, one worker',
      people,
      roles: ['api', 'worker'],
    });
    try {
      await registerUrgent(bellhop);
      const drains: Drain[] = [];
      for (let round = 0; round <= bench.rounds; round++) {
        // The small ones warm up.
        for (const queued of round > 0 ? sizes : QUICK_SIZES) {
          const drain = await drainOf(bench, gateway, bellhop, queued);
          bench.say(`${queued} queued: ${Math.round(drain.perSecond)}/s`);
          if (round > 0) drains.push(drain);
        }
      }
      return findings(drains);
    } finally {
      await bellhop.stop();
      await gateway.stop();
    }
  },
};

/** Tokens of theirs are beyond those of everybody else. */
const urgentToken = (number: number): string => tokenOf(3_000_000 + number);
const urgentUser = (number: number): string => `urgent-${number}`;

async function registerUrgent({ app }: Bellhop): Promise<void> {
  for (let number = 0; number < URGENT.people; number++) {
    await app.call('PUT', `/v1/users/${urgentUser(number)}/devices/urgent-phone-${number}`, {
      gateway: 'apns',
      platform: 'ios',
      environment: 'production',
      token: urgentToken(number),
    });
  }
}

interface Drain {
  readonly queued: number;
  readonly seconds: number;
  /** Outcomes stored meanwhile, of those that were queued. */
  readonly drained: number;
  readonly perSecond: number;
  /** Per drained delivery. */
  readonly ownCpuMicros: number;
  readonly databaseCpuMicros: number;
  /** From the moment an urgent one was due to be asked for until the gateway had it. */
  readonly urgentMs: readonly number[];
  /** Nobody was told twice, nobody urgent was forgotten, and whoever is stored as told was. */
  readonly valid: boolean;
}

/** The worker stands still while the backlog grows, so that it is warm when it goes on. */
async function drainOf(bench: Bench, gateway: Worker, bellhop: Bellhop, queued: number): Promise<Drain> {
  const worker = bellhop.processes.at(-1);
  worker?.freeze();
  const asked = await queue(bellhop, queued);
  await gateway.call('reset');
  await bench.server.checkpoint();
  const before = await stored(bellhop);
  const urgent = await Urgent.prepare(gateway, bellhop);
  const { result, seconds, ...cpu } = await used(bench.server, bellhop.pids, async () => {
    worker?.thaw();
    urgent.begin();
    return drained(bellhop, bench.quick ? WINDOW_SECONDS.quick : WINDOW_SECONDS.full);
  });
  const count = (await stored(bellhop)) - before;
  const urgentMs = await urgent.end();
  const { accepted, refused, distinctTokens } = await gateway.call<Arrived>('arrived');
  if (!result) await cancel(bellhop, asked);
  const all = result ? count === queued && accepted === queued + urgentMs.length : count <= accepted;
  return {
    queued,
    seconds,
    drained: count,
    perSecond: count / seconds,
    ownCpuMicros: cpu.ownCpuMicros / count,
    databaseCpuMicros: cpu.databaseCpuMicros / count,
    urgentMs,
    valid: all && refused === 0 && accepted === distinctTokens && !urgentMs.some(Number.isNaN),
  };
}

/** @returns the ids of the notifications. */
async function queue(bellhop: Bellhop, queued: number): Promise<string[]> {
  const firsts = Array.from({ length: Math.ceil(queued / NAMED) }, (_, i) => i * NAMED);
  const ids: string[] = [];
  await byCallers(firsts, async (first) => {
    const users = Array.from({ length: Math.min(NAMED, queued - first) }, (_, i) => userOf(first + i));
    ids.push(await bellhop.notify({ users }, { priority: 'normal' }));
  });
  return ids;
}

/** What is left of a backlog is not waited for. */
async function cancel(bellhop: Bellhop, ids: readonly string[]): Promise<void> {
  // Those that have ended refuse.
  await byCallers(ids, (id) => bellhop.app.call('POST', `/v1/notifications/${id}/cancel`).catch(() => undefined));
  if (!(await drained(bellhop, PATIENCE_SECONDS))) throw new Error('The backlog cannot be cancelled.');
}

async function byCallers<T>(items: readonly T[], call: (item: T) => Promise<unknown>): Promise<void> {
  const left = items.values();
  const caller = async (): Promise<void> => {
    for (const item of left) await call(item);
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
}

/** Outcomes, those of urgent ones left out. */
const stored = ({ databaseUrl }: Bellhop): Promise<number> =>
  numberFrom(databaseUrl, `SELECT count(*) FROM delivery WHERE state = 'accepted' AND priority = 'normal'`);

/** @returns whether everything that was queued is done before the time is over. */
async function drained({ databaseUrl }: Bellhop, seconds: number): Promise<boolean> {
  const end = performance.now() + seconds * 1000;
  return run(databaseUrl, async (client) => {
    while (await isQueued(client)) {
      if (performance.now() >= end) return false;
      await pause(LOOK_MS);
    }
    return true;
  });
}

async function isQueued(client: Client): Promise<boolean> {
  const { rows } = await client.query(
    `SELECT 1 FROM notification WHERE state NOT IN ('done', 'cancelled') AND priority = 'normal' LIMIT 1`,
  );
  return rows.length > 0;
}

/** People who are told one by one, each at a moment of the clock, however long the one before takes. */
class Urgent {
  private readonly dueMs: number[] = [];
  private readonly calls: Promise<unknown>[] = [];
  private timer: NodeJS.Timeout | undefined;

  private constructor(
    private readonly gateway: Worker,
    private readonly bellhop: Bellhop,
  ) {}

  static async prepare(gateway: Worker, bellhop: Bellhop): Promise<Urgent> {
    await gateway.call(
      'watch',
      Array.from({ length: URGENT.people }, (_, number) => urgentToken(number)),
    );
    return new Urgent(gateway, bellhop);
  }

  begin(): void {
    this.timer = setInterval(() => this.ask(), URGENT.everyMs);
  }

  private ask(): void {
    const number = this.dueMs.push(monotonicMs()) - 1;
    this.calls.push(this.bellhop.notify({ users: [urgentUser(number)] }, { priority: 'high' }));
    if (this.dueMs.length === URGENT.people) clearInterval(this.timer);
  }

  /** @returns for each one the milliseconds until the gateway had it; NaN: it did not come within ten seconds. */
  async end(): Promise<number[]> {
    clearInterval(this.timer);
    await Promise.all(this.calls);
    const end = performance.now() + 10_000;
    for (;;) {
      const seenMs = await this.gateway.call<number[]>('sightings');
      const latencies = this.dueMs.map((due, number) => (seenMs[number] ?? Number.NaN) - due);
      if (!latencies.some(Number.isNaN) || performance.now() >= end) return latencies;
      await pause(LOOK_MS);
    }
  }
}

function findings(drains: readonly Drain[]): Findings {
  const sizes = [...Map.groupBy(drains, ({ queued }) => queued)];
  const rateOf = (queued: number): number =>
    median(drains.filter((drain) => drain.queued === queued).map(({ perSecond }) => perSecond));
  const largest = Math.max(...sizes.map(([queued]) => queued));
  const urgentMs = drains.filter(({ queued }) => queued === largest).flatMap((drain) => drain.urgentMs);
  return {
    settings: { peoplePerCall: NAMED, windowSeconds: WINDOW_SECONDS.full, urgentEveryMs: URGENT.everyMs },
    tables: [
      {
        title: 'One worker before a backlog',
        columns: [
          'queued',
          'rounds',
          'deliveries/s',
          'own CPU µs',
          'PostgreSQL CPU µs',
          'urgent ones',
          'urgent p50 ms',
          'p99 ms',
          'valid',
        ],
        rows: sizes.map(([queued, own]) => {
          const urgent = own.flatMap((drain) => drain.urgentMs);
          return [
            queued,
            own.length,
            rateOf(queued),
            median(own.map((drain) => drain.ownCpuMicros)),
            median(own.map((drain) => drain.databaseCpuMicros)),
            urgent.length,
            quantile(urgent, 0.5),
            quantile(urgent, 0.99),
            own.every(({ valid }) => valid),
          ];
        }),
      },
    ],
    plots: [
      {
        name: 'backlog',
        title: 'Drain rate by the size of the backlog',
        kind: 'lines',
        x: { title: 'queued deliveries', log: true },
        y: { title: 'deliveries/s' },
        series: [{ name: 'Bellhop, one worker', points: sizes.map(([queued]) => [queued, rateOf(queued)] as const) }],
      },
    ],
    measures: [
      { target: 'backlog.drain', value: rateOf(largest) / rateOf(10_000) },
      { target: 'backlog.urgent', value: quantile(urgentMs, 0.99) },
    ],
    rounds: drains,
    valid: drains.every(({ valid }) => valid),
  };
}
