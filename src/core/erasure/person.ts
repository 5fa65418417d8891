import { publicId } from '../../platform/ids.js';

/** A vendor's name for a person. */
export interface PersonalName {
  readonly integrationId: string;
  readonly kind: string;
  readonly value: string;
}

/** An install of a person's app. */
export interface PersonalDevice {
  /** UUID. */
  readonly id: string;
  readonly installationId: string;
  /** In the gateway's normal form; empty when it could not be opened. */
  readonly token: string;
}

/** Everything by which rows name a person. Holds device tokens: never logged, stored under seal only. */
export interface Person {
  readonly appId: string;
  readonly userId: string;
  /** Those that are linked, and the user id where a vendor's name counts as one. */
  readonly names: readonly PersonalName[];
  readonly devices: readonly PersonalDevice[];
}

/** Every text that stands for the person, each once. */
export function textsOf({ userId, names, devices }: Person): readonly string[] {
  const ofDevices = devices.flatMap(({ id, installationId, token }) => [
    id,
    id.replaceAll('-', ''),
    publicId('dev', id),
    installationId,
    token,
  ]);
  return [...new Set([userId, ...names.map(({ value }) => value), ...ofDevices])].filter(Boolean);
}

/** The names that the vendor of an integration has for the person. */
export function valuesAt({ names }: Person, integrationId: string | null): ReadonlySet<string> {
  return new Set(names.filter((name) => name.integrationId === integrationId).map(({ value }) => value));
}

/** Two people in one: what was known before, and what is known now. */
export function merged(before: Person | undefined, now: Person): Person {
  if (!before) return now;
  return {
    ...now,
    names: uniqueBy([...before.names, ...now.names], ({ integrationId, kind, value }) =>
      JSON.stringify([integrationId, kind, value]),
    ),
    devices: uniqueBy([...before.devices, ...now.devices], ({ id, token }) => `${id} ${token}`),
  };
}

function uniqueBy<T>(items: readonly T[], keyOf: (item: T) => string): T[] {
  return [...new Map(items.map((item) => [keyOf(item), item])).values()];
}
