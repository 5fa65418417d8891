import { APP_SOURCE } from '../users/presence.entity.js';

/**
 * Whether what is known of the owner of a device may bear on `planDelivery`, in SQL over `preference p` and over
 * the app's own `presence s`. It may say so in vain. Where it says no, planDelivery must decide by the kind of the device
 * alone. That holds for notifications that somebody asked for: no person wrote them, they belong to no conversation, and
 * no vendor delivers them over a session, so that lists of senders and the sessions of vendors do not count.
 */
export const bearsOn = {
  /** @param category parameter with what people opt out of. */
  preference: (category: string): string => `(NOT p.push_enabled OR ${category}::text = ANY (p.opted_out)
    OR p.quiet_on_desktop OR (p.dnd_start IS NOT NULL AND p.dnd_end IS NOT NULL))`,
  /** @param now parameter with the moment of planning. */
  session: (now: string): string => `(s.source = '${APP_SOURCE}' AND s.state IN ('loggedOut', 'foreground')
    AND (s.expires_at IS NULL OR s.expires_at > ${now}::timestamptz))`,
};
