import type { ClientType, Environment, Platform, SessionState } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import type { SqlRunner, Transaction } from '../../platform/sql.js';
import { type AudienceQuery, devicesOf, TAGS_OF_OWNER, thinkLarge } from '../audiences/audience-query.js';
import type { DeviceState } from '../devices/device.entity.js';
import { bearsOn } from './bearing.js';
import type { DeviceKind } from './delivery-plan.kinds.js';
import { Preference } from '../users/preference.entity.js';

export interface DirectoryDevice {
  readonly id: string;
  readonly userId: string | null;
  readonly installationId: string;
  readonly platform: Platform;
  readonly gateway: string;
  readonly environment: Environment;
  readonly appIdentifier: string | null;
  readonly locale: string | null;
  /** Which copy template the app asks for; stands in front of the locale. */
  readonly contentKey: string | null;
  readonly timeZone: string | null;
  readonly state: DeviceState;
  readonly tokenHash: Buffer;
}

export interface Session {
  readonly source: string;
  readonly session: string;
  readonly state: SessionState;
  readonly client: ClientType;
  readonly observedAt: Date;
  readonly expiresAt: Date | null;
}

/** Everything that routing needs to know of a person. */
export interface Person {
  readonly userId: string;
  readonly devices: readonly DirectoryDevice[];
  readonly sessions: readonly Session[];
  readonly preference: Preference | undefined;
}

export interface IdentityQuery {
  readonly integrationId: string;
  readonly kind: string;
  readonly value: string;
}

const DEVICE_COLUMNS = `d.id, d.user_id AS "userId", d.installation_id AS "installationId", d.platform, d.gateway, d.environment,
  d.app_identifier AS "appIdentifier", d.locale, d.content_key AS "contentKey", d.time_zone AS "timeZone", d.state,
  d.token_hash AS "tokenHash"`;

/** Devices that are held in memory together. */
const PART = 5_000;

export interface CountedKind extends DeviceKind {
  readonly count: number;
}

/** Looks people and devices up, each kind in one statement for a whole batch of events of one app. */
@Injectable()
export class Directory {
  /** Linked users by `integrationId kind value`. */
  async linkedUsers(tx: SqlRunner, appId: string, identities: readonly IdentityQuery[]): Promise<Map<string, string>> {
    if (identities.length === 0) return new Map();
    const rows = await tx.query<IdentityQuery & { userId: string }>(
      `SELECT i.integration_id AS "integrationId", i.kind, i.value, i.user_id AS "userId"
       FROM unnest($2::uuid[], $3::text[], $4::text[]) AS q (integration_id, kind, value)
       JOIN identity i ON i.app_id = $1 AND i.integration_id = q.integration_id AND i.kind = q.kind AND i.value = q.value`,
      [
        appId,
        identities.map(({ integrationId }) => integrationId),
        identities.map(({ kind }) => kind),
        identities.map(({ value }) => value),
      ],
      'linked-users',
    );
    return new Map(rows.map((row) => [identityKey(row), row.userId]));
  }

  /** People by user id; somebody of whom nothing is known is there with empty lists. */
  async people(tx: SqlRunner, appId: string, userIds: readonly string[]): Promise<Map<string, Person>> {
    if (userIds.length === 0) return new Map();
    const [devices, people] = await Promise.all([
      tx.query<DirectoryDevice>(
        `SELECT ${DEVICE_COLUMNS} FROM device d WHERE app_id = $1 AND user_id = ANY($2) ORDER BY id`,
        [appId, userIds],
        'devices-of-users',
      ),
      this.habits(tx, appId, userIds),
    ]);
    const devicesBy = Map.groupBy(devices, ({ userId }) => userId);
    return new Map(
      [...people].map(([userId, person]) => [userId, { ...person, devices: devicesBy.get(userId) ?? [] }]),
    );
  }

  /** People with their sessions and preferences, and without their devices. */
  async habits(tx: SqlRunner, appId: string, userIds: readonly string[]): Promise<Map<string, Person>> {
    if (userIds.length === 0) return new Map();
    const values = [appId, userIds];
    const [sessions, preferences] = await Promise.all([
      tx.query<Session & { userId: string }>(
        `SELECT user_id AS "userId", source, session, state, client, observed_at AS "observedAt", expires_at AS "expiresAt"
         FROM presence WHERE app_id = $1 AND user_id = ANY($2)`,
        values,
        'sessions-of-users',
      ),
      tx.query<Record<string, unknown> & { user_id: string }>(
        'SELECT * FROM preference WHERE app_id = $1 AND user_id = ANY($2)',
        values,
        'preferences-of-users',
      ),
    ]);
    const sessionsBy = Map.groupBy(sessions, ({ userId }) => userId);
    const preferenceBy = new Map(preferences.map((row) => [row.user_id, preferenceOf(row)]));
    return new Map(
      userIds.map((userId) => [
        userId,
        { userId, devices: [], sessions: sessionsBy.get(userId) ?? [], preference: preferenceBy.get(userId) },
      ]),
    );
  }

  /** How many active devices of each kind an audience has. */
  async countByKind(tx: SqlRunner, appId: string, query: AudienceQuery): Promise<CountedKind[]> {
    await thinkLarge(tx);
    return tx.query<CountedKind & object>(
      `SELECT d.platform, d.gateway, d.app_identifier AS "appIdentifier", d.content_key AS "contentKey", d.locale,
              d.time_zone AS "timeZone", count(*)::int AS count
       ${devicesOf(query)}
       GROUP BY 1, 2, 3, 4, 5, 6`,
      [appId, ...query.values],
    );
  }

  /** Those among the active devices of an audience whose owners may get a decision of their own, in parts. */
  async *devicesToLookAt(
    tx: Transaction,
    appId: string,
    { where, values }: AudienceQuery,
    { category, now }: { readonly category: string; readonly now: Date },
  ): AsyncGenerator<readonly DirectoryDevice[]> {
    const [byCategory, at] = [`$${values.length + 2}`, `$${values.length + 3}`];
    // A cursor, because all of an audience may be such people.
    tx.send(
      `DECLARE to_look_at NO SCROLL CURSOR FOR
       SELECT d.id
       FROM (SELECT user_id FROM preference p WHERE p.app_id = $1 AND ${bearsOn.preference(byCategory)}
             UNION
             SELECT user_id FROM presence s WHERE s.app_id = $1 AND ${bearsOn.session(at)}) people
       JOIN device d ON d.app_id = $1 AND d.user_id = people.user_id ${TAGS_OF_OWNER}
       WHERE d.state = 'active' AND ${where}`,
      [appId, ...values, category, now],
    );
    for (let isMore = true; isMore;) {
      const rows = await tx.query<{ id: string }>(`FETCH ${PART} FROM to_look_at`);
      const ids = rows.map(({ id }) => id);
      yield await this.devices(tx, appId, ids, []);
      isMore = ids.length === PART;
    }
  }

  /** The next people with tags, whether they have a device or not, in the order of their ids. */
  async taggedUsers(
    tx: SqlRunner,
    appId: string,
    { allOf, anyOf }: { readonly allOf: readonly string[]; readonly anyOf: readonly string[] },
    after: string | null,
    limit: number,
  ): Promise<string[]> {
    const rows = await tx.query<{ user_id: string }>(
      `SELECT user_id FROM user_tag
       WHERE app_id = $1 AND tags @> $2::text[] AND (cardinality($3::text[]) = 0 OR tags && $3::text[])
         AND ($4::text IS NULL OR user_id > $4)
       ORDER BY user_id LIMIT $5`,
      [appId, allOf, anyOf, after, limit],
    );
    return rows.map(({ user_id }) => user_id);
  }

  /** The next people who have a device of an audience, in the order of their ids. */
  async usersOfAudience(
    tx: SqlRunner,
    appId: string,
    { where, values }: AudienceQuery,
    after: string | null,
    limit: number,
  ): Promise<string[]> {
    const [cursor, count] = [values.length + 2, values.length + 3];
    const rows = await tx.query<{ user_id: string }>(
      `SELECT DISTINCT d.user_id
       FROM device d ${TAGS_OF_OWNER}
       WHERE d.app_id = $1 AND d.state = 'active' AND d.user_id IS NOT NULL AND (${where})
         AND ($${cursor}::text IS NULL OR d.user_id > $${cursor})
       ORDER BY d.user_id LIMIT $${count}`,
      [appId, ...values, after, limit],
    );
    return rows.map(({ user_id }) => user_id);
  }

  /** Devices by id, and by the hash of their token. */
  async devices(
    tx: SqlRunner,
    appId: string,
    ids: readonly string[],
    tokenHashes: readonly Buffer[],
  ): Promise<DirectoryDevice[]> {
    if (ids.length === 0 && tokenHashes.length === 0) return [];
    return tx.query<DirectoryDevice>(
      `SELECT ${DEVICE_COLUMNS} FROM device d WHERE app_id = $1 AND (id = ANY($2::uuid[]) OR token_hash = ANY($3::bytea[]))`,
      [appId, ids, tokenHashes],
      'devices-by-address',
    );
  }
}

export const identityKey = ({ integrationId, kind, value }: IdentityQuery): string =>
  `${integrationId} ${kind} ${value}`;

function preferenceOf(row: Record<string, unknown>): Preference {
  return Object.assign(new Preference(), {
    pushEnabled: row.push_enabled,
    dndStart: row.dnd_start,
    dndEnd: row.dnd_end,
    dndTimeZone: row.dnd_time_zone,
    mutedConversations: row.muted_conversations,
    optedOut: row.opted_out,
    blockedSenders: row.blocked_senders,
    friends: row.friends,
    allowStrangers: row.allow_strangers,
    quietOnDesktop: row.quiet_on_desktop,
  });
}
