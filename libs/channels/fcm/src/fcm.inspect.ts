import type { DeviceTarget, Inspection, PushMessage, SendItem } from '@bellhop/contracts';
import { type AndroidStyle, type FcmPayload, FcmPayloads, renderMembers } from './fcm.payload.js';
import { messageFor } from './fcm.request.js';

/** What would be sent for an item, without the device's address; made by the functions that send it. */
export function inspectItem(item: SendItem, style: AndroidStyle, now: Date): Inspection {
  const message = messageFor(item, new FcmPayloads(style));
  if ('outcome' in message) return { issues: message.issues, warnings: [] };
  const json = `{"message":{${renderMembers(message, now.getTime())}}}`;
  const warnings = warningsOf(item.message, message.payload, (item.target as DeviceTarget).platform, style);
  return {
    issues: [],
    warnings,
    rendered: { payload: JSON.parse(json) as unknown, bytes: Buffer.byteLength(json) },
  };
}

function warningsOf(
  message: PushMessage,
  { shortened }: FcmPayload,
  platform: DeviceTarget['platform'],
  style: AndroidStyle,
): string[] {
  const cut = shortened ? ['The body is cut: FCM takes 4,096 bytes.'] : [];
  if (platform === 'ios') return [...cut, ...warningsOfIos(message)];
  return style === 'data' || message.silent ? cut : [...cut, ...warningsOfAndroid(message)];
}

function warningsOfIos({ androidChannel, imageUrl, silent }: PushMessage): string[] {
  return [
    ...(androidChannel === undefined ? [] : ['androidChannel means nothing to an iPhone.']),
    ...(imageUrl === undefined || silent
      ? []
      : ['The picture is shown by apps with a notification service extension.']),
  ];
}

/** Of messages that the system shows. */
function warningsOfAndroid(message: PushMessage): string[] {
  const ignored = (['subtitle', 'threadId', 'category'] as const).filter((field) => message[field] !== undefined);
  return [
    ...ignored.map((field) => `Android does not show ${field} in the style "notification".`),
    ...(message.badge === 0 ? ['Android cannot clear the number on the icon.'] : []),
  ];
}
