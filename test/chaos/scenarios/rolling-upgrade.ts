import { setTimeout as pause } from 'node:timers/promises';
import { check } from '../checks/check.js';
import { expectNothingLost } from '../checks/lost.js';
import type { Scenario } from '../scenario.js';
import { Askers } from '../stage/askers.js';
import { Load } from '../stage/load.js';
import { previousRelease } from '../stage/previous.js';
import { Senders } from '../stage/senders.js';
import { onStage } from '../stage/stage.js';

const RATE = 100;
/** Asked once a second: the release before is slow with a database whose plans were made while it was empty. */
const CROWD = 300;
/** Milliseconds for which the releases work side by side, and each alone. */
const PHASE_MS = 8_000;
/** After which connections that nobody uses are closed, with some to spare. */
const IDLE_MS = 6_000;

/** Two processes of the release before under load; one after the other is replaced, and the first new one migrates. */
export const rollingUpgrade: Scenario = {
  name: 'rolling-upgrade',
  about: 'processes of 0.2.0 and of this release on one database, under load',
  ci: false,
  async run(chaos) {
    const folder = previousRelease();
    if (!folder) throw new Error('The release before is not in the history of this clone: git fetch --unshallow');
    const options = { slots: 2, environment: { DATABASE_POOL: '15', SHUTDOWN_GRACE_SECONDS: '20' } };
    await onStage(chaos, options, async (stage) => {
      const nodes = [
        await stage.start({ slot: stage.slot(0), folder }),
        await stage.start({ slot: stage.slot(1), folder }),
      ];
      const home = await stage.tenant({ name: 'home' });
      const foreign = await stage.tenant({ name: 'foreign' });
      const crowd = await stage.crowd(CROWD);
      const urls = stage.slots.map(({ url }) => url);
      const senders = new Senders(stage.ledger, home, foreign, urls);
      const askers = new Askers(stage.ledger, urls, chaos.seed);
      senders.rate = RATE;
      // Somebody whom the new release has sealed is reached by the old one, and the other way round.
      let reached = crowd;
      const load = new Load(
        () => senders.post(RATE),
        async () => {
          for (const tenant of new Set([crowd, reached])) {
            const audience = tenant === crowd ? { allOf: ['all'] } : { users: tenant.people };
            await askers.ask(tenant, { audience, ttlSeconds: 3_600 });
          }
          await pause(1_000);
        },
      );
      await pause(PHASE_MS);
      for (const place of [0, 1]) {
        // As a load balancer would: the release before waits for connections that are never idle.
        senders.urls = askers.urls = urls.filter((_, other) => other !== place);
        await pause(IDLE_MS);
        await nodes[place]?.stop();
        const started = performance.now();
        nodes[place] = await stage.start({ slot: stage.slot(place) });
        senders.urls = askers.urls = urls;
        chaos.findings.figure(`new process ${place + 1} up after, s`, (performance.now() - started) / 1000);
        if (reached === crowd) reached = await stage.tenant({ name: 'newcomers' });
        await pause(PHASE_MS);
      }
      await load.end();
      chaos.findings.figure('answers other than success', senders.refused);
      await check(stage, senders);
      await expectNothingLost(stage);
    });
  },
};
