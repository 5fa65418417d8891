import type { Findings, Scenario } from '../scenario.js';
import { type Broadcast, broadcastRounds, isValid, medianOf, ratioOf, startGateway } from '../support/broadcasts.js';
import type { Gateway } from '../support/gateway.js';
import { AUDIENCES } from '../support/registry.js';
import { Bellhop, type Crowd, crowdOf, type Sender, type Sent } from '../support/senders.js';

const WORKERS = [1, 2, 4];
/** Of the gateway's answers: with 50 the two cores are not the only limit. */
const DELAYS_MS = [0, 50];

/** What more worker processes bring. */
export const scaleOut: Scenario = {
  name: 'scale-out',
  about: 'a broadcast through 1, 2 and 4 worker processes beside one that takes the calls',
  async run(bench) {
    const people = bench.quick ? 10_000 : 1_000_000;
    const gateway = startGateway();
    const bellhop = await Bellhop.start(bench.server, await gateway.call<Gateway>('describe'), {
      name: 'Bellhop',
      people,
      roles: ['api', ...Array.from({ length: Math.max(...WORKERS) }, () => 'worker' as const)],
    });
    try {
      const senders = WORKERS.map((workers) => new Workers(bellhop, workers));
      const crowd = crowdOf(AUDIENCES.tenPercent, people);
      const turns: Turn[] = [];
      for (const gatewayDelayMs of DELAYS_MS) {
        const broadcasts = await broadcastRounds(bench, gateway, { senders, crowds: [crowd], gatewayDelayMs });
        turns.push(...broadcasts.map((broadcast) => ({ ...broadcast, gatewayDelayMs })));
      }
      return findings(turns);
    } finally {
      for (const process of bellhop.processes) process.thaw();
      await bellhop.stop();
      await gateway.stop();
    }
  },
};

interface Turn extends Broadcast {
  readonly gatewayDelayMs: number;
}

const nameOf = (workers: number): string => `${workers} worker${workers > 1 ? 's' : ''}`;

/** Some of the workers of a platform; the others stand still meanwhile. */
class Workers implements Sender {
  readonly name: string;

  constructor(
    private readonly bellhop: Bellhop,
    readonly count: number,
  ) {
    this.name = nameOf(count);
  }

  get pids(): readonly number[] {
    return this.bellhop.pids;
  }

  async send(crowd: Crowd): Promise<Sent> {
    const [, ...workers] = this.bellhop.processes;
    for (const [i, worker] of workers.entries()) {
      if (i < this.count) worker.thaw();
      else worker.freeze();
    }
    return this.bellhop.send(crowd);
  }

  async stop(): Promise<void> {
    await this.bellhop.stop();
  }
}

const answersAfter = (delayMs: number): string => (delayMs === 0 ? 'at once' : `after ${delayMs} ms`);

function findings(turns: readonly Turn[]): Findings {
  const senders = WORKERS.map(nameOf);
  const turnsOf = (delayMs: number, sender: string | undefined): Turn[] =>
    turns.filter(({ gatewayDelayMs, target }) => gatewayDelayMs === delayMs && target === sender);
  return {
    settings: { devices: turns[0]?.crowd, workers: WORKERS, gatewayDelaysMs: DELAYS_MS },
    tables: [
      {
        title: `A broadcast to ${turns[0]?.crowd.toLocaleString('en')} devices through worker processes`,
        columns: [
          'workers',
          'gateway answers',
          'rounds',
          'devices/s',
          'ratio to one worker',
          'own CPU µs',
          'PostgreSQL CPU µs',
          'gateway CPU µs',
          'valid',
        ],
        rows: DELAYS_MS.flatMap((delayMs) =>
          senders.map((sender) => {
            const own = turnsOf(delayMs, sender);
            return [
              sender,
              answersAfter(delayMs),
              own.length,
              medianOf(own, 'perSecond'),
              ratioOf(own, turnsOf(delayMs, senders[0])),
              medianOf(own, 'ownCpuMicros'),
              medianOf(own, 'databaseCpuMicros'),
              medianOf(own, 'gatewayCpuMicros'),
              own.every(isValid),
            ];
          }),
        ),
      },
    ],
    plots: [
      {
        name: 'scale-out',
        title: 'Worker processes on one machine',
        kind: 'lines',
        x: { title: 'worker processes' },
        y: { title: 'devices/s' },
        series: DELAYS_MS.map((delayMs) => ({
          name: `gateway answers ${answersAfter(delayMs)}`,
          points: WORKERS.map((workers, i) => [workers, medianOf(turnsOf(delayMs, senders[i]), 'perSecond')] as const),
        })),
      },
    ],
    measures: [],
    rounds: turns,
    valid: turns.every(isValid),
  };
}
