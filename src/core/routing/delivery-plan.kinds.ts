import type { Candidate, ConsideredDevice } from './candidate.js';

/**
 * All that {@link planDelivery} reads of an active device, as long as nothing that is known of its owner bears on it:
 * devices of one kind share a plan. The columns and their order are those of {@link DEVICE_KIND}.
 */
export type DeviceKind = Pick<
  ConsideredDevice,
  'platform' | 'gateway' | 'appIdentifier' | 'contentKey' | 'locale' | 'timeZone'
>;

/** The kind of `device d` in SQL, as an array, since arrays are equal also where both hold a null. */
export const DEVICE_KIND = 'ARRAY[d.platform, d.gateway, d.app_identifier, d.content_key, d.locale, d.time_zone]';

/** A kind as {@link DEVICE_KIND} has it. */
export const kindColumns = (kind: DeviceKind): readonly (string | null)[] => [
  kind.platform,
  kind.gateway,
  kind.appIdentifier,
  kind.contentKey,
  kind.locale,
  kind.timeZone,
];

/** Stands for every device of a kind. */
export function candidateOfKind({ platform, gateway, appIdentifier, contentKey, locale, timeZone }: DeviceKind) {
  const kind = { platform, gateway, appIdentifier, contentKey, locale, timeZone };
  const device = { ...kind, id: '', userId: null, installationId: '', state: 'active' } as const;
  return { userId: null, person: undefined, device } satisfies Candidate;
}
