import { setTimeout as pause } from 'node:timers/promises';
import { numberFrom } from '../../../bench/support/postgres.js';
import { check } from '../checks/check.js';
import type { Chaos, Scenario } from '../scenario.js';
import { Askers } from '../stage/askers.js';
import { onStage, type Stage } from '../stage/stage.js';
import type { Tenant } from '../stage/tenants.js';

/** Some are stopped, some halted for a while, some halted and then stopped. */
const COURSES = [['cancel'], ['pause', 'resume'], ['pause', 'resume', 'cancel'], ['pause', 'cancel'], []] as const;

/** Before each step, at most: a gateway needs longer than that for a broadcast. */
const WAIT_MS = 400;

const MOST_ROUNDS = 20;

const cancelledIn = ({ databaseUrl }: Stage): Promise<number> =>
  numberFrom(databaseUrl, `SELECT count(*) FROM delivery WHERE state = 'cancelled'`);

/** Broadcasts by the dozen, each of them stopped or halted at some moment by somebody. */
export const randomCancels: Scenario = {
  name: 'random-cancels',
  about: 'cancels, pauses and resumes broadcasts at random moments, with two processes',
  ci: true,
  run: (chaos) =>
    onStage(chaos, { slots: 2, record: 400_000, apns: [{ latencyMs: [50, 150] }] }, async (stage) => {
      const environment = { DATABASE_POOL: '15' };
      await Promise.all(stage.slots.map((slot) => stage.start({ slot, environment })));
      const crowd = await stage.crowd(chaos.ci ? 4_000 : 5_000);
      const askers = new Askers(
        stage.ledger,
        stage.slots.map(({ url }) => url),
        chaos.seed,
      );
      const ends: Record<string, number> = {};
      const rounds = chaos.ci ? 2 : 15;
      // Chance may let every cancel come before the first delivery or after the last: then there are more.
      const isMet = async () => (await cancelledIn(stage)) > 0;
      for (let round = 0; round < rounds || (round < MOST_ROUNDS && !(await isMet())); round++) {
        const broadcasts = COURSES.map((course) => ({
          course,
          waits: course.map(() => chaos.random.whole(0, WAIT_MS)),
        }));
        const ended = await Promise.all(broadcasts.map((one) => lead(stage, askers, crowd, one)));
        for (const end of ended) ends[end] = (ends[end] ?? 0) + 1;
      }
      await check(stage);
      report(chaos, ends, await cancelledIn(stage));
    }),
};

interface Course {
  readonly course: readonly ('cancel' | 'pause' | 'resume')[];
  readonly waits: readonly number[];
}

/** @returns how the last step was answered. */
async function lead(stage: Stage, askers: Askers, crowd: Tenant, { course, waits }: Course): Promise<string> {
  const everybody = { allOf: ['all'], anyOf: ['vip', 'regular'] };
  const answer = await askers.ask(crowd, { audience: everybody, ttlSeconds: 3_600 });
  if (!answer) return 'unanswered';
  let end = 'left alone';
  for (const [i, step] of course.entries()) {
    await pause(waits[i] ?? 0);
    end = await command(stage, crowd, answer.id, step);
  }
  return end;
}

async function command(stage: Stage, { api }: Tenant, id: string, step: string): Promise<string> {
  const over = stage.ledger.begin(step, id);
  const response = await fetch(`${stage.slot(id.charCodeAt(id.length - 1) % 2).url}/v1/notifications/${id}/${step}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${api.key}` },
  });
  await response.text();
  over(response.status);
  // 202: a gateway still holds a batch, and nothing is promised yet. 409: it had ended.
  if (step === 'cancel' && response.status === 200) stage.ledger.cancelled.set(id, Date.now());
  return `${step} ${response.status}`;
}

function report({ findings }: Chaos, ends: Readonly<Record<string, number>>, cancelled: number): void {
  findings.figure('deliveries cancelled', cancelled);
  findings.figure('how they ended', JSON.stringify(ends));
  findings.expect('rounds that were over before any cancel', cancelled > 0, cancelled);
  const odd = Object.keys(ends).filter((end) => !/ 20[02]$| 409$|^left alone$/.test(end));
  findings.expectNone('commands answered otherwise', odd);
}
