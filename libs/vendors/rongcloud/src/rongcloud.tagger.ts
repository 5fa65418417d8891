import type { ChannelContext, SendOutcome, TagReplacement } from '@bellhop/contracts';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RongCloudConfig } from './rongcloud.manifest.js';
import { ABORTED, type RongCloudServer } from './rongcloud.server.js';
import { faultOfReplacement, groupByTags, type TagGroup } from './rongcloud.tags.js';

/** The two calls that set tags, and how many milliseconds lie between two of them. Source: "批量设置用户标签". */
const SINGLE = { path: '/user/tag/set.json', bucket: 'rongcloud.tag-set', everyMs: 10 };
const BATCH = { path: '/user/tag/batch/set.json', bucket: 'rongcloud.tag-batch-set', everyMs: 100 };

/** Other processes want slots too; whoever has waited for so many comes back later. */
const PATIENT_ROUNDS = 5;

/** Replaces the tags of people, with as few calls as there are different sets. */
export class RongCloudTagger {
  constructor(
    private readonly server: RongCloudServer,
    private readonly config: RongCloudConfig,
    private readonly context: ChannelContext,
  ) {}

  async replace(replacements: readonly TagReplacement[], signal: AbortSignal): Promise<readonly SendOutcome[]> {
    // Of several sets for one person the last one holds, and its outcome is that of all.
    const last = new Map(replacements.map((replacement) => [replacement.userId, replacement]));
    const outcomes = new Map<string, SendOutcome>();
    const valid = new Map<string, readonly string[]>();
    for (const [userId, replacement] of last) {
      const fault = faultOfReplacement(replacement, this.config.tagCharacters);
      if (fault) outcomes.set(userId, { kind: 'rejected', reason: 'tags.invalid', detail: fault });
      else valid.set(userId, replacement.tags);
    }
    for (const [userId, outcome] of await this.setAll(groupByTags(valid), signal)) outcomes.set(userId, outcome);
    return replacements.map(({ userId }) => outcomes.get(userId)!);
  }

  private async setAll(groups: readonly TagGroup[], signal: AbortSignal): Promise<ReadonlyMap<string, SendOutcome>> {
    const outcomes = new Map<string, SendOutcome>();
    let end: SendOutcome | undefined;
    for (const group of groups) {
      const outcome = end ?? (await this.set(group, signal));
      if (concernsAll(outcome)) end = outcome;
      for (const userId of group.userIds) outcomes.set(userId, outcome);
    }
    return outcomes;
  }

  private async set({ userIds, tags }: TagGroup, signal: AbortSignal): Promise<SendOutcome> {
    if (signal.aborted) return ABORTED;
    const [userId] = userIds;
    const { path, bucket, everyMs } = userIds.length === 1 ? SINGLE : BATCH;
    const waitMs = await this.takeSlot(bucket, everyMs, signal);
    if (waitMs > 0) return { kind: 'throttled', reason: 'rate.own_limit', scope: 'channel', retryAfterMs: waitMs };
    const body = JSON.stringify(userIds.length === 1 ? { userId, tags } : { userIds, tags });
    const contentType = 'application/json';
    return this.server.call({ kind: 'tags', path, contentType, body, requestId: randomUUID() }, signal);
  }

  /** Waits while a slot is near, a few rounds at most. Milliseconds that are missing; 0: taken. */
  private async takeSlot(bucket: string, everyMs: number, signal: AbortSignal): Promise<number> {
    for (let patienceMs = PATIENT_ROUNDS * everyMs; ;) {
      const waitMs = await this.context.shared.takeSlot(bucket, everyMs);
      if (waitMs === 0 || waitMs > everyMs || waitMs > patienceMs) return waitMs;
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return waitMs;
      patienceMs -= waitMs;
    }
  }
}

/** Whatever comes after it would meet the same: nothing is gained by more calls. */
function concernsAll({ kind, ...rest }: SendOutcome): boolean {
  if (kind === 'transient') return 'reason' in rest && /^(?:network|send)\./.test(rest.reason);
  return kind !== 'accepted' && kind !== 'rejected';
}
