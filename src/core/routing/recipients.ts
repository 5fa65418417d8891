import type { CallbackDevice, IdentityRef } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import type { SqlRunner } from '../../platform/sql.js';
import { CallbackDevices } from '../devices/callback-devices.js';
import { DevicesService } from '../devices/devices.service.js';
import type { OpenedIntegration } from '../integrations/integration-cache.js';
import { Directory, type DirectoryDevice, type Person } from './directory.js';
import { NamedUsers } from './named-users.js';
import type { AcceptedEvent } from './accepted-event.js';
import type { Candidate } from './candidate.js';

/** An event with the people and devices it concerns. */
export interface ResolvedEvent {
  readonly row: AcceptedEvent;
  readonly integration: OpenedIntegration;
  /** Events of one callback with the same key concern the same people. */
  readonly audienceKey: string;
  readonly userIds: readonly string[];
  readonly candidates: readonly Candidate[];
  /** One line per step, for the trace. */
  readonly decisions: readonly string[];
}

interface Claim {
  readonly identity: IdentityRef;
  /** Known without a look-up. */
  readonly userId?: string;
}

/** A device that a callback names, in the form the registry knows. */
interface NamedDevice {
  readonly named: CallbackDevice;
  readonly deviceId?: string;
  readonly hashes: readonly Buffer[];
}

/** Answers "who": identities → users → devices, and the devices that callbacks name themselves. */
@Injectable()
export class Recipients {
  constructor(
    private readonly directory: Directory,
    private readonly devices: DevicesService,
    private readonly callbackDevices: CallbackDevices,
  ) {}

  async resolve(
    tx: SqlRunner,
    appId: string,
    rows: readonly AcceptedEvent[],
    opened: ReadonlyMap<string, OpenedIntegration>,
    channels: readonly OpenedIntegration[],
  ): Promise<ResolvedEvent[]> {
    const events = rows.flatMap((row) => {
      const integration = opened.get(row.integrationId);
      return integration ? [{ row, integration, claims: claimsOf(row, integration) }] : [];
    });
    const queries = events.flatMap(({ row, claims }) =>
      claims.filter(({ userId }) => !userId).map(({ identity }) => ({ integrationId: row.integrationId, ...identity })),
    );
    const named = await NamedUsers.find(this.directory, tx, appId, queries);
    const guesses = events.flatMap(({ integration, claims }) =>
      claims.map((claim) => userOf(claim, integration, named)),
    );
    const people = await this.directory.people(tx, appId, [
      ...new Set(guesses.flatMap((guess) => guess?.userId ?? [])),
    ]);
    const registry = await this.namedDevices(tx, appId, rows, channels);
    const resolved: ResolvedEvent[] = [];
    for (const { row, integration, claims } of events) {
      const found = usersOf({ row, integration }, claims, named, people);
      const told = await this.callbackCandidates(tx, {
        row,
        integration,
        channels,
        registry,
        owner: found.userIds[0],
        people,
      });
      const own = found.userIds.flatMap((userId) => candidatesOf(people.get(userId), userId));
      const candidates = dedupe([...own, ...told.candidates]);
      const audienceKey = JSON.stringify(row.event.recipient.identities.map(({ kind, value }) => [kind, value]));
      const decisions = [...found.decisions, ...told.decisions];
      resolved.push({ row, integration, audienceKey, userIds: found.userIds, candidates, decisions });
    }
    return resolved;
  }

  private async namedDevices(
    tx: SqlRunner,
    appId: string,
    rows: readonly AcceptedEvent[],
    channels: readonly OpenedIntegration[],
  ): Promise<DirectoryDevice[]> {
    const named = rows.flatMap(({ event }) =>
      event.recipient.devices.map((device) => this.addressOf(device, channels)),
    );
    const ids = named.flatMap(({ deviceId }) => deviceId ?? []);
    return this.directory.devices(
      tx,
      appId,
      ids,
      named.flatMap(({ hashes }) => hashes),
    );
  }

  /** A callback may name a device by our own id, or by a token of any gateway. */
  private addressOf(named: CallbackDevice, channels: readonly OpenedIntegration[]): NamedDevice {
    const deviceId = /^dev_([0-9a-f]{32})$/.exec(named.token)?.[1];
    if (deviceId) return { named, deviceId, hashes: [] };
    const gateways = new Set(channels.map(({ plugin }) => plugin));
    const hashes = [...gateways].map(({ id }) => this.devices.tokenHash(id, named.token));
    return { named, hashes };
  }

  private async callbackCandidates(
    tx: SqlRunner,
    input: {
      row: AcceptedEvent;
      integration: OpenedIntegration;
      channels: readonly OpenedIntegration[];
      registry: readonly DirectoryDevice[];
      owner: string | undefined;
      people: ReadonlyMap<string, Person>;
    },
  ): Promise<{ candidates: Candidate[]; decisions: string[] }> {
    const { row, integration, channels, registry, owner, people } = input;
    const candidates: Candidate[] = [];
    const decisions: string[] = [];
    for (const named of row.event.recipient.devices) {
      const address = this.addressOf(named, channels);
      const known = registry.find(
        ({ id, tokenHash }) =>
          id.replaceAll('-', '') === address.deviceId || address.hashes.some((hash) => hash.equals(tokenHash)),
      );
      const device = known ?? (await this.adopt(tx, row, integration, named, channels, owner));
      const userId = owner ?? (typeof device === 'object' ? device.userId : null);
      const person = userId ? people.get(userId) : undefined;
      if (typeof device === 'string') {
        candidates.push({ userId, person, unreachable: device });
        decisions.push(`callback device …${named.token.slice(-4)}: ${device}`);
      } else if (device) {
        const foreign = owner !== undefined && device.userId !== null && device.userId !== owner;
        candidates.push({ userId, person, device, ...(foreign && { unreachable: 'device_of_another_user' as const }) });
        decisions.push(
          `callback device …${named.token.slice(-4)}: ${known ? 'in the registry' : 'added to the registry'}`,
        );
      }
    }
    return { candidates, decisions };
  }

  /** Registers a device that only the callback knows, when the integration trusts it. */
  private async adopt(
    tx: SqlRunner,
    row: AcceptedEvent,
    { row: { settings } }: OpenedIntegration,
    named: CallbackDevice,
    channels: readonly OpenedIntegration[],
    userId: string | undefined,
  ): Promise<DirectoryDevice | 'invalid_token' | undefined> {
    const { platform, token } = named;
    if (!settings.trustCallbackDevices || platform === 'unknown') return undefined;
    const serving = channels.find(({ plugin }) => plugin.outbound?.manifest.gateway?.platforms[0] === platform);
    const gateway = serving?.plugin.outbound?.manifest.gateway;
    if (!serving || !gateway) return undefined;
    if (!gateway.identifiers.token?.test(gateway.normalize(token))) return 'invalid_token';
    const id = await this.callbackDevices.adopt(tx, row.appId, {
      gateway: serving.plugin.id,
      platform,
      token: gateway.normalize(token),
      environment: gateway.environments ? settings.callbackEnvironment : 'unknown',
      appIdentifier: gateway.appIdentifier(serving.config) ?? null,
      userId: userId ?? null,
      seenAt: row.receivedAt,
    });
    const hash = this.devices.tokenHash(serving.plugin.id, token);
    const [device] = await this.directory.devices(tx, row.appId, id ? [id] : [], id ? [] : [hash]);
    return device;
  }
}

function claimsOf({ event, integrationId }: AcceptedEvent, { plugin, config }: OpenedIntegration): Claim[] {
  return event.recipient.identities.flatMap((identity): Claim[] => {
    const vouched = plugin.inbound?.vouch?.(identity, config, integrationId);
    if (vouched === 'untrusted') return [];
    return [{ identity, userId: vouched?.userId }];
  });
}

function userOf({ identity, userId }: Claim, integration: OpenedIntegration, named: NamedUsers) {
  if (userId) return { userId, how: 'signed by us' };
  const linked = named.linked(integration, identity);
  if (linked) return { userId: linked, how: 'linked' };
  const taken = named.of(integration, identity);
  return taken === undefined ? undefined : { userId: taken, how: 'taken for our user id' };
}

/** The identities of a group are people; otherwise they are names of one person, the most trusted first. */
function usersOf(
  { row, integration }: Pick<ResolvedEvent, 'row' | 'integration'>,
  claims: readonly Claim[],
  named: NamedUsers,
  people: ReadonlyMap<string, Person>,
): { userIds: string[]; decisions: string[] } {
  const group = row.event.conversation?.type === 'group';
  const userIds: string[] = [];
  const decisions: string[] = [];
  for (const claim of claims) {
    const user = userOf(claim, integration, named);
    const name = `${claim.identity.kind} ${claim.identity.value}`;
    // A guess counts when we know somebody under that id; a link or a signature always does.
    const unknown = !user || (user.how === 'taken for our user id' && !isKnown(people.get(user.userId)));
    if (unknown) {
      decisions.push(`${name}: not linked to a user`);
      continue;
    }
    decisions.push(`${name}: user ${user.userId} (${user.how})`);
    userIds.push(user.userId);
    if (!group) break;
  }
  return { userIds: [...new Set(userIds)], decisions };
}

const isKnown = (person: Person | undefined): boolean =>
  person !== undefined && (person.devices.length > 0 || person.sessions.length > 0 || person.preference !== undefined);

/** Every active device of a person, or the person without one. */
function candidatesOf(person: Person | undefined, userId: string): Candidate[] {
  const active = person?.devices.filter(({ state }) => state === 'active') ?? [];
  return active.length > 0 ? active.map((device) => ({ userId, person, device })) : [{ userId, person }];
}

/** One push per device; a person without a device drops out when the callback named one. */
function dedupe(candidates: readonly Candidate[]): Candidate[] {
  const seen = new Set<string>();
  const unique = candidates.filter(({ device }) => !device || (!seen.has(device.id) && seen.add(device.id)));
  const reached = unique.some(({ device }) => device);
  return unique.filter(
    ({ device, unreachable, userId }) => device || unreachable || !reached || !userId || !hasDevice(unique, userId),
  );
}

const hasDevice = (candidates: readonly Candidate[], userId: string): boolean =>
  candidates.some((candidate) => candidate.userId === userId && candidate.device);
