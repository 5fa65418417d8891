import { setTimeout as pause } from 'node:timers/promises';
import { run } from '../../../bench/support/postgres.js';
import { check } from '../checks/check.js';
import type { Chaos, Scenario } from '../scenario.js';
import { Askers } from '../stage/askers.js';
import { onStage, type Stage } from '../stage/stage.js';

const PATIENCE_MS = 180_000;
const LOOK_MS = 5;
/** How long the gateway is watched after the acknowledgement. */
const WATCH_MS = 3_000;
/** One person in so many wants no pushes. */
const OPTED_OUT_EVERY = 50;

/** A broadcast is cancelled when about half of it has been sent: every device is accounted for, nothing leaves afterwards. */
export const halfWayCancel: Scenario = {
  name: 'half-way-cancel',
  about: 'cancels a broadcast to 100,000 devices when half of it has been sent',
  ci: true,
  run: (chaos) => onStage(chaos, { record: 200_000, apns: [{}] }, (stage) => carryOut(chaos, stage)),
};

interface Counted {
  readonly state: string;
  readonly targets: number;
  readonly pending: number;
  readonly counts: { readonly byState: Readonly<Record<string, number>> };
}

async function carryOut(chaos: Chaos, stage: Stage): Promise<void> {
  const { findings, say, ci, seed } = chaos;
  const devices = ci ? 10_000 : 100_000;
  await stage.start();
  const crowd = await stage.crowd(devices);
  await optOut(stage, crowd.uuid);
  const [apns] = stage.gateways.apns;
  const arrived = (): number => apns?.counters.requests ?? 0;
  const audience = { allOf: ['all'], anyOf: ['vip', 'regular'] };
  const question = { audience, content: { title: 'Sale', body: 'Today only' } };
  const explained = await crowd.api.call<{ send: number; targets: number }>(
    'POST',
    '/v1/notifications/explain',
    question,
  );
  const started = performance.now();
  const answer = await new Askers(stage.ledger, [stage.slot().url], seed).ask(crowd, { audience, ttlSeconds: 3_600 });
  const id = answer?.id ?? '';
  await until(() => arrived() >= explained.send / 2);
  const over = stage.ledger.begin('cancel', id);
  const ended = await crowd.api.call<Counted>('POST', `/v1/notifications/${id}/cancel`);
  over('200');
  stage.ledger.cancelled.set(id, Date.now());
  const atAcknowledgement = arrived();
  findings.figure('cancelled after, s', (performance.now() - started) / 1000);
  await pause(WATCH_MS);
  const { targets, pending, state, counts } = await crowd.api.call<Counted>('GET', `/v1/notifications/${id}`);
  const { accepted = 0, skipped = 0, cancelled = 0, ...others } = counts.byState;
  say(`  explained: ${explained.targets} targets, ${explained.send} to be sent`);
  say(`  ${accepted} sent, ${skipped} skipped, ${cancelled} cancelled, ${targets} targeted`);
  say(`  at the gateway: ${atAcknowledgement} at the acknowledgement, ${arrived()} after ${WATCH_MS / 1000} s more`);
  findings.expect('a cancel that is not one', ended.state === 'cancelled' && state === 'cancelled', { ended, state });
  findings.expect('sent + skipped + cancelled other than targeted', accepted + skipped + cancelled === targets, counts);
  findings.expectNone('other states after a cancel', Object.keys(others));
  findings.expect('something pending after a cancel', pending === 0, pending);
  findings.expect('sent after the acknowledgement', arrived() === atAcknowledgement, arrived() - atAcknowledgement);
  findings.expect('sent and arrived disagree', arrived() === accepted, { arrived: arrived(), accepted });
  findings.expect('a cancel too early or too late to show anything', cancelled > 0 && accepted > 0, counts);
  await check(stage);
}

function optOut({ databaseUrl }: Stage, appId: string): Promise<unknown> {
  return run(databaseUrl, (client) =>
    client.query(
      `INSERT INTO preference (app_id, user_id, push_enabled)
       SELECT app_id, user_id, false FROM device
       WHERE app_id = $1 AND substring(user_id FROM '[0-9]+$')::int % ${OPTED_OUT_EVERY} = 0`,
      [appId],
    ),
  );
}

async function until(reached: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!reached()) {
    if (performance.now() > end) throw new Error('The broadcast did not get half-way in time.');
    await pause(LOOK_MS);
  }
}
