import { numberFrom } from '../../../bench/support/postgres.js';
import { check } from '../checks/check.js';
import { expectNothingLost } from '../checks/lost.js';
import { quiet } from '../checks/quiet.js';
import type { Scenario } from '../scenario.js';
import { type Answer, Askers, askOf } from '../stage/askers.js';
import { markOf, Senders } from '../stage/senders.js';
import { onStage } from '../stage/stage.js';

const REPETITIONS = 10;
const REDELIVERIES = 50;
const IDENTICAL = 100;

/** Two processes take what is sent again and again, and a third one sends. */
export const repetitions: Scenario = {
  name: 'repetitions',
  about: 'everything ten times from two processes, one callback 50 times and one request 100 times at once',
  ci: true,
  run: (chaos) =>
    onStage(chaos, { slots: 3 }, async (stage) => {
      const { findings, ci, seed } = chaos;
      const environment = { DATABASE_POOL: '10' };
      await stage.start({ slot: stage.slot(2), role: 'worker', environment });
      const doors = [stage.slot(0), stage.slot(1)];
      await Promise.all(doors.map((slot) => stage.start({ slot, role: 'api', environment })));
      const home = await stage.tenant({ name: 'home' });
      const foreign = await stage.tenant({ name: 'foreign' });
      const urls = doors.map(({ url }) => url);
      const senders = new Senders(stage.ledger, home, foreign, urls);

      const callbacks = ci ? 300 : 2_000;
      const first = senders.post(callbacks);
      const made = () => Array.from({ length: senders.made }, (_, number) => number);
      // Repetitions overtake the first ones as well.
      for (let i = 1; i < REPETITIONS; i++) await senders.repeat(made());
      await first;

      const one = senders.made++;
      await Promise.all(Array.from({ length: REDELIVERIES }, () => senders.repeat([one])));
      await quiet(stage);
      const rows = `SELECT count(*) FROM inbound_raw WHERE position(convert_to('${markOf(one)}', 'UTF8') IN body) > 0`;
      findings.figure('rows of one callback sent 50 times at once', await numberFrom(stage.databaseUrl, rows));
      const pushes = stage.gateways.pushes.filter(({ mark }) => mark === markOf(one));
      findings.figure('pushes of it to each device', pushes.length / new Set(pushes.map(({ token }) => token)).size);

      const askers = new Askers(stage.ledger, urls, seed);
      const number = askers.made++;
      const ask = { audience: { users: ['person-1'] } };
      const answers: Answer[] = [];
      const caller = async (): Promise<void> => {
        // A call that is under way elsewhere is answered 409: come back.
        for (;;) {
          const answer = await askers.once(number, home, ask);
          if (answer) return void answers.push(answer);
        }
      };
      await Promise.all(Array.from({ length: IDENTICAL }, caller));
      findings.figure('notifications named by 100 identical requests', new Set(answers.map(({ id }) => id)).size);
      const effects = `SELECT count(*) FROM notification WHERE content::text LIKE '%${askOf(number)}%'`;
      const made100 = await numberFrom(stage.databaseUrl, effects);
      findings.expect('effects of 100 identical requests other than one', made100 === 1, made100);
      await check(stage, senders);
      await expectNothingLost(stage);
    }),
};
