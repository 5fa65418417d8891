import { setTimeout as pause } from 'node:timers/promises';
import { check } from '../checks/check.js';
import { expectNothingLost } from '../checks/lost.js';
import type { Scenario } from '../scenario.js';
import { Askers } from '../stage/askers.js';
import { Load } from '../stage/load.js';
import { Senders } from '../stage/senders.js';
import { onStage } from '../stage/stage.js';

const RATE = 200;

/** Two processes under load; each in turn is told to stop, and followed by a new one, several times. */
export const rollingRestart: Scenario = {
  name: 'rolling-restart',
  about: 'SIGTERM under load, two processes restarted in turns',
  ci: true,
  run: (chaos) =>
    onStage(chaos, { slots: 2, environment: { DATABASE_POOL: '15', SHUTDOWN_GRACE_SECONDS: '20' } }, async (stage) => {
      const nodes = await Promise.all(stage.slots.map((slot) => stage.start({ slot })));
      const home = await stage.tenant({ name: 'home' });
      const foreign = await stage.tenant({ name: 'foreign' });
      const crowd = await stage.crowd(chaos.ci ? 1_500 : 30_000);
      const urls = stage.slots.map(({ url }) => url);
      const senders = new Senders(stage.ledger, home, foreign, urls);
      const askers = new Askers(stage.ledger, urls, chaos.seed);
      senders.rate = RATE;
      const everybody = { allOf: ['all'], anyOf: ['vip', 'regular'] };
      const load = new Load(
        () => senders.post(RATE),
        async () => {
          await askers.ask(crowd, { audience: everybody, ttlSeconds: 3_600 });
          await pause(chaos.ci ? 2_000 : 10_000);
        },
      );
      let longest = 0;
      for (let round = 0; round < (chaos.ci ? 1 : 4); round++) {
        for (const place of [0, 1]) {
          await pause(chaos.random.whole(1_000, chaos.ci ? 2_000 : 3_000));
          longest = Math.max(longest, (await nodes[place]?.stop()) ?? 0);
          nodes[place] = await stage.start({ slot: stage.slot(place) });
        }
      }
      await load.end();
      chaos.findings.figure('longest stop, s', longest);
      chaos.findings.figure('answers other than success', senders.refused);
      await check(stage, senders);
      await expectNothingLost(stage);
      const twice = Number(chaos.findings.figures.get('pushed twice'));
      chaos.findings.expect('pushes repeated by orderly restarts', twice === 0, twice);
    }),
};

const STARTS = 4;

/** Four processes find an empty database at the same moment, and all of them may migrate it. */
export const startsAtOnce: Scenario = {
  name: 'starts-at-once',
  about: 'four processes that migrate an empty database at once',
  ci: true,
  run: (chaos) =>
    onStage(chaos, { slots: STARTS, environment: { DATABASE_POOL: '8' } }, async (stage) => {
      const started = performance.now();
      const starts = await Promise.allSettled(stage.slots.map((slot) => stage.start({ slot })));
      chaos.findings.expectNone(
        'starts that failed',
        starts.flatMap((start) => (start.status === 'rejected' ? [String(start.reason).slice(0, 500)] : [])),
      );
      chaos.findings.figure('all up after, s', (performance.now() - started) / 1000);
      const home = await stage.tenant({ name: 'home' });
      const foreign = await stage.tenant({ name: 'foreign' });
      const up = stage.nodes.map(({ slot }) => slot.url);
      const senders = new Senders(stage.ledger, home, foreign, up);
      await senders.post(chaos.ci ? 200 : 1_000);
      await check(stage, senders);
      await expectNothingLost(stage);
    }),
};
