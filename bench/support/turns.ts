/** One server under the load of one vendor: what is measured of it, and what several rounds come to. */
import type { Preparation } from './callback-load.js';
import type { Vendor } from './callbacks.js';
import type { ClosedLoopOptions, LoadResult } from './closed-loop.js';
import type { Address } from './http-client.js';
import { cpuOf, inTurn, median } from './measures.js';
import type { TestServer } from './postgres.js';
import { Worker } from './worker.js';

/** A server that stores callbacks. */
export interface CallbackTarget {
  readonly name: string;
  /** Of all its own processes, PostgreSQL apart. */
  readonly pids: readonly number[];
  address(vendor: Vendor['kind']): Address;
  /** Callbacks stored so far. */
  stored(): Promise<number>;
  /** Resolves when everything that was stored is routed; absent where nothing is. */
  readonly settle?: () => Promise<void>;
  stop(): Promise<void>;
}

export interface TurnOptions extends ClosedLoopOptions {
  readonly vendor: Vendor;
  readonly round: number;
}

export interface Turn extends LoadResult {
  readonly target: string;
  readonly vendor: Vendor['kind'];
  readonly connections: number;
  readonly round: number;
  readonly perSecond: number;
  /** CPU per accepted callback, of the server's processes and of PostgreSQL; routing included where it is done. */
  readonly serverCpuMicros: number;
  readonly databaseCpuMicros: number;
  readonly stored: number;
  /** From the last answer until everything was routed; NaN where nothing is. */
  readonly settleSeconds: number;
}

/** More than any server of this benchmark takes in on a machine that runs all of it; a turn ends earlier if one does. */
const MOST_PER_SECOND = 20_000;

/** The generator of turns. */
export const startLoad = (): Worker => Worker.start(new URL('./callback-load.js', import.meta.url));

/** @param load of {@link startLoad}; the same for all turns of a target, since it numbers the callbacks. */
export async function measureTurn(
  server: TestServer,
  load: Worker,
  target: CallbackTarget,
  { vendor, round, connections, seconds }: TurnOptions,
): Promise<Turn> {
  const count = Math.ceil(MOST_PER_SECOND * seconds);
  await load.call('prepare', { address: target.address(vendor.kind), vendor, count } satisfies Preparation);
  await server.checkpoint();
  const before = await target.stored();
  const [cpu, databaseCpu] = [cpuOfAll(target.pids), await server.cpuMicros()];
  const result = await load.call<LoadResult>('closedLoop', { connections, seconds } satisfies ClosedLoopOptions);
  const answered = performance.now();
  await target.settle?.();
  const settleSeconds = target.settle ? (performance.now() - answered) / 1000 : Number.NaN;
  const [micros, databaseMicros] = [cpuOfAll(target.pids) - cpu, (await server.cpuMicros()) - databaseCpu];
  return {
    ...result,
    target: target.name,
    vendor: vendor.kind,
    connections,
    round,
    perSecond: result.accepted / result.seconds,
    serverCpuMicros: micros / result.accepted,
    databaseCpuMicros: databaseMicros / result.accepted,
    stored: (await target.stored()) - before,
    settleSeconds,
  };
}

/** Alternating turns under any number of loads, with one generator. */
export class Turns {
  readonly measured: Turn[] = [];
  private readonly load = startLoad();

  constructor(private readonly server: TestServer) {}

  /** Rounds `from` to `to`; round 0 warms up and is not kept. The order of the targets is another one in each. */
  async take(
    targets: readonly CallbackTarget[],
    loads: readonly Omit<TurnOptions, 'round'>[],
    from: number,
    to: number,
  ): Promise<void> {
    for (let round = from; round <= to; round++) {
      for (const [i, load] of loads.entries()) {
        for (const target of inTurn(targets, round + i)) {
          const turn = await measureTurn(this.server, this.load, target, { ...load, round });
          if (round > 0) this.measured.push(turn);
        }
      }
    }
  }

  end(): Promise<void> {
    return this.load.stop();
  }
}

const cpuOfAll = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + cpuOf(pid), 0);

/** Every callback that was answered with success is a row, and nothing else is. */
export const isValid = ({ accepted, refused, stored }: Turn): boolean =>
  accepted > 0 && stored === accepted && refused === 0;

type Figure = 'perSecond' | 'p50Ms' | 'p99Ms' | 'serverCpuMicros' | 'databaseCpuMicros' | 'settleSeconds';

/** The median of the rounds. */
export const medianOf = (turns: readonly Turn[], figure: Figure): number => median(turns.map((turn) => turn[figure]));

/** The rate against another target's, the median of the ratios within each round. */
export function ratioOf(turns: readonly Turn[], base: readonly Turn[]): number {
  const rates = new Map(base.map(({ round, perSecond }) => [round, perSecond]));
  return median(turns.map(({ round, perSecond }) => perSecond / (rates.get(round) ?? Number.NaN)));
}

/** The turns of one target, vendor or number of connections, or of several of these at once. */
export function where(
  turns: readonly Turn[],
  { target, vendor, connections }: Partial<Pick<Turn, 'target' | 'vendor' | 'connections'>>,
): Turn[] {
  return turns.filter(
    (turn) =>
      (target === undefined || turn.target === target) &&
      (vendor === undefined || turn.vendor === vendor) &&
      (connections === undefined || turn.connections === connections),
  );
}
