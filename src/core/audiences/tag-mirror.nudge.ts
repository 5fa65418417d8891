import type { Nudge } from '../../platform/queue.js';

export const TAG_QUEUE = 'mirror-tags';

/** Somebody's tags have to be written to the vendor of an integration. */
export interface TagNudge {
  readonly appId: string;
  readonly integrationId: string;
}

/** One nudge per integration: its worker finds out who it is about. */
export function tagNudges(due: readonly TagNudge[], startAfter?: Date): Nudge<TagNudge>[] {
  return due.map(({ appId, integrationId }) => ({
    data: { appId, integrationId },
    lane: integrationId,
    ...(startAfter && { startAfter }),
  }));
}
