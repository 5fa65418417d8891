import { type EffectiveAudience, effectiveAudience, NotFoundError, PLATFORMS } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { internalId } from '../../platform/ids.js';
import type { SqlRunner } from '../../platform/sql.js';
import { type AudienceQuery, audienceQuery } from '../audiences/audience-query.js';
import { vendorIdsOf } from '../audiences/vendor-ids.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import type { Audience } from '../notifications/content.js';
import type { Candidate, ConsideredDevice } from './candidate.js';
import { Directory } from './directory.js';

/** Who is meant, and the one channel that is to be used; without it, each device's own gateway. */
export interface AudienceSpec {
  readonly appId: string;
  readonly audience: Audience;
  readonly channel: OpenedIntegration | undefined;
}

export interface Slice {
  readonly candidates: readonly Candidate[];
  /** Where the next slice begins; null: there is none. */
  readonly until: string | null;
}

/** Turns an audience into candidates, part by part: named people at once, everybody else in the order of a key. */
@Injectable()
export class AudienceSlices {
  constructor(private readonly directory: Directory) {}

  /** How the devices of an audience are found where it is not named or delegated, but walked; undefined: it is not walked. */
  walkedQuery({ audience, channel }: Pick<AudienceSpec, 'audience' | 'channel'>): AudienceQuery | undefined {
    const effective = effectiveAudience(audience);
    const isOwn = !channel || channel.plugin.outbound?.manifest.gateway;
    if (!isOwn || !effective || effective.kind === 'users') return undefined;
    return ownQuery(effective, channel?.plugin.id);
  }

  /** The next candidates of an audience that is not walked. */
  async next(tx: SqlRunner, spec: AudienceSpec, after: string | null, limit: number): Promise<Slice> {
    const { appId, audience, channel } = spec;
    const effective = effectiveAudience(audience);
    if (channel && !channel.plugin.outbound?.manifest.gateway) {
      return this.delegated(tx, { appId, channel, effective, after, limit });
    }
    if (audience.devices) return last(await this.namedDevices(tx, appId, audience.devices));
    if (effective?.kind !== 'users') return last([]);
    return last(await this.namedPeople(tx, appId, effective.users, channel?.plugin.id));
  }

  /** Devices with what is known of their owners. */
  async withOwners(tx: SqlRunner, appId: string, devices: readonly ConsideredDevice[]): Promise<Candidate[]> {
    const people = await this.directory.habits(tx, appId, ownersOf(devices));
    return devices.map((device) => ({ userId: device.userId, person: people.get(device.userId ?? ''), device }));
  }

  private async delegated(
    tx: SqlRunner,
    input: {
      appId: string;
      channel: OpenedIntegration;
      effective: EffectiveAudience | undefined;
      after: string | null;
      limit: number;
    },
  ): Promise<Slice> {
    const { appId, channel, effective, after, limit } = input;
    if (!effective) return last([]);
    if (effective.kind === 'users') return last(await this.vendorUsers(tx, appId, channel, effective.users));
    if (takesAudience(channel, effective)) return last([wholeAudience(channel, effective)]);
    const users = isAboutPeople(effective)
      ? await this.directory.taggedUsers(tx, appId, effective, after, limit)
      : await this.directory.usersOfAudience(tx, appId, audienceQuery(effective, 2), after, limit);
    const candidates = await this.vendorUsers(tx, appId, channel, users);
    return { candidates, until: users.length < limit ? null : (users.at(-1) ?? null) };
  }

  /** People under the names that the channel's vendor has for them. */
  async vendorUsers(
    tx: SqlRunner,
    appId: string,
    channel: OpenedIntegration,
    userIds: readonly string[],
  ): Promise<Candidate[]> {
    const names = await vendorIdsOf(tx, channel, userIds);
    const people = await this.directory.habits(tx, appId, userIds);
    return userIds.flatMap((userId): Candidate[] => {
      const person = people.get(userId);
      const accounts = names.get(userId) ?? [];
      if (accounts.length === 0) return [{ userId, person, unreachable: 'no_identity' }];
      return accounts.map((account) => {
        return { userId, person, through: { channel, target: { kind: 'vendorUser', userId: account } } };
      });
    });
  }

  /** Every active device of the named people, or the person without one. */
  private async namedPeople(
    tx: SqlRunner,
    appId: string,
    users: readonly string[],
    gateway: string | undefined,
  ): Promise<Candidate[]> {
    const people = await this.directory.people(tx, appId, users);
    return [...people.values()].flatMap((person): Candidate[] => {
      const { userId, devices } = person;
      const active = devices.filter((device) => device.state === 'active' && (!gateway || device.gateway === gateway));
      return active.length > 0 ? active.map((device) => ({ userId, person, device })) : [{ userId, person }];
    });
  }

  private async namedDevices(tx: SqlRunner, appId: string, publicIds: readonly string[]): Promise<Candidate[]> {
    const ids = [...new Set(publicIds)].map((id) => internalId('dev', id));
    const found = await this.directory.devices(tx, appId, ids, []);
    if (found.length < ids.length) throw new NotFoundError('A device of the audience');
    return this.withOwners(tx, appId, found);
  }
}

/** Whether the vendor itself can find the people of such an audience. */
export function takesAudience({ plugin }: OpenedIntegration, { kind }: Pick<EffectiveAudience, 'kind'>): boolean {
  return plugin.outbound?.manifest.capabilities.send?.audiences?.includes(kind) ?? false;
}

/** Tags alone: whoever has them is meant, with a device in our registry or without one. */
function isAboutPeople(effective: EffectiveAudience): effective is Extract<EffectiveAudience, { kind: 'tags' }> {
  return effective.kind === 'tags' && !effective.packageName && effective.platforms.length === PLATFORMS.length;
}

/** The devices of an audience; of one gateway, when only that is to be used. */
function ownQuery(effective: EffectiveAudience, gateway: string | undefined): AudienceQuery {
  const query = audienceQuery(effective, 2);
  if (!gateway) return query;
  const { where, ofDevice, ofTags, values } = query;
  const condition = `d.gateway = $${values.length + 2}`;
  return {
    where: `${where} AND ${condition}`,
    ofDevice: `${ofDevice} AND ${condition}`,
    ofTags,
    values: [...values, gateway],
  };
}

/** One delivery for all of them: the vendor finds the devices. */
function wholeAudience(channel: OpenedIntegration, audience: EffectiveAudience): Candidate {
  return { userId: null, person: undefined, through: { channel, target: { kind: 'audience', audience } } };
}

const last = (candidates: readonly Candidate[]): Slice => ({ candidates, until: null });

const ownersOf = (devices: readonly ConsideredDevice[]): string[] => [
  ...new Set(devices.flatMap(({ userId }) => userId ?? [])),
];
