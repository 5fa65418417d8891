import { chunks } from '@bellhop/contracts';
import type { Nudge } from '../../platform/queue.js';

export const WEBHOOK_QUEUE = 'webhook';

/** Messages of one nudge. */
const MOST = 50;

export interface WebhookNudge {
  readonly appId: string;
  readonly endpointId: string;
  readonly ids: readonly string[];
}

export interface DueMessage {
  readonly id: string;
  readonly appId: string;
  readonly endpointId: string;
  readonly notBefore?: Date | null;
}

/** Apart by endpoint, which is the lane, and by the second in which they are due. */
export function webhookNudges(due: readonly DueMessage[]): Nudge<WebhookNudge>[] {
  const groups = Map.groupBy(due, ({ endpointId, notBefore }) => `${endpointId} ${secondOf(notBefore)}`);
  return [...groups.values()].flatMap((group) => chunks(group, MOST).map(nudgeOf));
}

function nudgeOf(batch: readonly DueMessage[]): Nudge<WebhookNudge> {
  const { appId, endpointId } = batch[0] as DueMessage;
  const latest = Math.max(...batch.map(({ notBefore }) => notBefore?.getTime() ?? 0));
  return {
    data: { appId, endpointId, ids: batch.map(({ id }) => id) },
    lane: endpointId,
    ...(latest > 0 && { startAfter: new Date(latest) }),
  };
}

const secondOf = (time: Date | null | undefined): number => (time ? Math.ceil(time.getTime() / 1000) : 0);
