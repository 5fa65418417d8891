import type { Audience, Content } from '../notifications/content.js';
import type { OnQuota, Priority } from '../notifications/notification.entity.js';
import type { Schedule } from './schedule.js';

/** What a caller asks for, checked for its shape. */
export interface NotificationRequest {
  readonly audience: Audience;
  readonly content: Content;
  readonly category: string;
  readonly priority: Priority;
  /** Seconds that a delivery stays useful once it may be sent. */
  readonly ttlSeconds: number;
  /** Overrides do-not-disturb and mutes, nothing else. */
  readonly forced: boolean;
  /** Public id of the integration it goes through; absent: each device's own gateway. */
  readonly channel?: string;
  readonly onQuota: OnQuota;
  readonly schedule?: Schedule;
}
