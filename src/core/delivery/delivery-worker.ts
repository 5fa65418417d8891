import type { SendItem, SendOutcome } from '@bellhop/contracts';
import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { Metrics } from '../../platform/metrics.js';
import { Queue } from '../../platform/queue.js';
import { Sql, type SqlRunner } from '../../platform/sql.js';
import { Vault } from '../../platform/vault.js';
import { deviceContext } from '../devices/devices.service.js';
import { ChannelClients } from '../integrations/channel-clients.js';
import { IntegrationCache, type OpenedIntegration } from '../integrations/integration-cache.js';
import type { Attempt } from '../notifications/delivery.entity.js';
import { type Decision, decide } from './decide.js';
import { DELIVER_QUEUE, deliverNudges, type DeliverNudge } from './deliver.nudge.js';
import {
  claimBatch,
  type ClaimedDelivery,
  Messages,
  recordBatch,
  type Result,
  settleNotifications,
  targetOf,
} from './delivery-batch.js';
import { Lease } from './lease.js';
import { applyVerdicts, MassInvalidationBrake } from './token-hygiene.js';

interface Judged {
  readonly delivery: ClaimedDelivery;
  readonly outcome: SendOutcome;
  readonly decision: Decision;
  readonly attempt: Attempt;
}

/** A batch of deliveries: claim, send, decide, record, come back to what must be tried again. */
@Injectable()
export class DeliveryWorker {
  private readonly log = new Logger(DeliveryWorker.name);
  private readonly brake = new MassInvalidationBrake();

  constructor(
    private readonly sql: Sql,
    private readonly queue: Queue,
    private readonly clock: Clock,
    private readonly vault: Vault,
    private readonly metrics: Metrics,
    private readonly integrations: IntegrationCache,
    private readonly clients: ChannelClients,
    private readonly lease: Lease,
  ) {}

  async deliver(nudge: DeliverNudge): Promise<void> {
    const integration = await this.activeIntegration(nudge);
    if (!integration) return this.hold(nudge);
    const claimed = await this.claim(nudge);
    if (claimed.length === 0) return;
    const sentAt = this.clock.now();
    const started = performance.now();
    const outcomes = await this.send(integration, claimed, nudge.appId);
    const ms = Math.round(performance.now() - started);
    const judged = claimed.map((delivery, i) => this.judge(delivery, outcomes[i] as SendOutcome, ms));
    await this.record(integration, nudge, judged, sentAt);
    this.count(integration, judged, ms);
  }

  /** A pause is looked up afresh: what another process has just resumed would otherwise be held, and nobody would release it. */
  private async activeIntegration({ appId, integrationId }: DeliverNudge): Promise<OpenedIntegration | undefined> {
    const known = await this.integrations.find(integrationId);
    if (known?.row.state === 'active') return known;
    this.integrations.forget(appId, integrationId);
    const fresh = await this.integrations.find(integrationId);
    return fresh?.row.state === 'active' ? fresh : undefined;
  }

  private async claim(nudge: DeliverNudge): Promise<ClaimedDelivery[]> {
    const now = this.clock.now();
    const leaseUntil = new Date(now.getTime() + this.lease.ms);
    const rows = await this.sql.transaction(async (tx) => {
      const claimed = await claimBatch(tx, nudge, now, leaseUntil);
      await settleNotifications(
        tx,
        nudge.appId,
        now,
        claimed.filter(({ state }) => state !== 'sending'),
      );
      return claimed;
    });
    return rows.filter(({ state }) => state === 'sending');
  }

  private async send(
    integration: OpenedIntegration,
    claimed: readonly ClaimedDelivery[],
    appId: string,
  ): Promise<readonly SendOutcome[]> {
    try {
      const client = await this.clients.get(integration);
      if (!client.sender) throw new Error(`Channel "${integration.plugin.id}" cannot send.`);
      const messages = new Messages();
      const items = claimed.map((delivery) => this.itemOf(delivery, messages, appId));
      const outcomes = await client.sender.send(items, AbortSignal.timeout(this.lease.sendDeadlineMs));
      if (outcomes.length !== items.length) throw new Error('The channel answered for another number of targets.');
      return outcomes;
    } catch (error) {
      // A defect of the plugin, and it is not known how far it came.
      this.log.error({ plugin: integration.plugin.id, cause: (error as Error).message }, 'Channel failed');
      return claimed.map(() => ({ kind: 'unknown', reason: 'plugin.failed' }));
    }
  }

  private itemOf(delivery: ClaimedDelivery, messages: Messages, appId: string): SendItem {
    const { id, deviceId, sealedToken } = delivery;
    const token = this.vault.open(sealedToken as Buffer, deviceContext(appId, deviceId as string));
    return { id, message: messages.of(delivery), target: targetOf(delivery, token) };
  }

  private judge(delivery: ClaimedDelivery, outcome: SendOutcome, ms: number): Judged {
    const now = this.clock.now();
    const { attemptCount, expiresAt, lastOutcome } = delivery;
    const decision = decide({ attempts: attemptCount + 1, expiresAt, broadcast: false }, outcome, now, Math.random());
    const attempt: Attempt = {
      at: now.toISOString(),
      outcome: outcome.kind,
      ms,
      ...('reason' in outcome && { reason: outcome.reason, vendorCode: outcome.vendorCode, detail: outcome.detail }),
      ...(lastOutcome === 'unknown' && { possibleDuplicate: true }),
    };
    return { delivery, outcome, decision, attempt };
  }

  private async record(
    { row }: OpenedIntegration,
    { appId, integrationId }: DeliverNudge,
    judged: readonly Judged[],
    sentAt: Date,
  ): Promise<void> {
    const now = this.clock.now();
    const braked = this.brake.pulled(
      integrationId,
      judged.map(({ decision }) => decision.device),
      now,
    );
    const results = judged.map((one) => resultOf(one, braked));
    const pause = braked
      ? {
          reason: 'mass_invalidation',
          detail: 'Nothing but verdicts against devices came back: check bundle id, environment and project.',
        }
      : pauseOf(judged);
    await this.sql.transaction(async (tx) => {
      const recorded = await recordBatch(tx, appId, now, results);
      await settleNotifications(tx, appId, now, recorded);
      if (pause) await this.pause(tx, appId, integrationId, row.revision, pause, now);
      await this.retryLater(tx, appId, integrationId, judged, results);
    });
    // On its own: what was learned about devices must not cost the results.
    if (!braked) await this.sql.transaction((tx) => applyVerdicts(tx, appId, now, sentAt, verdictsOf(judged)));
    if (!pause) return;
    this.integrations.forget(appId, integrationId);
    this.log.error({ integrationId, ...pause }, 'Integration paused');
  }

  /** Unless somebody changed the integration meanwhile. */
  private async pause(
    tx: SqlRunner,
    appId: string,
    integrationId: string,
    revision: number,
    { reason, detail }: { reason: string; detail: string },
    now: Date,
  ): Promise<void> {
    await tx.query(
      `UPDATE integration SET state = 'paused', pause_reason = $4, pause_detail = $5, updated_at = $6
       WHERE app_id = $1 AND id = $2 AND revision = $3 AND state = 'active'`,
      [appId, integrationId, revision, reason, detail, now],
    );
  }

  private async retryLater(
    tx: SqlRunner,
    appId: string,
    integrationId: string,
    judged: readonly Judged[],
    results: readonly Result[],
  ): Promise<void> {
    const due = results.flatMap(({ id, notBefore }, i) => {
      const priority = judged[i]?.delivery.priority ?? 'normal';
      return notBefore ? [{ id, appId, integrationId, priority, notBefore }] : [];
    });
    await this.queue.enqueue(tx, DELIVER_QUEUE, deliverNudges(due));
  }

  /** Nothing is sent through a paused integration: its deliveries wait until it is resumed. */
  private async hold({ appId, integrationId, ids }: DeliverNudge): Promise<void> {
    await this.sql.query(
      `UPDATE delivery SET state = 'held', reason = 'integration_paused', updated_at = $4
       WHERE app_id = $1 AND id = ANY($2::uuid[]) AND integration_id = $3 AND state = 'queued'`,
      [appId, ids, integrationId, this.clock.now()],
    );
  }

  private count({ plugin }: OpenedIntegration, judged: readonly Judged[], ms: number): void {
    this.metrics.deliverySeconds.observe({ channel: plugin.id }, ms / 1000);
    for (const [outcome, group] of Map.groupBy(judged, (one) => one.outcome.kind)) {
      this.metrics.deliveries.inc({ channel: plugin.id, outcome }, group.length);
    }
  }
}

function resultOf({ delivery, outcome, decision, attempt }: Judged, braked: boolean): Result {
  const { id, fence } = delivery;
  const vendorMessageId = outcome.kind === 'accepted' ? outcome.vendorMessageId : undefined;
  // The verdicts of a wrong binding say nothing about the message: it is sent once the binding is mended.
  if (braked && decision.device) return { id, fence, state: 'held', reason: 'integration_paused', attempt };
  const { state, reason, notBefore } = decision;
  return { id, fence, state, reason, notBefore, vendorMessageId, attempt };
}

function pauseOf(judged: readonly Judged[]): { reason: string; detail: string } | undefined {
  const first = judged.find(({ decision }) => decision.pause);
  if (!first || first.outcome.kind !== 'misconfigured') return undefined;
  const { reason, vendorCode, field } = first.outcome;
  const detail = [field && `Check "${field}".`, reason, vendorCode].filter(Boolean).join(' ');
  return { reason: 'misconfigured', detail };
}

function verdictsOf(judged: readonly Judged[]) {
  return judged.flatMap(({ delivery: { deviceId }, decision: { device, reason } }) =>
    deviceId && device ? [{ deviceId, device, reason }] : [],
  );
}
