import { setTimeout as pause } from 'node:timers/promises';
import { check } from '../checks/check.js';
import { expectNothingLost } from '../checks/lost.js';
import { quiet } from '../checks/quiet.js';
import type { Scenario } from '../scenario.js';
import { InFlight } from '../stage/in-flight.js';
import { Senders } from '../stage/senders.js';
import { onStage } from '../stage/stage.js';

/** Sent again although they were acknowledged. */
const REPEATED = 0.1;

/** Kills at any moment find what no named point stands for, such as a COMMIT whose answer nobody hears. */
export const randomKills: Scenario = {
  name: 'random-kills',
  about: 'kills a process at random moments while it receives and delivers',
  ci: true,
  run: (chaos) =>
    onStage(chaos, {}, async (stage) => {
      const { random, ci } = chaos;
      const kills = ci ? 1 : 5;
      const callbacks = ci ? 1_000 : 2_000;
      let node = await stage.start();
      const inFlight = new InFlight(stage);
      const home = await stage.tenant({ name: 'home' });
      const foreign = await stage.tenant({ name: 'foreign' });
      const senders = new Senders(stage.ledger, home, foreign, [stage.slot().url]);
      for (let kill = 1; kill <= kills; kill++) {
        const work = senders.post(callbacks);
        await senders.acknowledgedMore(Math.floor(callbacks * (0.05 + 0.9 * random.next())));
        await pause(random.whole(0, 500));
        await node.kill();
        const held = await inFlight.note();
        node = await stage.start();
        await work;
        await senders.repeat([...stage.ledger.callbacks.keys()].filter(() => random.next() < REPEATED / kill));
        const seconds = (await quiet(stage)).toFixed(1);
        chaos.say(`  kill ${kill}: ${held} in flight, all quiet ${seconds} s after the last acknowledgement`);
      }
      await check(stage, senders);
      await expectNothingLost(stage);
      inFlight.expectNoOthersTwice();
    }),
};
