import type { RongCloudAudience, RongCloudPlatform, RongCloudPushCommand } from './commands.js';

export interface RongCloudDevice {
  readonly id: string;
  readonly userId: string;
  readonly platform: RongCloudPlatform;
  readonly packageName: string;
}

/** The people of an app, their devices and their tags. */
export class RongCloudDirectory {
  readonly #devices = new Map<string, RongCloudDevice>();
  readonly #tags = new Map<string, ReadonlySet<string>>();

  get devices(): readonly RongCloudDevice[] {
    return [...this.#devices.values()];
  }

  /** Seeds devices; a known id is replaced. */
  addDevices(devices: readonly RongCloudDevice[]): void {
    for (const device of devices) this.#devices.set(device.id, device);
  }

  /** Replaces the whole set of each of these people. */
  setTags(userIds: readonly string[], tags: readonly string[]): void {
    for (const userId of userIds) this.#tags.set(userId, new Set(tags));
  }

  tagsOf(userId: string): readonly string[] {
    return [...(this.#tags.get(userId) ?? [])];
  }

  /** Devices that a push reaches, in the order in which they were seeded. */
  reached({ audience, platforms }: RongCloudPushCommand): readonly RongCloudDevice[] {
    return this.devices.filter(
      (device) => (platforms === null || platforms.includes(device.platform)) && this.#isMeant(audience, device),
    );
  }

  #isMeant(audience: RongCloudAudience, { userId, packageName }: RongCloudDevice): boolean {
    if ('all' in audience) return true;
    if ('userIds' in audience) return audience.userIds.includes(userId);
    const tags = this.#tags.get(userId) ?? new Set();
    return (
      audience.tagsAll.every((tag) => tags.has(tag)) &&
      (audience.tagsAny.length === 0 || audience.tagsAny.some((tag) => tags.has(tag))) &&
      (audience.packageName === undefined || audience.packageName === packageName)
    );
  }
}
