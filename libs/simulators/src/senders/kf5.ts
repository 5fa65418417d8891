import type { Callback } from './callback.js';

export interface Kf5Device {
  readonly token: string;
  readonly platform: 'ios' | 'android';
}

interface Addressee {
  readonly userId: number | string;
  readonly devices: readonly Kf5Device[];
}

/** A colleague has answered a ticket in public. */
export function kf5Ticket({ ticketId, ...addressee }: Addressee & { readonly ticketId: string }): Callback {
  return kf5Callback(addressee, { ticket_id: ticketId, type: 'ticket' });
}

/** A chat message has found its reader offline. */
export function kf5Chat({ text, ...addressee }: Addressee & { readonly text: string }): Callback {
  return kf5Callback(addressee, { message: text, type: 'im' });
}

function kf5Callback({ userId, devices }: Addressee, notification: object): Callback {
  const device = devices.map(({ token, platform }) => ({ device_token: token, type: platform.toUpperCase() }));
  return posted(JSON.stringify({ user: { user_id: userId }, device, notification }));
}

function posted(body: string): Callback {
  const headers = { 'content-type': 'application/json', accept: 'application/json' };
  return { method: 'POST', path: '', query: {}, headers, body };
}

const LEGACY_DEVICE = '"device":[\n{\n"device_token":"1234567890",\n"type":"ANDROID"\n}\n]';

/** Bodies off the current grammar: the first two as the pages of SDK 1.x print them, the others as the field may send them. */
export const kf5Samples = {
  /** Comma after the last member; neither user nor type. */
  legacyTicket: posted(`{\n${LEGACY_DEVICE},\n"notification": {\n"ticket_id":"123",\n}\n}`),
  legacyChat: posted(`{\n${LEGACY_DEVICE},\n"notification": {\n"message":"hello",\n}\n}`),
  /** Nobody to tell. */
  withoutRecipient: posted('{"notification":{"message":"hello","type":"im"}}'),
  /** Says two things at once. */
  ambiguous: posted('{"notification":{"ticket_id":"123","message":"hello"}}'),
  /** Beyond repair. */
  missingComma: posted('{"user":{"user_id":123} "notification":{"ticket_id":"123","type":"ticket"}}'),
  form: posted('device_token=1234567890&ticket_id=123'),
} as const satisfies Record<string, Callback>;
