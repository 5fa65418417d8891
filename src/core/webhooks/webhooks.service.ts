import {
  ConflictError,
  NotFoundError,
  newWebhookSecret,
  postWebhook,
  type SendOutcome,
  UnprocessableError,
} from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { LessThan, Repository } from 'typeorm';
import { Clock } from '../../platform/clock.js';
import { GuardedEgress } from '../../platform/egress.js';
import { newId } from '../../platform/ids.js';
import { Queue } from '../../platform/queue.js';
import { Sql } from '../../platform/sql.js';
import { Vault } from '../../platform/vault.js';
import { WebhookEndpoint } from './webhook-endpoint.entity.js';
import type { WebhookEventType } from './webhook-event.js';
import { WebhookMessage, type WebhookMessageState } from './webhook-message.entity.js';
import { WebhookOutbox } from './webhook-outbox.js';
import { signingSecrets, webhookContext } from './webhook-secrets.js';
import { WEBHOOK_QUEUE, webhookNudges } from './webhook.nudge.js';

/** Of one app: each event becomes a message for every one of them. */
const MOST_ENDPOINTS = 20;
/** Messages in a transaction: a disabled endpoint may have gathered any number. */
const RELEASED_AT_ONCE = 5_000;
/** No id is below. */
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

const RELEASE = `
  UPDATE webhook_message m SET not_before = NULL, updated_at = $3
  FROM (
    SELECT app_id, id FROM webhook_message
    WHERE app_id = $1 AND endpoint_id = $2 AND state = 'waiting' AND id > $4 ORDER BY id LIMIT $5 FOR UPDATE
  ) waiting
  WHERE m.app_id = waiting.app_id AND m.id = waiting.id
  RETURNING m.id`;

export interface NewWebhook {
  readonly url: string;
  readonly description?: string;
  readonly events: readonly WebhookEventType[];
}

/** An endpoint with its secret, which is told once. */
export interface WithSecret {
  readonly endpoint: WebhookEndpoint;
  readonly secret: string;
}

export interface MessageFilter {
  readonly before?: string;
  readonly state?: WebhookMessageState;
}

@Injectable()
export class WebhooksService {
  constructor(
    @InjectRepository(WebhookEndpoint) private readonly endpoints: Repository<WebhookEndpoint>,
    @InjectRepository(WebhookMessage) private readonly messages: Repository<WebhookMessage>,
    private readonly sql: Sql,
    private readonly queue: Queue,
    private readonly clock: Clock,
    private readonly vault: Vault,
    private readonly egress: GuardedEgress,
    private readonly outbox: WebhookOutbox,
  ) {}

  list(appId: string, limit: number, before?: string): Promise<WebhookEndpoint[]> {
    const where = before ? { appId, id: LessThan(before) } : { appId };
    return this.endpoints.find({ where, order: { id: 'DESC' }, take: limit });
  }

  /** @throws {NotFoundError} */
  async get(appId: string, id: string): Promise<WebhookEndpoint> {
    const endpoint = await this.endpoints.findOneBy({ appId, id });
    if (!endpoint) throw new NotFoundError('The webhook');
    return endpoint;
  }

  /** @throws {UnprocessableError} when the address may not be called, or there are too many. */
  async create(appId: string, { url, description = '', events }: NewWebhook): Promise<WithSecret> {
    const accepted = await this.acceptable(url);
    if ((await this.endpoints.countBy({ appId })) >= MOST_ENDPOINTS) throw tooMany();
    const id = newId();
    const secret = newWebhookSecret();
    const now = this.clock.now();
    const endpoint = this.endpoints.create({
      appId,
      id,
      url: accepted,
      description,
      events: [...events],
      sealedSecret: this.vault.seal(secret, webhookContext(appId, id)),
      createdAt: now,
      updatedAt: now,
    });
    await this.endpoints.insert(endpoint);
    this.outbox.forget(appId);
    return { endpoint: await this.get(appId, id), secret };
  }

  /** A new address starts without the failures of the old one, but stays disabled if it was. */
  async revise(appId: string, id: string, change: Partial<NewWebhook>): Promise<WebhookEndpoint> {
    await this.get(appId, id);
    const { url, description, events } = change;
    await this.change(appId, id, {
      ...(url !== undefined && { url: await this.acceptable(url), failingSince: null }),
      ...(description !== undefined && { description }),
      ...(events && { events: [...events] }),
    });
    return this.get(appId, id);
  }

  /** Its messages go with it. */
  async delete(appId: string, id: string): Promise<void> {
    const { affected } = await this.endpoints.delete({ appId, id });
    this.outbox.forget(appId);
    if (!affected) throw new NotFoundError('The webhook');
  }

  /** For `graceSeconds` every call bears the signatures of both secrets. */
  async rotateSecret(appId: string, id: string, graceSeconds: number): Promise<WithSecret> {
    const { sealedSecret } = await this.get(appId, id);
    const secret = newWebhookSecret();
    await this.change(appId, id, {
      sealedSecret: this.vault.seal(secret, webhookContext(appId, id)),
      sealedPreviousSecret: sealedSecret,
      previousExpiresAt: new Date(this.clock.now().getTime() + graceSeconds * 1_000),
    });
    return { endpoint: await this.get(appId, id), secret };
  }

  /** Releases what has been waiting since it was disabled. */
  async enable(appId: string, id: string): Promise<WebhookEndpoint> {
    await this.get(appId, id);
    await this.sql.query(
      `UPDATE webhook_endpoint SET state = 'active', state_reason = NULL, failing_since = NULL, updated_at = $3
       WHERE app_id = $1 AND id = $2`,
      [appId, id, this.clock.now()],
    );
    this.outbox.forget(appId);
    await this.release(appId, id);
    return this.get(appId, id);
  }

  /** Posts an event of type `webhook.test` at once, whatever the state of the endpoint; it is not among the messages. */
  async test(appId: string, id: string): Promise<SendOutcome> {
    const endpoint = await this.get(appId, id);
    const now = this.clock.now();
    const body = JSON.stringify({ type: 'webhook.test', timestamp: now.toISOString(), data: {} });
    const secrets = signingSecrets(this.vault, endpoint, now);
    const call = { url: endpoint.url, id: `msg_${newId().replaceAll('-', '')}`, body, secrets };
    return postWebhook(this.egress, call, now);
  }

  listMessages(appId: string, endpointId: string, limit: number, filter: MessageFilter): Promise<WebhookMessage[]> {
    const { before, state } = filter;
    const where = { appId, endpointId, ...(before && { id: LessThan(before) }), ...(state && { state }) };
    return this.messages.find({ where, order: { id: 'DESC' }, take: limit });
  }

  /** @throws {NotFoundError} */
  async getMessage(appId: string, endpointId: string, id: string): Promise<WebhookMessage> {
    const message = await this.messages.findOneBy({ appId, endpointId, id });
    if (!message) throw new NotFoundError('The message');
    return message;
  }

  /**
   * Sends a message again now, under the id it has; if that fails, its schedule goes on where it was.
   * @throws {ConflictError} while it is being sent, or when the endpoint is disabled.
   */
  async resend(appId: string, endpointId: string, id: string): Promise<WebhookMessage> {
    const { state } = await this.get(appId, endpointId);
    await this.getMessage(appId, endpointId, id);
    if (state === 'disabled') throw new ConflictError('webhook.disabled', 'The webhook is disabled; enable it first.');
    await this.sql.transaction(async (tx) => {
      const due = await tx.query(
        `UPDATE webhook_message SET state = 'waiting', reason = NULL, not_before = NULL, updated_at = $4
         WHERE app_id = $1 AND endpoint_id = $2 AND id = $3 AND state <> 'sending' RETURNING id`,
        [appId, endpointId, id, this.clock.now()],
      );
      if (due.length === 0) throw new ConflictError('webhook.sending', 'The message is being sent at this moment.');
      await this.queue.enqueue(tx, WEBHOOK_QUEUE, webhookNudges([{ id, appId, endpointId }]));
    });
    return this.getMessage(appId, endpointId, id);
  }

  private async change(appId: string, id: string, change: Partial<WebhookEndpoint>): Promise<void> {
    await this.endpoints.update({ appId, id }, { ...change, updatedAt: this.clock.now() });
    this.outbox.forget(appId);
  }

  /** In many transactions: the sweep finds what a crash in between leaves behind. */
  private async release(appId: string, endpointId: string): Promise<void> {
    for (let last: string | undefined = FIRST_ID; last;) last = await this.releaseSome(appId, endpointId, last);
  }

  /** @returns the last one, when there may be more. */
  private releaseSome(appId: string, endpointId: string, after: string): Promise<string | undefined> {
    return this.sql.transaction(async (tx) => {
      const rows = await tx.query<{ id: string }>(RELEASE, [
        appId,
        endpointId,
        this.clock.now(),
        after,
        RELEASED_AT_ONCE,
      ]);
      const ids = rows.map(({ id }) => id).sort();
      await this.queue.enqueue(tx, WEBHOOK_QUEUE, webhookNudges(ids.map((id) => ({ id, appId, endpointId }))));
      return ids.length === RELEASED_AT_ONCE ? ids.at(-1) : undefined;
    });
  }

  /** The address in its usual form. @throws {UnprocessableError} */
  private async acceptable(url: string): Promise<string> {
    const refusal = await this.egress.refusalNow(url);
    if (!refusal) return new URL(url).href;
    const issue = { field: '/url', message: refusal };
    throw new UnprocessableError('webhook.url_refused', 'The address may not be called.', [issue]);
  }
}

const tooMany = (): UnprocessableError =>
  new UnprocessableError('webhook.too_many', `An app has ${MOST_ENDPOINTS} webhooks at most.`);
