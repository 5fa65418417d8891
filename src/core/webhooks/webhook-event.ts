/** What a company can be told of, as it happens. */
export const WEBHOOK_EVENT_TYPES = [
  'delivery.failed',
  'delivery.dead',
  'integration.paused',
  'device.retired',
  'notification.done',
  'notification.cancelled',
  'receipt.opened',
] as const;

export type WebhookEventType = (typeof WEBHOOK_EVENT_TYPES)[number];
