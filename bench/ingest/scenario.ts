import { cpuOf, median } from '../support/measures.js';
import { newSecret, Platform } from '../support/platform.js';
import { numberFrom, type TestServer } from '../support/postgres.js';
import { Worker } from '../support/worker.js';
import type { LoadResult, Preparation } from './load.js';
import { setTimeout as pause } from 'node:timers/promises';

export interface IngestOptions {
  readonly rounds: number;
  readonly callbacks: number;
  readonly connections: number;
}

/** One server under one load. */
export interface IngestRound extends LoadResult {
  readonly target: string;
  readonly perSecond: number;
  /** CPU per accepted callback, of the server's process and of PostgreSQL. */
  readonly serverCpuMicros: number;
  readonly databaseCpuMicros: number;
  readonly stored: number;
  /** From the last answer until everything was routed; NaN where nothing is. */
  readonly settleSeconds: number;
}

export interface IngestRow {
  readonly target: string;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly serverCpuMicros: number;
  readonly databaseCpuMicros: number;
  readonly settleSeconds: number;
  /** To the baseline, the median of the rounds' own ratios. */
  readonly ratio: number;
  /** Every callback that was answered with success is a row, and nothing else is. */
  readonly valid: boolean;
}

interface Target {
  readonly name: string;
  readonly pid: number;
  readonly address: Pick<Preparation, 'host' | 'port' | 'path'>;
  stored(): Promise<number>;
  /** Resolves when everything is routed; absent where nothing is. */
  readonly settle?: () => Promise<void>;
  stop(): Promise<void>;
}

const BASELINE = 'A: node:http + pg, one commit each';
const NIM = { appKey: newSecret(), appSecret: newSecret() };

/** Callbacks acknowledged per second, Bellhop beside a server that does nothing but commit. */
export async function ingest(
  server: TestServer,
  options: IngestOptions,
): Promise<{ rows: IngestRow[]; rounds: IngestRound[] }> {
  const load = Worker.start(new URL('./load.js', import.meta.url));
  const targets = [await baseline(server), await bellhop(server, 'api'), await bellhop(server, 'all')];
  const rounds: IngestRound[] = [];
  try {
    for (let round = 0; round <= options.rounds; round++) {
      for (const target of inTurn(targets, round)) {
        const result = await measure(server, load, target, options, round);
        if (round > 0) rounds.push(result);
      }
    }
  } finally {
    await Promise.all([load.stop(), ...targets.map((target) => target.stop())]);
  }
  return { rows: targets.map(({ name }) => summary(name, rounds)), rounds };
}

/** Nobody is always first. */
function inTurn<T>(targets: readonly T[], round: number): T[] {
  return targets.map((_, i) => targets[(i + round) % targets.length] as T);
}

async function measure(
  server: TestServer,
  load: Worker,
  target: Target,
  { callbacks, connections }: IngestOptions,
  round: number,
): Promise<IngestRound> {
  const preparation = { ...target.address, app: NIM, count: callbacks, from: round * callbacks };
  await load.call('prepare', preparation satisfies Preparation);
  await server.checkpoint();
  const before = await target.stored();
  const [cpu, databaseCpu] = [cpuOf(target.pid), await server.cpuMicros()];
  const result = await load.call<LoadResult>('post', { connections });
  const [micros, databaseMicros] = [cpuOf(target.pid) - cpu, (await server.cpuMicros()) - databaseCpu];
  const stored = (await target.stored()) - before;
  const answered = performance.now();
  await target.settle?.();
  const settleSeconds = target.settle ? (performance.now() - answered) / 1000 : Number.NaN;
  return {
    target: target.name,
    perSecond: result.accepted / result.seconds,
    ...result,
    serverCpuMicros: micros / result.accepted,
    databaseCpuMicros: databaseMicros / result.accepted,
    stored,
    settleSeconds,
  };
}

async function baseline(server: TestServer): Promise<Target> {
  const databaseUrl = await server.create('baseline');
  const worker = Worker.start(new URL('./baseline.js', import.meta.url));
  const port = await worker.call<number>('start', { databaseUrl });
  return {
    name: BASELINE,
    pid: worker.pid,
    address: { host: '127.0.0.1', port, path: '/' },
    stored: () => numberFrom(databaseUrl, 'SELECT count(*) FROM callback'),
    stop: () => worker.stop(),
  };
}

async function bellhop(server: TestServer, role: 'api' | 'all'): Promise<Target> {
  const databaseUrl = await server.create(role);
  const platform = await Platform.start({ databaseUrl, role, execArgv: profiling(role) });
  const app = await platform.createApp();
  const { path } = await app.integrate('nim', NIM);
  const { hostname: host, port } = new URL(platform.url);
  return {
    name: `Bellhop, role ${role}`,
    pid: platform.pid,
    address: { host, port: Number(port), path },
    stored: () => numberFrom(databaseUrl, 'SELECT count(*) FROM inbound_event'),
    ...(role === 'all' && { settle: () => routed(databaseUrl) }),
    stop: () => platform.stop(),
  };
}

/** `BENCH_PROFILE=api` leaves a CPU profile of that process in `bench/results/`. */
function profiling(role: string): string[] {
  return process.env.BENCH_PROFILE === role ? ['--cpu-prof', '--cpu-prof-dir=bench/results'] : [];
}

async function routed(databaseUrl: string): Promise<void> {
  while ((await numberFrom(databaseUrl, `SELECT count(*) FROM inbound_event WHERE state = 'accepted'`)) > 0) {
    await pause(50);
  }
}

function summary(target: string, rounds: readonly IngestRound[]): IngestRow {
  const own = rounds.filter((round) => round.target === target);
  const base = rounds.filter((round) => round.target === BASELINE);
  const of = (
    key: 'perSecond' | 'p50Ms' | 'p99Ms' | 'serverCpuMicros' | 'databaseCpuMicros' | 'settleSeconds',
  ): number => median(own.map((round) => round[key]));
  return {
    target,
    perSecond: of('perSecond'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    serverCpuMicros: of('serverCpuMicros'),
    databaseCpuMicros: of('databaseCpuMicros'),
    settleSeconds: of('settleSeconds'),
    ratio: median(own.map(({ perSecond }, i) => perSecond / (base[i]?.perSecond ?? Number.NaN))),
    valid: own.every(({ stored, accepted, refused }) => stored === accepted && refused === 0),
  };
}
