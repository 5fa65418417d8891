import type { SendOutcome } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { faultPoint } from '../../platform/fault-points.js';
import { Queue } from '../../platform/queue.js';
import { Sql, type SqlRunner, type Transaction, unanswered } from '../../platform/sql.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import { type IntegrationPause, pauseFor, PauseSwitch } from '../integrations/pause.js';
import type { Attempt } from '../notifications/delivery.entity.js';
import { type Ledger, ledgerOf, QuotaLedger } from '../quotas/quota-ledger.js';
import { applyEarlyReceipts } from '../receipts/receipt-sql.js';
import { Tallies, type Tally } from '../statistics/tallies.js';
import { type Announcement, WebhookOutbox } from '../webhooks/webhook-outbox.js';
import { publicId } from '../../platform/ids.js';
import { type Decision, decide } from './decide.js';
import { DELIVER_QUEUE, type DeliverNudge, deliverNudges } from './deliver.nudge.js';
import {
  type ClaimedDelivery,
  deferBatch,
  dropClaim,
  recordBatch,
  type Result,
  settleNotifications,
} from './delivery-batch.js';
import { applyVerdicts, type DeviceVerdict, MassInvalidationBrake } from './token-hygiene.js';

/** A batch with what the gateway answered. */
export interface AnsweredBatch {
  readonly integration: OpenedIntegration;
  readonly claimId: string;
  readonly claimed: readonly ClaimedDelivery[];
  /** One per delivery, in order. */
  readonly outcomes: readonly SendOutcome[];
  readonly sentAt: Date;
  /** Milliseconds from hand-over to answer. */
  readonly ms: number;
}

interface Judged {
  readonly delivery: ClaimedDelivery;
  readonly outcome: SendOutcome;
  readonly decision: Decision;
  readonly attempt: Attempt;
}

const FAILED: ReadonlySet<string> = new Set(['failed', 'dead', 'expired']);

/** Turns the outcomes of a batch into rows: states, retries, verdicts about devices, quota, statistics. */
@Injectable()
export class DeliveryRecorder {
  private readonly brake = new MassInvalidationBrake();

  constructor(
    private readonly sql: Sql,
    private readonly queue: Queue,
    private readonly clock: Clock,
    private readonly pauses: PauseSwitch,
    private readonly quotas: QuotaLedger,
    private readonly tallies: Tallies,
    private readonly webhooks: WebhookOutbox,
  ) {}

  async record({ integration, claimId, claimed, outcomes, sentAt, ms }: AnsweredBatch): Promise<void> {
    const { appId, id: integrationId } = integration.row;
    const now = this.clock.now();
    const attempts = new Attempts(now, ms);
    const judged = claimed.map((delivery, i) => judge(delivery, outcomes[i] as SendOutcome, attempts, now));
    const braked = this.brake.pulled(
      integrationId,
      judged.map(({ decision }) => decision.device),
      now,
    );
    const results = judged.map((one) => resultOf(one, braked));
    const pause = braked ? MASS_INVALIDATION : outcomes.map(pauseFor).find((one) => one !== undefined);
    await this.sql.transaction(async (tx) => {
      const ledger = ledgerOf(integration);
      // The ledger before notifications, as everywhere: two workers must not wait for each other in a circle.
      if (ledger && outcomes.some(isQuotaExhausted)) await this.quotas.lock(tx, ledger);
      dropClaim(tx, appId, claimId);
      const written = await this.write(tx, integration, claimed, results);
      if (ledger) await this.account(tx, ledger, judged, written);
      if (pause) await this.pauses.pause(tx, integration, pause);
      faultPoint('before-record-commit');
    });
    faultPoint('after-record-commit');
    if (pause) this.pauses.done(integration, pause);
    if (braked) return;
    await this.learn(appId, judged, now, sentAt);
  }

  /** On its own: what was learned about devices must not cost the results. */
  private async learn(appId: string, judged: readonly Judged[], now: Date, sentAt: Date): Promise<void> {
    const verdicts = verdictsOf(judged);
    if (verdicts.length === 0) return;
    const retired = await this.sql.transaction((tx) => applyVerdicts(tx, appId, now, sentAt, verdicts));
    if (retired.length > 0) await this.announceRetired(appId, retired, now);
  }

  /**
   * Writes results, what follows for their notifications, and the nudges to come back to them.
   * @returns the deliveries that were still ours.
   */
  async write(
    tx: Transaction,
    integration: OpenedIntegration,
    claimed: readonly ClaimedDelivery[],
    results: readonly Result[],
  ): Promise<ReadonlySet<string>> {
    const { appId, id: integrationId } = integration.row;
    const now = this.clock.now();
    const recorded = await recordBatch(tx, appId, now, results);
    const byId = new Map(claimed.map((delivery) => [delivery.id, delivery]));
    const accepted = recorded.flatMap(({ id, state }) => (state === 'accepted' ? id : []));
    const ended = recorded.map((result) => settled(byId.get(result.id) as ClaimedDelivery, integration, result));
    await Promise.all([
      // A device may report a push before we have written that it was taken.
      applyEarlyReceipts(tx, appId, accepted, now),
      this.settle(tx, appId, ended),
    ]);
    const due = results.flatMap(({ id, notBefore }) => {
      const priority = byId.get(id)?.notification.priority ?? 'normal';
      return notBefore ? [{ id, appId, integrationId, priority, notBefore }] : [];
    });
    await this.queue.enqueue(tx, DELIVER_QUEUE, deliverNudges(due));
    return new Set(recorded.map(({ id }) => id));
  }

  /** Nothing is sent before the moment; what would come too late ends now. */
  async defer(integration: OpenedIntegration, nudge: DeliverNudge, until: Date): Promise<void> {
    const { appId, integrationId } = nudge;
    const channel = integration.plugin.id;
    await this.sql.transaction(async (tx) => {
      const deferred = await deferBatch(tx, nudge, this.clock.now(), until);
      const deliveries = deferred.map((one) => ({ ...one, appId, integrationId, channel }));
      const ended = deliveries.filter(({ state }) => state === 'expired');
      await this.settle(tx, appId, ended);
      const due = deliveries.filter(({ state }) => state !== 'expired');
      await this.queue.enqueue(tx, DELIVER_QUEUE, deliverNudges(due));
    });
  }

  /** What follows from deliveries that are in a new state: their notifications, the day's figures, our webhooks. */
  async settle(tx: Transaction, appId: string, deliveries: readonly SettledDelivery[]): Promise<void> {
    if (deliveries.length === 0) return;
    const now = this.clock.now();
    await this.tallies.add(unanswered(tx), appId, deliveries.flatMap(tallyOf));
    // Last, because the batches of a broadcast wait for each other from here to the commit.
    const done = await settleNotifications(tx, appId, now, deliveries);
    await this.webhooks.announce(tx, appId, [
      ...deliveries.flatMap((delivery) => lossOf(delivery, now)),
      ...done.map((id) => ({
        type: 'notification.done' as const,
        data: { notificationId: publicId('ntf', id) },
        at: now,
      })),
    ]);
  }

  /**
   * A call that was made counts; one that surely was not gives its place back. The place of a delivery that is not ours
   * any more belongs to its next call.
   */
  private async account(
    tx: SqlRunner,
    ledger: Ledger,
    judged: readonly Judged[],
    written: ReadonlySet<string>,
  ): Promise<void> {
    const ours = judged.filter(({ delivery }) => written.has(delivery.id));
    const idsWhere = (made: boolean) =>
      ours.flatMap(({ delivery, outcome }) => (counts(outcome) === made ? delivery.id : []));
    await this.quotas.spend(tx, idsWhere(true));
    await this.quotas.release(tx, idsWhere(false));
    const refused = judged.map(({ outcome }) => outcome).find(isQuotaExhausted);
    if (refused) await this.quotas.freeze(tx, ledger, this.clock.now(), refused.resetsAt);
  }

  private async announceRetired(appId: string, deviceIds: readonly string[], at: Date): Promise<void> {
    const announcements = deviceIds.map((id): Announcement => {
      return { type: 'device.retired', data: { deviceId: publicId('dev', id) }, at };
    });
    await this.sql.transaction((tx) => this.webhooks.announce(tx, appId, announcements));
  }
}

const MASS_INVALIDATION: IntegrationPause = {
  reason: 'mass_invalidation',
  detail: 'Nothing but verdicts against devices came back: check bundle id, environment and project.',
};

const isQuotaExhausted = (outcome: SendOutcome): outcome is Extract<SendOutcome, { kind: 'quotaExhausted' }> =>
  outcome.kind === 'quotaExhausted';

/** What the vendor never saw, or refused to count, costs no quota. */
function counts(outcome: SendOutcome): boolean {
  const unmade = outcome.kind === 'transient' || outcome.kind === 'throttled' || outcome.kind === 'quotaExhausted';
  const refusedHere = outcome.kind === 'rejected' && outcome.vendorCode === undefined;
  return !unmade && !refusedHere;
}

/** The attempts of a batch. Those that say the same are one object, so that they are written once. */
class Attempts {
  private readonly known = new Map<string, Attempt>();
  private readonly at: string;

  constructor(
    now: Date,
    private readonly ms: number,
  ) {
    this.at = now.toISOString();
  }

  of(outcome: SendOutcome, lastOutcome: ClaimedDelivery['lastOutcome']): Attempt {
    const words = 'reason' in outcome ? [outcome.reason, outcome.vendorCode, outcome.detail] : [];
    const key = [outcome.kind, lastOutcome === 'unknown', ...words].join(' ');
    let attempt = this.known.get(key);
    if (!attempt) {
      attempt = {
        at: this.at,
        outcome: outcome.kind,
        ms: this.ms,
        ...('reason' in outcome && { reason: outcome.reason, vendorCode: outcome.vendorCode, detail: outcome.detail }),
        ...(lastOutcome === 'unknown' && { possibleDuplicate: true }),
      };
      this.known.set(key, attempt);
    }
    return attempt;
  }
}

function judge(delivery: ClaimedDelivery, outcome: SendOutcome, attempts: Attempts, now: Date): Judged {
  const { attemptCount, expiresAt, lastOutcome, target } = delivery;
  const input = { attempts: attemptCount + 1, expiresAt, repeatable: target === null };
  const decision = decide(input, outcome, now, Math.random());
  return { delivery, outcome, decision, attempt: attempts.of(outcome, lastOutcome) };
}

function resultOf({ delivery, outcome, decision, attempt }: Judged, braked: boolean): Result {
  const { id, fence } = delivery;
  const vendorMessageId = outcome.kind === 'accepted' ? outcome.vendorMessageId : undefined;
  // The verdicts of a wrong binding say nothing about the message: it is sent once the binding is mended.
  if (braked && decision.device) return { id, fence, state: 'held', reason: 'integration_paused', attempt };
  const { state, reason, notBefore } = decision;
  return { id, fence, state, reason, notBefore, vendorMessageId, attempt };
}

/** Whatever is news about devices: that one was reached is, once in a while. */
function verdictsOf(judged: readonly Judged[]): readonly DeviceVerdict[] {
  return judged.flatMap(({ delivery: { deviceId, quiet }, decision: { device, reason } }) => {
    if (!deviceId || !device) return [];
    const known = device.verdict === 'reached' && !device.environment && !quiet;
    return known ? [] : { deviceId, device, reason };
  });
}

/** A delivery in a new state, and through what it went. */
export interface SettledDelivery extends Pick<
  ClaimedDelivery,
  'id' | 'notificationId' | 'state' | 'createdAt' | 'platform'
> {
  readonly integrationId: string;
  /** Plugin id. */
  readonly channel: string;
  readonly reason?: string | null;
}

/** @param now absent: as it was claimed. */
export function settled(
  delivery: ClaimedDelivery,
  { row: { id: integrationId }, plugin: { id: channel } }: OpenedIntegration,
  { state, reason }: Pick<Result, 'state' | 'reason'> = delivery,
): SettledDelivery {
  const { id, notificationId, createdAt, platform } = delivery;
  return { id, notificationId, state, reason, createdAt, platform, integrationId, channel };
}

function tallyOf({ state, createdAt, platform, channel }: SettledDelivery): Tally[] {
  const tally = { at: createdAt, channel, platform: platform ?? '' };
  if (state === 'accepted') return [{ ...tally, pushed: 1 }];
  if (state === 'skipped') return [{ ...tally, skipped: 1 }];
  return FAILED.has(state) ? [{ ...tally, failed: 1 }] : [];
}

function lossOf({ id, notificationId, integrationId, state, reason }: SettledDelivery, at: Date): Announcement[] {
  if (!FAILED.has(state)) return [];
  const type = state === 'dead' ? 'delivery.dead' : 'delivery.failed';
  const data = {
    deliveryId: publicId('dlv', id),
    notificationId: publicId('ntf', notificationId),
    integrationId: publicId('int', integrationId),
    state,
    reason: reason ?? null,
  };
  return [{ type, data, at }];
}
