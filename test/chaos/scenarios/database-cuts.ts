import { setTimeout as pause } from 'node:timers/promises';
import { check } from '../checks/check.js';
import { expectNothingLost } from '../checks/lost.js';
import type { Chaos, Scenario } from '../scenario.js';
import { Askers } from '../stage/askers.js';
import { Cluster, cutConnections, type End, ENDS } from '../stage/cluster.js';
import { Load } from '../stage/load.js';
import { Senders } from '../stage/senders.js';
import { onStage, type Stage } from '../stage/stage.js';

const CUTS = 10;
const RATE = 150;
const REQUESTED = ['person-0', 'person-1', 'person-2', 'person-3'];

/** Callbacks, requests and a broadcast under way, while PostgreSQL restarts three times and loses all connections ten times. */
export const databaseCuts: Scenario = {
  name: 'database-cuts',
  about: 'restarts PostgreSQL three times and cuts its connections ten times under load',
  ci: true,
  run: async (chaos) => {
    const cluster = await Cluster.start();
    try {
      await onStage(chaos, { server: cluster.server, record: 400_000 }, (stage) => carryOut(chaos, cluster, stage));
    } finally {
      await cluster.server.stop();
    }
  },
};

async function carryOut(chaos: Chaos, cluster: Cluster, stage: Stage): Promise<void> {
  const { random, ci, findings } = chaos;
  await stage.start();
  const home = await stage.tenant({ name: 'home' });
  const foreign = await stage.tenant({ name: 'foreign' });
  const crowd = await stage.crowd(ci ? 5_000 : 50_000);
  const urls = [stage.slot().url];
  const senders = new Senders(stage.ledger, home, foreign, urls);
  const askers = new Askers(stage.ledger, urls, chaos.seed);
  senders.rate = RATE;
  const load = new Load(
    () => senders.post(RATE),
    () => Promise.all(REQUESTED.map((user) => askers.ask(home, { audience: { users: [user] } }))),
  );
  const everybody = { allOf: ['all'], anyOf: ['vip', 'regular'] };
  const broadcast = askers.ask(crowd, { audience: everybody, ttlSeconds: 3_600 });

  const troubles = [...Array.from({ length: ci ? 3 : CUTS }, () => 'cut' as const), ...(ci ? ENDS.slice(0, 2) : ENDS)];
  for (const trouble of shuffled(troubles, chaos)) {
    await pause(random.whole(1_000, ci ? 2_000 : 5_000));
    const down = await cause(trouble, cluster, stage);
    const acknowledged = senders.acknowledged;
    const pushes = pushesAt(stage);
    const up = performance.now();
    await untilMore(() => senders.acknowledged > acknowledged);
    const callbacksMs = performance.now() - up;
    await untilMore(() => pushesAt(stage) > pushes);
    const pushesMs = performance.now() - up;
    chaos.say(
      `  ${trouble.padEnd(9)} down ${down.toFixed(1)} s, callback acknowledged ${callbacksMs.toFixed(0)} ms and push ${pushesMs.toFixed(0)} ms after`,
    );
    const name = trouble === 'cut' ? 'a cut' : 'a restart';
    worst(chaos, `callback after ${name}, ms at most`, callbacksMs);
    worst(chaos, `push after ${name}, ms at most`, pushesMs);
  }
  await Promise.all([load.end(), broadcast]);
  findings.figure('answers other than success', senders.refused);
  await check(stage, senders);
  await expectNothingLost(stage);
}

/** @returns the seconds for which nobody could connect. */
async function cause(trouble: End | 'cut', cluster: Cluster, { databaseUrl }: Stage): Promise<number> {
  if (trouble !== 'cut') return cluster.restart(trouble);
  await cutConnections(databaseUrl);
  return 0;
}

const pushesAt = ({ gateways: { apns, fcm } }: Stage): number =>
  [...apns, ...fcm].reduce((sum, { counters }) => sum + counters.accepted, 0);

const LOOK_MS = 10;
const PATIENCE_MS = 90_000;

/** Gives up after a while: the checks tell what is missing. */
async function untilMore(happened: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!happened() && performance.now() < end) await pause(LOOK_MS);
}

function worst({ findings }: Chaos, name: string, ms: number): void {
  const known = Number(findings.figures.get(name) ?? 0);
  findings.figure(name, Math.max(known, Math.round(ms)));
}

function shuffled<T>(items: readonly T[], { random }: Chaos): T[] {
  return items
    .map((item) => [random.next(), item] as const)
    .sort(([a], [b]) => a - b)
    .map(([, item]) => item);
}
