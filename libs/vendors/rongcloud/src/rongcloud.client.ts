import {
  CHANNEL_CLOSED,
  type ChannelClient,
  type ChannelContext,
  type CheckResult,
  failedCheck,
  OpenCalls,
  type SendItem,
  type SendOutcome,
  type TagReplacement,
} from '@bellhop/contracts';
import { clipDetail } from '@bellhop/contracts';
import { randomUUID } from 'node:crypto';
import type { RongCloudConfig } from './rongcloud.manifest.js';
import { type RenderedPush, renderPush } from './rongcloud.push.js';
import { RongCloudServer } from './rongcloud.server.js';
import { RongCloudTagger } from './rongcloud.tagger.js';

/** Nobody's; asking for its tags changes nothing. */
const MADE_UP_USER = 'bellhop-connection-test';

/** One RongCloud app, opened. */
export class RongCloudClient implements ChannelClient {
  readonly sender = {
    send: (items: readonly SendItem[], signal: AbortSignal): Promise<readonly SendOutcome[]> =>
      this.whileOpen(items, () => this.sendAll(items, signal)),
  };
  readonly tags = {
    replace: (replacements: readonly TagReplacement[], signal: AbortSignal): Promise<readonly SendOutcome[]> =>
      this.whileOpen(replacements, () => this.tagger.replace(replacements, signal)),
  };
  private readonly server: RongCloudServer;
  private readonly tagger: RongCloudTagger;
  private readonly calls = new OpenCalls();

  constructor(
    private readonly config: RongCloudConfig,
    context: ChannelContext,
  ) {
    this.server = new RongCloudServer(config, context);
    this.tagger = new RongCloudTagger(this.server, config, context);
  }

  check(signal: AbortSignal): Promise<CheckResult> {
    return this.calls.check(() => this.askForTags(signal));
  }

  close(): Promise<void> {
    return this.calls.close();
  }

  private async askForTags(signal: AbortSignal): Promise<CheckResult> {
    const body = new URLSearchParams({ userIds: MADE_UP_USER }).toString();
    const contentType = 'application/x-www-form-urlencoded';
    const path = '/user/tags/get.json';
    return toCheck(await this.server.call({ kind: 'tags', path, contentType, body, requestId: randomUUID() }, signal));
  }

  private whileOpen(
    wanted: readonly unknown[],
    work: () => Promise<readonly SendOutcome[]>,
  ): Promise<readonly SendOutcome[]> {
    return this.calls.run(
      work,
      wanted.map(() => CHANNEL_CLOSED),
    );
  }

  /** One after the other: the quota allows two an hour. */
  private async sendAll(items: readonly SendItem[], signal: AbortSignal): Promise<readonly SendOutcome[]> {
    const outcomes: SendOutcome[] = [];
    for (const item of items) outcomes.push(await this.sendOne(item, signal));
    return outcomes;
  }

  private async sendOne(item: SendItem, signal: AbortSignal): Promise<SendOutcome> {
    const push = renderPush(item, this.config);
    if (!push.body) return rejectionOf(item, push);
    const contentType = 'application/json';
    return this.server.call(
      { kind: 'push', path: '/push.json', contentType, body: push.json, requestId: item.id },
      signal,
    );
  }
}

function rejectionOf({ target }: SendItem, { findings: { issues } }: RenderedPush): SendOutcome {
  if (target.kind === 'device') return { kind: 'rejected', reason: 'target.unsupported' };
  const isTooLarge = issues.every(({ field }) => field === '/content');
  const detail = clipDetail(issues.map(({ field, message }) => `${field} ${message}`).join('; '));
  return { kind: 'rejected', reason: isTooLarge ? 'payload.too_large' : 'payload.invalid', detail };
}

/** Whoever is told that the made-up user is unknown has been recognised. */
function toCheck(outcome: SendOutcome): CheckResult {
  if (outcome.kind === 'accepted') return { ok: true, detail: 'RongCloud accepted the signature' };
  const check = failedCheck(outcome);
  if (outcome.kind !== 'rejected' || outcome.reason !== 'target.unknown') return check;
  return { ok: true, detail: `RongCloud accepted the signature: ${check.detail}` };
}
