import { chunks, postWebhook, type SendOutcome } from '@bellhop/contracts';
import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { GuardedEgress } from '../../platform/egress.js';
import { faultPoint } from '../../platform/fault-points.js';
import { Metrics } from '../../platform/metrics.js';
import { Queue } from '../../platform/queue.js';
import { Sql } from '../../platform/sql.js';
import { Vault } from '../../platform/vault.js';
import {
  type ClaimedMessage,
  claimMessages,
  judgeEndpoint,
  type MessageResult,
  recordMessages,
} from './webhook-batch.js';
import { WebhookOutbox } from './webhook-outbox.js';
import type { WebhookAttempt } from './webhook-message.entity.js';
import { fateOf, isGone } from './webhook-schedule.js';
import { signingSecrets } from './webhook-secrets.js';
import { WEBHOOK_QUEUE, type WebhookNudge, webhookNudges } from './webhook.nudge.js';

/** Calls to one endpoint at a time. */
const AT_ONCE = 10;
/** Longer than any call takes; from then on a message belongs to nobody. */
const LEASE_MS = 60_000;

interface Sent {
  readonly outcome: SendOutcome;
  readonly result: MessageResult;
}

/** Sends the messages of one endpoint: claim, call, record, come back to what must be tried again. */
@Injectable()
export class WebhookWorker {
  private readonly log = new Logger(WebhookWorker.name);

  constructor(
    private readonly sql: Sql,
    private readonly queue: Queue,
    private readonly clock: Clock,
    private readonly vault: Vault,
    private readonly egress: GuardedEgress,
    private readonly outbox: WebhookOutbox,
    private readonly metrics: Metrics,
  ) {}

  /** A lane has one nudge at a time in a process, and a nudge ten calls. */
  async deliver(nudge: WebhookNudge): Promise<void> {
    for (const ids of chunks(nudge.ids, AT_ONCE)) await this.deliverBatch({ ...nudge, ids });
  }

  private async deliverBatch(batch: WebhookNudge): Promise<void> {
    const now = this.clock.now();
    const claimed = await claimMessages(this.sql, batch, now, new Date(now.getTime() + LEASE_MS));
    const [first] = claimed;
    if (!first) return;
    faultPoint('after-webhook-claim');
    const { appId, endpointId } = batch;
    const secrets = signingSecrets(this.vault, { ...first, appId, id: endpointId }, now);
    const sent = await Promise.all(claimed.map((message) => this.send(message, secrets)));
    faultPoint('after-webhook-send');
    await this.record(batch, first.url, sent);
    faultPoint('after-webhook-record');
  }

  private async send({ id, fence, payload, attempts, url }: ClaimedMessage, secrets: readonly string[]): Promise<Sent> {
    const at = this.clock.now();
    const started = performance.now();
    const call = { url, id: `msg_${id.replaceAll('-', '')}`, body: payload, secrets };
    const outcome = await postWebhook(this.egress, call, at);
    this.metrics.webhooks.inc({ outcome: outcome.kind });
    const attempt = attemptOf(outcome, at, Math.round(performance.now() - started));
    const fate = fateOf(outcome, attempts + 1, this.clock.now(), Math.random());
    return { outcome, result: { id, fence, ...fate, attempt } };
  }

  private async record({ appId, endpointId }: WebhookNudge, url: string, sent: readonly Sent[]): Promise<void> {
    const now = this.clock.now();
    const results = sent.map(({ result }) => result);
    const answered = sent.some(({ outcome }) => outcome.kind === 'accepted');
    const gone = sent.some(({ outcome }) => isGone(outcome));
    const disabled = await this.sql.transaction(async (tx) => {
      await recordMessages(tx, appId, now, results);
      const again = results.filter(({ notBefore }) => notBefore).map((result) => ({ ...result, appId, endpointId }));
      await this.queue.enqueue(tx, WEBHOOK_QUEUE, webhookNudges(again));
      return judgeEndpoint(tx, { appId, endpointId, url, answered, gone }, now);
    });
    if (!disabled) return;
    this.outbox.forget(appId);
    this.log.warn({ appId, endpointId, reason: disabled }, 'Webhook disabled');
  }
}

function attemptOf(outcome: SendOutcome, at: Date, ms: number): WebhookAttempt {
  const known = { at: at.toISOString(), ms, outcome: outcome.kind };
  if (outcome.kind === 'accepted') return known;
  const { reason, vendorCode, detail } = outcome;
  return { ...known, reason, ...(vendorCode && { vendorCode }), ...(detail && { detail }) };
}
