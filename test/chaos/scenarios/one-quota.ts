import { startRongCloudSimulator } from '@bellhop/simulators';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { newSecret } from '../../../bench/support/platform.js';
import { run } from '../../../bench/support/postgres.js';
import { processes } from '../checks/processes.js';
import type { Chaos, Scenario } from '../scenario.js';
import { Askers } from '../stage/askers.js';
import { LEASE_SECONDS, onStage, type Stage } from '../stage/stage.js';
import { SharedClock } from '../stage/shared-clock.js';

const PROCESSES = 3;
const PATIENCE_MS = 60_000;
const LOOK_MS = 200;
/** The sweep comes six times in a lease. */
const LOOKED_AGAIN_MS = (2 * LEASE_SECONDS * 1000) / 6;
const HOUR_MS = 3_600_000;
const ZONE_MS = 8 * HOUR_MS;
const BROADCASTS = 100;
/** Of each process; all of them together stay below what a server allows by default. */
const POOL = '10';

/**
 * Three processes, 100 broadcasts at once against one App Key of RongCloud, which allows two calls an hour and three a
 * day. The clock of all processes and of the simulator is moved by hand.
 */
export const oneQuota: Scenario = {
  name: 'one-quota',
  about: 'three processes and 100 broadcasts against a quota of two calls an hour and three a day',
  ci: true,
  run: async (chaos) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'bellhop-quota-'));
    try {
      const clock = new SharedClock(path.join(folder, 'ahead'), ZONE_MS);
      await clock.write();
      await onStage(chaos, { slots: PROCESSES, apns: [], fcm: [] }, (stage) => carryOut(chaos, stage, clock));
    } finally {
      await rm(folder, { recursive: true });
    }
  },
};

async function carryOut(chaos: Chaos, stage: Stage, clock: SharedClock): Promise<void> {
  const { findings } = chaos;
  const appKey = newSecret();
  const appSecret = newSecret();
  stage.outputs.plant('App Secret of RongCloud', appSecret);
  // The simulator counts on its own: a call over the quota would be seen as refused there.
  const vendor = await startRongCloudSimulator({ appKey, appSecret, now: clock.now });
  try {
    const environment = { HAND_CLOCK: clock.file, DATABASE_POOL: POOL };
    const execArgv = ['--import', './dist/test/chaos/hand-clock.js'];
    await Promise.all(stage.slots.map((slot) => stage.start({ slot, environment, execArgv })));
    const app = await stage.tenant({ name: 'home', people: 0, channels: {} });
    const { id: channel } = await app.api.integrate('rongcloud', { appKey, appSecret, baseUrls: [vendor.url] });
    const urls = stage.slots.map(({ url }) => url);
    const askers = new Askers(stage.ledger, urls, chaos.seed);
    const ask = { audience: { everyone: true }, channel, ttlSeconds: 2_419_200 };
    await Promise.all(Array.from({ length: BROADCASTS }, () => askers.ask(app, ask)));
    await walkThroughTheDay(chaos, stage, clock, () => vendor.pushes.length);
    findings.expectNone(
      'calls over quota',
      vendor.requests.filter(({ answer }) => !answer.startsWith('200')).map(({ answer }) => answer),
    );
    // Rows bear the time of the moved clock: the checks that compare it with ours say nothing here.
    await processes({ stage, senders: undefined, rows: EMPTY, pushes: [] }, (promise, found) =>
      findings.expectNone(promise, found),
    );
  } finally {
    await vendor.close();
  }
}

const EMPTY = { events: [], notifications: [], deliveries: [], messages: [] };

/** What must have reached the vendor at each hour of a day that begins at 9:00. */
const EXPECTED: readonly (readonly [words: string, hour: number, calls: number])[] = [
  ['9:00, the first hour', 9, 2],
  ['9:59, still the first hour', 9 + 59 / 60, 2],
  ['10:01, the second hour', 10 + 1 / 60, 3],
  ['14:00 of the same day', 14, 3],
  ['0:01 of the next day', 24 + 1 / 60, 5],
];
/** Of the subset: the hours at which something leaves. */
const CI_EXPECTED = EXPECTED.filter(([, , calls], i) => calls !== EXPECTED[i - 1]?.[2]);

async function walkThroughTheDay(
  { findings, say, ci }: Chaos,
  { databaseUrl }: Stage,
  clock: SharedClock,
  calls: () => number,
): Promise<void> {
  let reached = EXPECTED[0]?.[1] ?? 0;
  for (const [words, hour, expected] of ci ? CI_EXPECTED : EXPECTED) {
    await clock.move((hour - reached) * HOUR_MS);
    reached = hour;
    await settled(databaseUrl, clock, expected);
    const states = await statesIn(databaseUrl);
    say(`  ${words.padEnd(30)} ${calls()} calls at the vendor · ${JSON.stringify(states)}`);
    findings.expect('hours with another number of calls than the quota allows', calls() === expected, {
      words,
      calls: calls(),
    });
    const adds = states.accepted === expected && states.held === BROADCASTS - expected;
    findings.expect('hours whose states do not add up', adds, { words, states });
  }
}

/** Until as many have gone as must, and then until every one that is held has been looked at once more. */
async function settled(databaseUrl: string, clock: SharedClock, expected: number): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  const since = clock.now().getTime();
  while (performance.now() < until) {
    const { accepted = 0, held = 0 } = await statesIn(databaseUrl);
    const quiet = accepted >= expected && held + accepted === BROADCASTS;
    if (quiet && clock.now().getTime() - since > LOOKED_AGAIN_MS) return;
    await pause(LOOK_MS);
  }
}

function statesIn(databaseUrl: string): Promise<Record<string, number>> {
  return run(databaseUrl, async (client) => {
    const { rows } = await client.query<{ state: string; count: number }>(
      'SELECT state, count(*)::int AS count FROM delivery GROUP BY state',
    );
    return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
  });
}
