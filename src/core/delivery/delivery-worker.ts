import { type ChannelClient, chunks, type SendItem, type SendOutcome } from '@bellhop/contracts';
import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { faultPoint } from '../../platform/fault-points.js';
import { publicId } from '../../platform/ids.js';
import { Metrics } from '../../platform/metrics.js';
import { Sql, type Transaction } from '../../platform/sql.js';
import { Vault } from '../../platform/vault.js';
import { deviceContext } from '../devices/devices.service.js';
import { findActive } from '../integrations/active-integration.js';
import { ChannelClients } from '../integrations/channel-clients.js';
import { IntegrationCache, type OpenedIntegration } from '../integrations/integration-cache.js';
import { ledgerOf, QuotaLedger } from '../quotas/quota-ledger.js';
import type { QuotaVerdict } from '../quotas/quota-window.js';
import { ReceiptTokens } from '../receipts/receipt-tokens.js';
import { Deferrals } from './deferrals.js';
import type { DeliverNudge } from './deliver.nudge.js';
import {
  claimBatch,
  type ClaimedBatch,
  type ClaimedDelivery,
  deviceTargetOf,
  dropClaim,
  Messages,
  type Result,
} from './delivery-batch.js';
import { DeliveryRecorder, settled } from './delivery-recorder.js';
import { heardOf } from './lane-breaker.js';
import { LaneBreakers } from './lane-breakers.js';
import { Lease } from '../work/lease.js';

/** A batch of deliveries: claim what may go, send it, hand the outcomes over to be recorded. */
@Injectable()
export class DeliveryWorker {
  private readonly log = new Logger(DeliveryWorker.name);

  constructor(
    private readonly sql: Sql,
    private readonly clock: Clock,
    private readonly vault: Vault,
    private readonly metrics: Metrics,
    private readonly integrations: IntegrationCache,
    private readonly clients: ChannelClients,
    private readonly quotas: QuotaLedger,
    private readonly receipts: ReceiptTokens,
    private readonly recorder: DeliveryRecorder,
    private readonly breakers: LaneBreakers,
    private readonly deferrals: Deferrals,
    private readonly lease: Lease,
  ) {}

  async deliver(nudge: DeliverNudge): Promise<void> {
    const integration = await findActive(this.integrations, nudge.appId, nudge.integrationId);
    if (!integration) return this.hold(nudge);
    const breaker = this.breakers.of(integration);
    const pass = breaker.enter(this.clock.now());
    if (pass.until) return this.deferrals.add(integration, nudge, pass.until);
    const { ids } = nudge;
    const some = pass.most < ids.length ? { ...nudge, ids: ids.slice(0, pass.most) } : nudge;
    let outcomes: readonly SendOutcome[] = [];
    try {
      outcomes = await this.handle(some, integration);
    } finally {
      breaker.leave(pass.turn, heardOf(outcomes), this.clock.now(), Math.random());
    }
    if (some !== nudge) await this.deliver({ ...nudge, ids: ids.slice(pass.most) });
  }

  /** @returns what the gateway answered; nothing when there was nothing to send. */
  private async handle(nudge: DeliverNudge, integration: OpenedIntegration): Promise<readonly SendOutcome[]> {
    const { claimId, deliveries: claimed } = await this.claim(nudge, integration);
    if (claimed.length === 0) return [];
    faultPoint('after-claim-commit');
    const sentAt = this.clock.now();
    const started = performance.now();
    const outcomes = await this.send(integration, claimed, nudge.appId);
    const ms = Math.round(performance.now() - started);
    await this.recorder.record({ integration, claimId, claimed, outcomes, sentAt, ms });
    this.count(integration, outcomes, ms);
    return outcomes;
  }

  /** What is to be sent now; the rest of the nudge is done, or not due. */
  private async claim(nudge: DeliverNudge, integration: OpenedIntegration): Promise<ClaimedBatch> {
    const now = this.clock.now();
    const leaseUntil = new Date(now.getTime() + this.lease.ms);
    return this.sql.transaction(async (tx) => {
      const { claimId, deliveries: claimed } = await claimBatch(tx, nudge, now, leaseUntil);
      // The ledger before notifications, as everywhere: two workers must not wait for each other in a circle.
      const refused = await this.reserveQuota(tx, integration, claimed, now);
      const ended = claimed.flatMap((one) => (one.state === 'sending' ? [] : settled(one, integration)));
      await this.recorder.settle(tx, nudge.appId, ended);
      const deliveries = claimed.filter(({ id, state }) => state === 'sending' && !refused.has(id));
      if (deliveries.length === 0) dropClaim(tx, nudge.appId, claimId);
      faultPoint('before-claim-commit');
      return { claimId, deliveries };
    });
  }

  /**
   * Committed with the claim, before the call: what the vendor's quota has no room for is held until it has. What ended
   * with the claim gives its place back.
   */
  private async reserveQuota(
    tx: Transaction,
    integration: OpenedIntegration,
    claimed: readonly ClaimedDelivery[],
    now: Date,
  ): Promise<ReadonlySet<string>> {
    const ledger = ledgerOf(integration);
    if (!ledger) return new Set();
    const ended = claimed.flatMap(({ id, state }) => (state === 'sending' ? [] : id));
    await this.quotas.release(tx, ended);
    const held: Result[] = [];
    // The oldest first: their ids are in the order in which they were planned.
    for (const delivery of claimed.filter(({ state }) => state === 'sending').toSorted(byId)) {
      const verdict = await this.quotas.reserve(tx, ledger, delivery.id, now);
      if (verdict.open) continue;
      const result = withoutQuota(delivery, verdict);
      held.push(result);
      const { rule } = verdict;
      this.metrics.quotaRefusals.inc({ channel: integration.plugin.id, rule, state: result.state });
    }
    if (held.length > 0) await this.recorder.write(tx, integration, claimed, held);
    return new Set(held.map(({ id }) => id));
  }

  private async send(
    integration: OpenedIntegration,
    claimed: readonly ClaimedDelivery[],
    appId: string,
  ): Promise<readonly SendOutcome[]> {
    const signal = AbortSignal.timeout(this.lease.sendDeadlineMs);
    try {
      const { sender } = await this.clients.get(integration);
      const most = integration.plugin.outbound?.manifest.capabilities.send?.maxItemsPerCall;
      if (!sender || !most) throw new Error(`Channel "${integration.plugin.id}" cannot send.`);
      const messages = new Messages();
      const items = claimed.map((delivery) => this.itemOf(delivery, messages, appId));
      const readable = items.flatMap((item) => item ?? []);
      const calls = chunks(readable, most).map((chunk) => this.call(integration, sender, chunk, signal));
      const outcomes = (await Promise.all(calls)).flat().values();
      return items.map((item) => (item && outcomes.next().value) || UNREADABLE);
    } catch (error) {
      return this.failed(integration, claimed.length, error as Error, 'transient');
    }
  }

  private async call(
    integration: OpenedIntegration,
    sender: NonNullable<ChannelClient['sender']>,
    items: readonly SendItem[],
    signal: AbortSignal,
  ): Promise<readonly SendOutcome[]> {
    try {
      faultPoint('before-send');
      const outcomes = await sender.send(items, signal);
      faultPoint('after-send');
      if (outcomes.length !== items.length) throw new Error('The channel answered for another number of targets.');
      return outcomes;
    } catch (error) {
      return this.failed(integration, items.length, error as Error, 'unknown');
    }
  }

  /** @param kind `transient`: before any call. `unknown`: a defect of the plugin, and nobody knows how far it came. */
  private failed(
    { plugin }: OpenedIntegration,
    items: number,
    error: Error,
    kind: 'transient' | 'unknown',
  ): readonly SendOutcome[] {
    this.log.error({ plugin: plugin.id, cause: error.message }, 'Channel failed');
    return Array.from({ length: items }, () => ({ kind, reason: 'plugin.failed' }));
  }

  /** Undefined when the row cannot be read, which must not cost the others of its batch. */
  private itemOf(delivery: ClaimedDelivery, messages: Messages, appId: string): SendItem | undefined {
    const { id } = delivery;
    try {
      const target = delivery.target ?? deviceTargetOf(delivery, this.tokenOf(delivery, appId));
      return { id, message: messages.of(delivery), target, receipt: this.receipts.issue(appId, id) };
    } catch (error) {
      this.log.error({ delivery: publicId('dlv', id), cause: (error as Error).message }, 'Delivery cannot be read');
      return undefined;
    }
  }

  private tokenOf({ deviceId, sealedToken }: ClaimedDelivery, appId: string): string {
    return this.vault.open(sealedToken as Buffer, deviceContext(appId, deviceId as string));
  }

  /** Nothing is sent through a paused integration: its deliveries wait until it is resumed. */
  private async hold({ appId, integrationId, ids }: DeliverNudge): Promise<void> {
    await this.sql.query(
      `UPDATE delivery SET state = 'held', reason = 'integration_paused', held_at = $4, updated_at = $4
       WHERE app_id = $1 AND id = ANY($2::uuid[]) AND integration_id = $3 AND state = 'queued'`,
      [appId, ids, integrationId, this.clock.now()],
    );
  }

  private count({ plugin }: OpenedIntegration, outcomes: readonly SendOutcome[], ms: number): void {
    this.metrics.deliverySeconds.observe({ channel: plugin.id }, ms / 1000);
    for (const [outcome, group] of Map.groupBy(outcomes, ({ kind }) => kind)) {
      this.metrics.deliveries.inc({ channel: plugin.id, outcome }, group.length);
    }
  }
}

/** Such as a token under an encryption key that this process does not have: another one may. */
const UNREADABLE: SendOutcome = { kind: 'transient', reason: 'delivery.unreadable' };

const byId = (a: ClaimedDelivery, b: ClaimedDelivery): number => (a.id < b.id ? -1 : 1);

/** Held until there is room, unless the caller wanted no waiting or it would come too late. */
function withoutQuota(
  { id, fence, notification, expiresAt }: ClaimedDelivery,
  { rule, nextAt }: Extract<QuotaVerdict, { open: false }>,
): Result {
  const result = { id, fence, reason: 'quota_exhausted', detail: `quota of the ${rule}` };
  if (notification.onQuota === 'reject') return { ...result, state: 'failed' };
  if (nextAt >= expiresAt) return { ...result, state: 'expired' };
  return { ...result, state: 'held', notBefore: nextAt };
}
