import type { SendOutcome } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { Queue } from '../../platform/queue.js';
import { Sql, type SqlRunner } from '../../platform/sql.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import { type IntegrationPause, pauseFor, PauseSwitch } from '../integrations/pause.js';
import type { Attempt } from '../notifications/delivery.entity.js';
import { type Ledger, ledgerOf, QuotaLedger } from '../quotas/quota-ledger.js';
import { applyEarlyReceipts } from '../receipts/receipt-sql.js';
import { Tallies, type Tally } from '../statistics/tallies.js';
import { type Announcement, WebhookOutbox } from '../webhooks/webhook-outbox.js';
import { publicId } from '../../platform/ids.js';
import { type Decision, decide } from './decide.js';
import { DELIVER_QUEUE, deliverNudges } from './deliver.nudge.js';
import {
  type ClaimedDelivery,
  type Recorded,
  recordBatch,
  type Result,
  settleNotifications,
} from './delivery-batch.js';
import { applyVerdicts, MassInvalidationBrake } from './token-hygiene.js';

/** A batch with what the gateway answered. */
export interface AnsweredBatch {
  readonly integration: OpenedIntegration;
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

  async record({ integration, claimed, outcomes, sentAt, ms }: AnsweredBatch): Promise<void> {
    const { appId, id: integrationId } = integration.row;
    const now = this.clock.now();
    const judged = claimed.map((delivery, i) => judge(delivery, outcomes[i] as SendOutcome, ms, now));
    const verdicts = judged.map(({ decision }) => decision.device);
    const braked = this.brake.pulled(integrationId, verdicts, now);
    const results = judged.map((one) => resultOf(one, braked));
    const pause = braked ? MASS_INVALIDATION : outcomes.map(pauseFor).find((one) => one !== undefined);
    await this.sql.transaction(async (tx) => {
      const ledger = ledgerOf(integration);
      // The ledger before notifications, as everywhere: two workers must not wait for each other in a circle.
      if (ledger && outcomes.some(isQuotaExhausted)) await this.quotas.lock(tx, ledger);
      const written = await this.write(tx, integration, claimed, results);
      if (ledger) await this.account(tx, ledger, judged, written);
      if (pause) await this.pauses.pause(tx, integration, pause);
    });
    if (pause) this.pauses.done(integration, pause);
    if (braked) return;
    // On its own: what was learned about devices must not cost the results.
    const retired = await this.sql.transaction((tx) => applyVerdicts(tx, appId, now, sentAt, verdictsOf(judged)));
    if (retired.length > 0) await this.announceRetired(appId, retired, now);
  }

  /**
   * Writes results, what follows for their notifications, and the nudges to come back to them.
   * @returns the deliveries that were still ours.
   */
  async write(
    tx: SqlRunner,
    integration: OpenedIntegration,
    claimed: readonly ClaimedDelivery[],
    results: readonly Result[],
  ): Promise<ReadonlySet<string>> {
    const { appId, id: integrationId } = integration.row;
    const now = this.clock.now();
    const recorded = await recordBatch(tx, appId, now, results);
    // A device may report a push before we have written that it was taken.
    await applyEarlyReceipts(tx, appId, idsIn(recorded, 'accepted'), now);
    const states = new Map(recorded.map((row) => [row.id, row]));
    const byId = new Map(claimed.map((delivery) => [delivery.id, delivery]));
    const written = recorded.flatMap(({ id }) => byId.get(id) ?? []);
    await this.settle(
      tx,
      appId,
      written.map((delivery) => settled({ ...delivery, ...states.get(delivery.id) }, integration)),
    );
    const due = results.flatMap(({ id, notBefore }) => {
      const priority = byId.get(id)?.priority ?? 'normal';
      return notBefore ? [{ id, appId, integrationId, priority, notBefore }] : [];
    });
    await this.queue.enqueue(tx, DELIVER_QUEUE, deliverNudges(due));
    return new Set(states.keys());
  }

  /** What follows from deliveries that are in a new state: their notifications, the day's figures, our webhooks. */
  async settle(tx: SqlRunner, appId: string, deliveries: readonly SettledDelivery[]): Promise<void> {
    if (deliveries.length === 0) return;
    const now = this.clock.now();
    const done = await settleNotifications(tx, appId, now, deliveries);
    await this.tallies.add(tx, appId, deliveries.flatMap(tallyOf));
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

const idsIn = (recorded: readonly Recorded[], wanted: Recorded['state']): string[] =>
  recorded.flatMap(({ id, state }) => (state === wanted ? [id] : []));

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

function judge(delivery: ClaimedDelivery, outcome: SendOutcome, ms: number, now: Date): Judged {
  const { attemptCount, expiresAt, lastOutcome, target } = delivery;
  const input = { attempts: attemptCount + 1, expiresAt, repeatable: target === null };
  const attempt: Attempt = {
    at: now.toISOString(),
    outcome: outcome.kind,
    ms,
    ...('reason' in outcome && { reason: outcome.reason, vendorCode: outcome.vendorCode, detail: outcome.detail }),
    ...(lastOutcome === 'unknown' && { possibleDuplicate: true }),
  };
  return { delivery, outcome, decision: decide(input, outcome, now, Math.random()), attempt };
}

function resultOf({ delivery, outcome, decision, attempt }: Judged, braked: boolean): Result {
  const { id, fence } = delivery;
  const vendorMessageId = outcome.kind === 'accepted' ? outcome.vendorMessageId : undefined;
  // The verdicts of a wrong binding say nothing about the message: it is sent once the binding is mended.
  if (braked && decision.device) return { id, fence, state: 'held', reason: 'integration_paused', attempt };
  const { state, reason, notBefore } = decision;
  return { id, fence, state, reason, notBefore, vendorMessageId, attempt };
}

function verdictsOf(judged: readonly Judged[]) {
  return judged.flatMap(({ delivery: { deviceId }, decision: { device, reason } }) =>
    deviceId && device ? [{ deviceId, device, reason }] : [],
  );
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

export function settled(
  delivery: Omit<SettledDelivery, 'integrationId' | 'channel'>,
  { row: { id: integrationId }, plugin: { id: channel } }: OpenedIntegration,
): SettledDelivery {
  return { ...delivery, integrationId, channel };
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
