import { chunks } from '@bellhop/contracts';
import type { Merging, Nudge } from '../../platform/queue.js';
import type { Priority } from '../notifications/notification.entity.js';

export const DELIVER_QUEUE = 'deliver';

/** Deliveries that one worker loads, sends and records together. */
export const BATCH_SIZE = 500;

export interface DeliverNudge {
  readonly appId: string;
  readonly integrationId: string;
  readonly ids: readonly string[];
}

/** Those of one lane go through the same integration. */
export const DELIVERED_TOGETHER: Merging<DeliverNudge> = {
  most: BATCH_SIZE,
  sizeOf: ({ ids }) => ids.length,
  merge: (nudges) => ({ ...(nudges[0] as DeliverNudge), ids: nudges.flatMap(({ ids }) => ids) }),
};

export interface DueDelivery {
  readonly id: string;
  readonly appId: string;
  readonly integrationId: string;
  readonly priority: Priority;
  readonly notBefore?: Date | null;
}

/** Batches of at most {@link BATCH_SIZE}, apart by integration, priority and the second in which they are due. */
export function deliverNudges(due: readonly DueDelivery[]): Nudge<DeliverNudge>[] {
  const groups = Map.groupBy(due, groupKey);
  return [...groups.values()].flatMap((group) => chunks(group, BATCH_SIZE).map(nudgeOf));
}

const groupKey = ({ integrationId, priority, notBefore }: DueDelivery): string =>
  `${integrationId} ${priority} ${notBefore ? Math.ceil(notBefore.getTime() / 1000) : 0}`;

function nudgeOf(batch: readonly DueDelivery[]): Nudge<DeliverNudge> {
  const { appId, integrationId, priority } = batch[0] as DueDelivery;
  const latest = Math.max(...batch.map(({ notBefore }) => notBefore?.getTime() ?? 0));
  return {
    data: { appId, integrationId, ids: batch.map(({ id }) => id) },
    lane: integrationId,
    priority: priority === 'high' ? 1 : 0,
    ...(latest > 0 && { startAfter: new Date(latest) }),
  };
}
