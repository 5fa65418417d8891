/** One crowd told by one sender: what is measured of it, and what several rounds come to. */
import type { Bench, Cell } from '../scenario.js';
import type { Arrived } from './gateway.js';
import { cpuOf, inTurn, median, peakMemoryOf, resetPeakMemory } from './measures.js';
import type { TestServer } from './postgres.js';
import type { Crowd, Sender, Sent } from './senders.js';
import { used } from './usage.js';
import { Worker } from './worker.js';

export interface Broadcast extends Sent {
  readonly target: string;
  readonly round: number;
  readonly crowd: number;
  readonly perSecond: number;
  /** CPU per delivery: of the sender's own processes, of PostgreSQL, of the gateway. */
  readonly ownCpuMicros: number;
  readonly databaseCpuMicros: number;
  readonly gatewayCpuMicros: number;
  /** The most that one of its own processes held in memory. */
  readonly peakMegabytes: number;
  readonly arrived: Arrived;
}

export interface BroadcastOptions {
  readonly round: number;
  /** After which the gateway answers. Default: at once. */
  readonly gatewayDelayMs?: number | undefined;
}

/** The gateway of broadcasts. */
export const startGateway = (): Worker => Worker.start(new URL('./gateway.js', import.meta.url));

/** Who tells whom. */
export interface Contest {
  readonly senders: readonly Sender[];
  readonly crowds: readonly Crowd[];
  readonly gatewayDelayMs?: number;
}

/** Every sender tells every crowd once in each round, in an order of the round's own. */
export async function broadcastRounds(
  { server, rounds, say }: Bench,
  gateway: Worker,
  { senders, crowds, gatewayDelayMs }: Contest,
): Promise<Broadcast[]> {
  const broadcasts: Broadcast[] = [];
  for (let round = 0; round <= rounds; round++) {
    for (const crowd of crowds) {
      for (const sender of inTurn(senders, round)) {
        const broadcast = await measureBroadcast(server, gateway, sender, crowd, { round, gatewayDelayMs });
        const { target, perSecond } = broadcast;
        say(`round ${round}: ${target}, ${crowd.numbers.length} devices, ${Math.round(perSecond)}/s`);
        if (round > 0) broadcasts.push(broadcast);
      }
    }
  }
  return broadcasts;
}

export async function measureBroadcast(
  server: TestServer,
  gateway: Worker,
  sender: Sender,
  crowd: Crowd,
  { round, gatewayDelayMs = 0 }: BroadcastOptions,
): Promise<Broadcast> {
  await gateway.call('reset', { delayMs: gatewayDelayMs });
  await server.checkpoint();
  for (const pid of sender.pids) resetPeakMemory(pid);
  const gatewayCpu = cpuOf(gateway.pid);
  const { result: sent, ...cpu } = await used(server, sender.pids, () => sender.send(crowd));
  return {
    ...sent,
    target: sender.name,
    round,
    crowd: crowd.numbers.length,
    perSecond: sent.devices / sent.seconds,
    ownCpuMicros: cpu.ownCpuMicros / sent.devices,
    databaseCpuMicros: sender.storesNothing ? 0 : cpu.databaseCpuMicros / sent.devices,
    gatewayCpuMicros: (cpuOf(gateway.pid) - gatewayCpu) / sent.devices,
    peakMegabytes: Math.max(...sender.pids.map(peakMemoryOf)),
    arrived: await gateway.call<Arrived>('arrived'),
  };
}

/** Everybody was reached once, and is known to have been. */
export function isValid({ devices, accepted, arrived }: Broadcast): boolean {
  return (
    [accepted, arrived.accepted, arrived.distinctTokens].every((count) => count === devices) && arrived.refused === 0
  );
}

type Figure = 'perSecond' | 'planSeconds' | 'ownCpuMicros' | 'databaseCpuMicros' | 'gatewayCpuMicros' | 'peakMegabytes';

export const medianOf = (broadcasts: readonly Broadcast[], figure: Figure): number =>
  median(broadcasts.map((broadcast) => broadcast[figure]));

/** The rate against another sender's, the median of the ratios within each round. */
export function ratioOf(broadcasts: readonly Broadcast[], base: readonly Broadcast[]): number {
  const rates = new Map(base.map(({ round, perSecond }) => [round, perSecond]));
  return median(broadcasts.map(({ round, perSecond }) => perSecond / (rates.get(round) ?? Number.NaN)));
}

export const BROADCAST_COLUMNS = [
  'sender',
  'devices',
  'rounds',
  'devices/s',
  'ratio to B',
  'planned after s',
  'own CPU µs',
  'PostgreSQL CPU µs',
  'gateway CPU µs',
  'peak MB',
  'valid',
] as const;

/** One row for each sender and size of crowd; `base` is the sender whom the others are compared with. */
export function broadcastRows(broadcasts: readonly Broadcast[], base: string): Cell[][] {
  const inOrder = broadcasts.toSorted((a, b) => a.crowd - b.crowd || (a.target < b.target ? -1 : 1));
  const groups = Map.groupBy(inOrder, ({ target, crowd }) => `${crowd} ${target}`);
  return [...groups.values()].map((own) => {
    const { target, crowd } = own[0] as Broadcast;
    const loop = broadcasts.filter((other) => other.target === base && other.crowd === crowd);
    return [
      target,
      crowd,
      own.length,
      medianOf(own, 'perSecond'),
      ratioOf(own, loop),
      medianOf(own, 'planSeconds'),
      medianOf(own, 'ownCpuMicros'),
      medianOf(own, 'databaseCpuMicros'),
      medianOf(own, 'gatewayCpuMicros'),
      medianOf(own, 'peakMegabytes'),
      own.every(isValid),
    ];
  });
}
