import { publicId } from '../../../src/platform/ids.js';
import type { Push } from '../stage/gateways.js';
import type { Check } from './evidence.js';
import type { DeliveryRow } from './rows.js';

/** A gateway notes a push when it answers; the platform decided some time before that. */
const TOLERANCE_MS = 1_000;
/** States that say: this has not been sent. */
const NOT_SENT: ReadonlySet<string> = new Set(['skipped', 'failed', 'expired', 'dead', 'cancelled', 'queued', 'held']);

/** What the gateways took, beside what the deliveries say. */
export const pushed: Check = ({ stage, rows, pushes }, expectNone) => {
  const { findings } = stage.chaos;
  const byId = new Map(rows.deliveries.map((delivery) => [delivery.id, delivery]));
  const deliveryOf = ({ deliveryId }: Push): DeliveryRow | undefined => byId.get(deliveryId);
  const taken = Map.groupBy(pushes, ({ deliveryId }) => deliveryId);
  const twice = [...taken].filter(([, same]) => same.length > 1);
  findings.figure('deliveries', rows.deliveries.length);
  findings.figure('pushes', pushes.length);
  findings.figure('pushed twice', twice.length);
  findings.figure('marked as possible duplicates', rows.deliveries.filter(({ marked }) => marked).length);
  expectNone('gateway calls without an outcome', stage.gateways.unaccounted > 0 ? [stage.gateways.unaccounted] : []);
  expectNone(
    'accepted deliveries that never arrived',
    rows.deliveries.filter(({ id, state }) => state === 'accepted' && !taken.has(id)),
  );
  expectNone(
    'pushes of no delivery',
    pushes.filter((push) => !deliveryOf(push)),
  );
  expectNone(
    'targets pushed more than once and not marked',
    twice.filter(([id]) => !byId.get(id)?.marked).map(([id, same]) => ({ id, times: same.length })),
  );
  expectNone(
    'targets pushed for two deliveries',
    [...Map.groupBy(pushes, ({ mark, token }) => `${mark} ${token}`)]
      .filter(([, same]) => same[0]?.mark && new Set(same.map(({ deliveryId }) => deliveryId)).size > 1)
      .map(([key]) => key),
  );
  expectNone(
    'states that contradict the gateway',
    pushes
      .filter(({ answered }) => answered)
      .map(deliveryOf)
      .filter((delivery) => delivery && NOT_SENT.has(delivery.state) && !delivery.unsure),
  );
  const late = pushes.map((push) => push.at - (deliveryOf(push)?.expiresAt ?? Infinity)).filter((ms) => ms > 0);
  findings.figure('latest push after its expiry, ms', Math.max(0, ...late.map(Math.round)));
  expectNone(
    'pushes after expiry',
    late.filter((ms) => ms > TOLERANCE_MS),
  );
  expectNone(
    'pushes after an acknowledged cancel',
    pushes.filter((push) => {
      const cancelledAt = stage.ledger.cancelled.get(publicId('ntf', deliveryOf(push)?.notificationId ?? ''));
      return cancelledAt !== undefined && push.at > cancelledAt;
    }),
  );
  expectNone(
    'pushes against a skip rule',
    pushes.filter(({ token }) => stage.tenants.some(({ unwilling }) => unwilling.has(token))),
  );
};
