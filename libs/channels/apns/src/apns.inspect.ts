import type { Inspection, PushMessage, SendItem } from '@bellhop/contracts';
import type { ApnsPayload } from './apns.payload.js';
import { headersOf, readyItem } from './apns.request.js';

/** What would be sent for an item; made by the functions that send it. */
export function inspectItem(item: SendItem, bundleId: string): Inspection {
  const ready = readyItem(item);
  if ('refusal' in ready) return { issues: ready.refusal.issues, warnings: [] };
  const { json, payload } = ready;
  return {
    issues: [],
    warnings: warningsOf(item.message, payload),
    rendered: {
      payload: JSON.parse(json) as unknown,
      headers: headersOf(ready, bundleId),
      bytes: Buffer.byteLength(json),
    },
  };
}

function warningsOf({ androidChannel, imageUrl, silent, collapseId }: PushMessage, payload: ApnsPayload): string[] {
  const warnings: readonly (readonly [boolean, string])[] = [
    [payload.shortened, 'The body is cut: APNs takes 4,096 bytes.'],
    [androidChannel !== undefined, 'androidChannel means nothing to an iPhone.'],
    [imageUrl !== undefined && !silent, 'The picture is shown by apps with a notification service extension.'],
    [imageUrl !== undefined && silent === true, 'A silent push has no picture.'],
    [
      payload.collapseId !== (collapseId || undefined),
      'collapseId travels as a digest: APNs takes 64 ASCII characters.',
    ],
  ];
  return warnings.flatMap(([applies, words]) => (applies ? [words] : []));
}
