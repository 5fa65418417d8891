import {
  CHANNEL_CLOSED,
  type ChannelClient,
  type ChannelContext,
  type CheckResult,
  OpenCalls,
  postWebhook,
  type SendItem,
  type SendOutcome,
} from '@bellhop/contracts';
import { randomUUID } from 'node:crypto';
import { Gate } from './webhook.gate.js';
import type { WebhookConfig } from './webhook.manifest.js';
import { requestOf, type WebhookRequest } from './webhook.payload.js';

/** Calls that the receiver has to answer at a time. */
const AT_ONCE = 10;
const ABORTED = { kind: 'transient', reason: 'channel.aborted' } as const;

/** One receiver, opened. */
export class WebhookClient implements ChannelClient {
  readonly sender = {
    send: (items: readonly SendItem[], signal: AbortSignal) =>
      Promise.all(items.map((item) => this.deliver(requestOf(item), signal))),
  };
  private readonly gate = new Gate(AT_ONCE);
  private readonly calls = new OpenCalls();
  private readonly secrets: readonly string[];

  constructor(
    private readonly config: WebhookConfig,
    private readonly context: ChannelContext,
  ) {
    this.secrets = [config.secret, config.previousSecret ?? ''].filter(Boolean);
  }

  async check(signal: AbortSignal): Promise<CheckResult> {
    const id = `msg_${randomUUID().replaceAll('-', '')}`;
    const timestamp = this.context.now().toISOString();
    const body = JSON.stringify({ type: 'webhook.test', timestamp, data: {} });
    return checkOf(await this.deliver({ id, body }, signal));
  }

  close(): Promise<void> {
    return this.calls.close();
  }

  private async deliver(request: WebhookRequest | undefined, signal: AbortSignal): Promise<SendOutcome> {
    if (!request) return { kind: 'rejected', reason: 'target.unsupported' };
    return this.calls.run(() => this.gate.run(() => this.post(request, signal)), CHANNEL_CLOSED);
  }

  private async post(request: WebhookRequest, signal: AbortSignal): Promise<SendOutcome> {
    if (signal.aborted) return ABORTED;
    const { context, secrets } = this;
    return postWebhook(context.egress, { url: this.config.url, ...request, secrets }, context.now(), signal);
  }
}

function checkOf(outcome: SendOutcome): CheckResult {
  if (outcome.kind === 'accepted') return { ok: true, detail: 'The receiver took an event of type webhook.test.' };
  const detail = outcome.detail ?? outcome.vendorCode ?? outcome.kind;
  return { ok: false, code: outcome.reason, detail, field: outcome.vendorCode === 'HTTP 401' ? 'secret' : 'url' };
}
