import type { Inspection, SendItem } from '@bellhop/contracts';
import { WEBHOOK_FIELDS } from './webhook.manifest.js';

/** What receivers should be able to rely on. Source: Standard Webhooks, "Payload size". */
const ADVISED_BYTES = 20_000;

/** An item as it travels: everything but address and signature. */
export interface WebhookRequest {
  readonly id: string;
  /** Minified JSON. */
  readonly body: string;
}

/** What receivers see of a message, in this order. */
const FIELDS = [...WEBHOOK_FIELDS, 'forced', 'priority', 'expiresAt'] as const;

/** The same on every attempt. Undefined when the item addresses no person. */
export function requestOf({ id, message, target, receipt }: SendItem): WebhookRequest | undefined {
  if (target.kind !== 'vendorUser') return undefined;
  const hex = id.replaceAll('-', '');
  const shown = Object.fromEntries(FIELDS.map((name) => [name, message[name]]));
  const data = { deliveryId: `dlv_${hex}`, userId: target.userId, ...shown, receipt };
  const envelope = { type: 'notification.requested', timestamp: timeOf(hex).toISOString(), data };
  return { id: `msg_${hex}`, body: JSON.stringify(envelope) };
}

export function inspectItem(item: SendItem): Inspection {
  const request = requestOf(item);
  if (!request) return { issues: [{ field: '/audience', message: 'must be people' }], warnings: [] };
  const bytes = Buffer.byteLength(request.body);
  return {
    issues: [],
    warnings: bytes > ADVISED_BYTES ? [`The body has ${bytes} bytes; receivers may take no more than 20,000.`] : [],
    rendered: { payload: JSON.parse(request.body) as unknown, headers: { 'webhook-id': request.id }, bytes },
  };
}

/** When the delivery was made: the time in its UUIDv7, which no retry changes. */
function timeOf(hex: string): Date {
  return new Date(Number.parseInt(hex.slice(0, 12), 16));
}
