import { setTimeout as pause } from 'node:timers/promises';
import type { Bench, Findings, Scenario, Table } from '../scenario.js';
import type { Preparation } from '../support/callback-load.js';
import { NIM } from '../support/callback-targets.js';
import { PEOPLE } from '../support/callbacks.js';
import type { ClosedLoopOptions, LoadResult } from '../support/closed-loop.js';
import type { Gateway } from '../support/gateway.js';
import type { Address } from '../support/http-client.js';
import { cpuOf, inTurn, median, monotonicMs, quantile } from '../support/measures.js';
import type { OpenLoopOptions, OpenLoopResult } from '../support/open-loop.js';
import { Platform } from '../support/platform.js';
import type { TestServer } from '../support/postgres.js';
import { seedPeople } from '../support/registry.js';
import { apnsConfig } from '../support/senders.js';
import type { Pushes } from '../support/timed-gateway.js';
import { startLoad } from '../support/turns.js';
import { Worker } from '../support/worker.js';

const CONNECTIONS = 64;
/** How long the last pushes of a stage may take. */
const PATIENCE_MS = 60_000;
/** More than any platform sustains on a machine that runs all of this. */
const MOST_PER_SECOND = 15_000;
const IDLE = 'idle';
const FIXED = '1,000/s';

interface Stage {
  readonly name: string;
  readonly perSecond: number;
  readonly seconds: number;
}

interface StageRound extends Stage, Pushes {
  readonly round: number;
  readonly offered: number;
  readonly accepted: number;
  /** From the moment a callback was due to its push at the gateway. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** From the moment a callback was due to the answer. */
  readonly answerP99Ms: number;
  /** Per callback, of the platform and of PostgreSQL. */
  readonly serverCpuMicros: number;
  readonly databaseCpuMicros: number;
}

export const latency: Scenario = {
  name: 'latency',
  about: 'from the moment a callback is due to its push at the gateway, role all',
  async run(bench) {
    const line = await Line.start(bench.server);
    try {
      return await measure(line, bench);
    } finally {
      await line.stop();
    }
  },
};

async function measure(line: Line, { quick, rounds, say }: Bench): Promise<Findings> {
  const [warmUp, seconds, idleSeconds] = quick ? [1, 1, 2] : [5, 8, 12];
  await line.sustained(warmUp);
  const most = await line.sustained(warmUp);
  say(`Sustained from callback to push: ${Math.round(most)} per second.`);
  const stages = [
    { name: IDLE, perSecond: 5, seconds: idleSeconds },
    ...[0.1, 0.5, 0.8].map((share) => ({ name: `${share * 100} %`, perSecond: share * most, seconds })),
    { name: FIXED, perSecond: 1_000, seconds },
  ];
  const measured: StageRound[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const stage of inTurn(stages, round - 1)) measured.push(await line.run(stage, round));
  }
  return findings(stages, measured, { seconds, idleSeconds, rounds, connections: CONNECTIONS, sustained: most });
}

/** Vendor, platform and gateway, with a device for everybody who is written to. */
class Line {
  private constructor(
    private readonly server: TestServer,
    private readonly load: Worker,
    private readonly gateway: Worker,
    private readonly platform: Platform,
    private readonly address: Address,
  ) {}

  static async start(server: TestServer): Promise<Line> {
    const databaseUrl = await server.create('latency');
    const gateway = Worker.start(new URL('../support/timed-gateway.js', import.meta.url));
    const platform = await Platform.start({ databaseUrl, role: 'all' });
    const app = await platform.createApp();
    await app.integrate('apns', apnsConfig(await gateway.call<Gateway>('describe')));
    const { path } = await app.integrate('nim', NIM.account);
    await seedPeople(databaseUrl, app.appId, PEOPLE);
    const { hostname: host, port } = new URL(platform.url);
    return new Line(server, startLoad(), gateway, platform, { host, port: Number(port), path });
  }

  /** Callbacks that become pushes per second: posted as fast as they are answered, counted until the last push. */
  async sustained(seconds: number): Promise<number> {
    const count = MOST_PER_SECOND * seconds;
    const first = await this.prepare(count);
    const started = monotonicMs();
    const options = { connections: CONNECTIONS, seconds };
    const { accepted } = await this.load.call<LoadResult>('closedLoop', options satisfies ClosedLoopOptions);
    await this.pushed(accepted);
    const arrivals = await this.gateway.call<Float64Array>('arrivals', { first, count });
    const last = arrivals.reduce((latest, at) => (at > latest ? at : latest), started);
    return (accepted * 1000) / (last - started);
  }

  async run(stage: Stage, round: number): Promise<StageRound> {
    const { perSecond, seconds } = stage;
    const count = Math.round(perSecond * seconds);
    const first = await this.prepare(count);
    const [cpu, databaseCpu] = [cpuOf(this.platform.pid), await this.server.cpuMicros()];
    const options = { perSecond, seconds, connections: CONNECTIONS, resend: false };
    const result = await this.load.call<OpenLoopResult>('openLoop', options satisfies OpenLoopOptions);
    const pushes = await this.pushed(result.accepted);
    const [micros, databaseMicros] = [cpuOf(this.platform.pid) - cpu, (await this.server.cpuMicros()) - databaseCpu];
    const arrivals = await this.gateway.call<Float64Array>('arrivals', { first, count });
    const due = (i: number): number => result.startedAt + (i / perSecond) * 1000;
    const times = [...arrivals].map((at, i) => at - due(i)).filter((time) => !Number.isNaN(time));
    return {
      ...stage,
      ...pushes,
      round,
      offered: result.offered,
      accepted: result.accepted,
      p50Ms: quantile(times, 0.5),
      p99Ms: quantile(times, 0.99),
      answerP99Ms: result.p99Ms,
      serverCpuMicros: micros / count,
      databaseCpuMicros: databaseMicros / count,
    };
  }

  async stop(): Promise<void> {
    await this.platform.stop();
    await Promise.all([this.load.stop(), this.gateway.stop()]);
  }

  /** @returns the number of the first. */
  private async prepare(count: number): Promise<number> {
    const preparation = { address: this.address, vendor: NIM, count };
    const first = await this.load.call<number>('prepare', preparation satisfies Preparation);
    await this.gateway.call('reset');
    await this.server.checkpoint();
    return first;
  }

  /** What has come when nothing more is owed, or nothing more comes. */
  private async pushed(owed: number): Promise<Pushes> {
    const deadline = monotonicMs() + PATIENCE_MS;
    let pushes = await this.gateway.call<Pushes>('pushes');
    while (pushes.distinct < owed && monotonicMs() < deadline) {
      await pause(50);
      pushes = await this.gateway.call<Pushes>('pushes');
    }
    return pushes;
  }
}

/** One push for each callback that was due. */
const isValid = ({ offered, accepted, distinct, surplus }: StageRound): boolean =>
  accepted === offered && distinct === offered && surplus === 0;

function findings(stages: readonly Stage[], measured: readonly StageRound[], settings: Findings['settings']): Findings {
  const of = (name: string, figure: 'p50Ms' | 'p99Ms'): number =>
    median(measured.filter((one) => one.name === name).map((one) => one[figure]));
  const bars = (figure: 'p50Ms' | 'p99Ms') => stages.map(({ name }) => [name, of(name, figure)] as const);
  return {
    settings,
    tables: [stageTable(stages, measured)],
    plots: [
      {
        name: 'latency',
        title: 'From callback to push',
        kind: 'bars',
        x: { title: 'callbacks/s, share of the most that is sustained' },
        y: { title: 'ms', log: true },
        series: [
          { name: 'p50', points: bars('p50Ms') },
          { name: 'p99', points: bars('p99Ms') },
        ],
      },
    ],
    measures: [
      { target: 'latency.p50', value: of(FIXED, 'p50Ms') },
      { target: 'latency.p99', value: of(FIXED, 'p99Ms') },
      { target: 'latency.idle', value: of(IDLE, 'p99Ms') },
    ],
    rounds: measured,
    valid: measured.every(isValid),
  };
}

function stageTable(stages: readonly Stage[], measured: readonly StageRound[]): Table {
  return {
    title: 'From the moment a callback is due, open loop',
    columns: [
      'load',
      'callbacks/s',
      'push p50 ms',
      'push p99 ms',
      'answer p99 ms',
      'server CPU µs',
      'PostgreSQL CPU µs',
      'rounds',
      'valid',
    ],
    rows: stages.map(({ name, perSecond }) => {
      const own = measured.filter((one) => one.name === name);
      const of = (figure: keyof StageRound): number => median(own.map((one) => one[figure] as number));
      return [
        name,
        perSecond,
        ...(['p50Ms', 'p99Ms', 'answerP99Ms', 'serverCpuMicros', 'databaseCpuMicros'] as const).map(of),
        own.length,
        own.every(isValid),
      ];
    }),
  };
}
