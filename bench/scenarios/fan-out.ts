import type { Bench, Findings, Plot, Scenario } from '../scenario.js';
import {
  type Broadcast,
  BROADCAST_COLUMNS,
  broadcastRounds,
  broadcastRows,
  isValid,
  medianOf,
  ratioOf,
  startGateway,
} from '../support/broadcasts.js';
import type { Gateway } from '../support/gateway.js';
import { AUDIENCES } from '../support/registry.js';
import { Bellhop, crowdOf, LOOP_DEVICES, Loop } from '../support/senders.js';
import type { Worker } from '../support/worker.js';

/** Of the loops, at a gateway that answers at once and at a slow one; 500 is the most that one connection bears. */
const IN_FLIGHT = { nodeApn: 200, http2: 500, slow: 500 };
const GATEWAY_DELAY_MS = 50;

/** Broadcasts by tag expression with every outcome stored, beside loops that store nothing. */
export const fanOut: Scenario = {
  name: 'fan-out',
  about: 'a notification to the devices of a tag expression, from the call until every outcome is stored',
  async run(bench) {
    const people = bench.quick ? 10_000 : 1_000_000;
    const gateway = startGateway();
    try {
      const bySize = await sizes(bench, gateway, people);
      const slow = await slowGateway(bench, gateway, people);
      return findings(bySize, slow, people);
    } finally {
      await gateway.stop();
    }
  },
};

/** All sizes in every round. */
async function sizes(bench: Bench, gateway: Worker, people: number): Promise<Broadcast[]> {
  const description = await gateway.call<Gateway>('describe');
  const senders = [
    await Loop.nodeApn(description, IN_FLIGHT.nodeApn),
    await Loop.http2(description, IN_FLIGHT.http2),
    await Bellhop.start(bench.server, description, { name: 'Bellhop, role all', people, roles: ['all'] }),
  ];
  const expressions = [AUDIENCES.onePercent, AUDIENCES.tenPercent, AUDIENCES.everybody];
  const crowds = expressions.map((expression) => crowdOf(expression, people));
  try {
    return await broadcastRounds(bench, gateway, { senders, crowds });
  } finally {
    await Promise.all(senders.map((sender) => sender.stop()));
  }
}

/** One worker and a gateway that takes its time: what is in flight decides. */
async function slowGateway(bench: Bench, gateway: Worker, people: number): Promise<Broadcast[]> {
  const description = await gateway.call<Gateway>('describe');
  const senders = [
    await Loop.nodeApn(description, IN_FLIGHT.slow),
    await Loop.http2(description, IN_FLIGHT.slow),
    await Bellhop.start(bench.server, description, { name: 'Bellhop, one worker', people, roles: ['api', 'worker'] }),
  ];
  const crowds = [crowdOf(AUDIENCES.fourPercent, people)];
  const contest = { senders, crowds, gatewayDelayMs: GATEWAY_DELAY_MS };
  try {
    return await broadcastRounds(bench, gateway, contest);
  } finally {
    await Promise.all(senders.map((sender) => sender.stop()));
  }
}

function findings(bySize: readonly Broadcast[], slow: readonly Broadcast[], people: number): Findings {
  const own = byCrowd(bySize, (target) => target.startsWith('Bellhop'));
  const rates = [...own.values()].map((broadcasts) => medianOf(broadcasts, 'perSecond'));
  const tenth = bySize.filter(({ crowd }) => crowd === people / 10);
  const bellhop = tenth.filter(({ target }) => target.startsWith('Bellhop'));
  const loop = tenth.filter(({ target }) => target === Loop.NODE_APN);
  const atSlow = slow.filter(({ target }) => target.startsWith('Bellhop'));
  return {
    settings: { people, inFlight: IN_FLIGHT, loopDevices: LOOP_DEVICES, gatewayDelayMs: GATEWAY_DELAY_MS },
    tables: [
      {
        title: `Fan-out by tag expression, of ${people.toLocaleString('en')} registered devices`,
        columns: BROADCAST_COLUMNS,
        rows: broadcastRows(bySize, Loop.NODE_APN),
      },
      {
        title: `A gateway that answers after ${GATEWAY_DELAY_MS} ms`,
        columns: BROADCAST_COLUMNS,
        rows: broadcastRows(slow, Loop.NODE_APN),
      },
    ],
    plots: [ratesBySize(bySize), cpuByPart(tenth)],
    measures: [
      { target: 'fanout.loop', value: ratioOf(bellhop, loop) },
      { target: 'fanout.flat', value: Math.min(...rates) / Math.max(...rates) },
      { target: 'fanout.slowGateway', value: medianOf(atSlow, 'perSecond') },
    ],
    rounds: [...bySize, ...slow],
    valid: [...bySize, ...slow].every(isValid),
  };
}

function byCrowd(broadcasts: readonly Broadcast[], of: (target: string) => boolean): Map<number, Broadcast[]> {
  return Map.groupBy(
    broadcasts.filter(({ target }) => of(target)),
    ({ crowd }) => crowd,
  );
}

const targetsOf = (broadcasts: readonly Broadcast[]): string[] =>
  [...new Set(broadcasts.map(({ target }) => target))].sort();

function ratesBySize(broadcasts: readonly Broadcast[]): Plot {
  return {
    name: 'fan-out',
    title: 'Fan-out by the size of the audience',
    kind: 'lines',
    x: { title: 'devices', log: true },
    y: { title: 'devices/s' },
    series: targetsOf(broadcasts).map((name) => ({
      name,
      points: [...byCrowd(broadcasts, (target) => target === name)].map(
        ([crowd, own]) => [crowd, medianOf(own, 'perSecond')] as const,
      ),
    })),
  };
}

function cpuByPart(broadcasts: readonly Broadcast[]): Plot {
  const parts = { sender: 'ownCpuMicros', PostgreSQL: 'databaseCpuMicros', gateway: 'gatewayCpuMicros' } as const;
  return {
    name: 'fan-out-cpu',
    title: 'CPU per delivery',
    kind: 'bars',
    x: { title: '' },
    y: { title: 'µs' },
    series: Object.entries(parts).map(([name, figure]) => ({
      name,
      points: targetsOf(broadcasts).map((target) => {
        const own = broadcasts.filter((broadcast) => broadcast.target === target);
        return [target, medianOf(own, figure)] as const;
      }),
    })),
  };
}
