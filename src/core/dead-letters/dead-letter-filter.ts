/** States in which a delivery has ended without word that it arrived, and from which it can be sent once more. */
export const LOST_STATES = ['dead', 'failed', 'expired', 'unknown'] as const;
export type LostState = (typeof LOST_STATES)[number];

/** Which deliveries are meant; absent conditions are none. */
export interface DeadLetterFilter {
  readonly state: LostState;
  /** Stable code beside the state. */
  readonly reason?: string;
  /** Plugin id. */
  readonly channel?: string;
  /** UUID. */
  readonly integrationId?: string;
  /** Lost at this moment or later. */
  readonly from: Date;
  /** Lost before this moment. */
  readonly to?: Date;
}

/** The filter over `delivery d`; its parameters are those of {@link valuesOf}. */
export const IS_MEANT = `d.app_id = $1 AND d.lost_at >= $2 AND d.lost_at < coalesce($3::timestamptz, 'infinity')
  AND d.state = $4 AND ($5::text IS NULL OR d.reason = $5) AND ($6::text IS NULL OR d.channel = $6)
  AND ($7::uuid IS NULL OR d.integration_id = $7)`;

/** Parameters `$1` to `$7`. */
export function valuesOf(appId: string, filter: DeadLetterFilter): readonly unknown[] {
  const { from, to, state, reason, channel, integrationId } = filter;
  return [appId, from, to ?? null, state, reason ?? null, channel ?? null, integrationId ?? null];
}
