import { type EffectiveAudience, type Platform, PLATFORMS } from '@bellhop/contracts';
import type { SqlRunner } from '../../platform/sql.js';

/** A condition over `device d LEFT JOIN user_tag t`, and the values of its parameters. */
export interface AudienceQuery {
  /** The whole condition: {@link ofDevice} and {@link ofTags}. */
  readonly where: string;
  /** What it says of `d` alone. */
  readonly ofDevice: string;
  /** What it says of `t`; undefined: tags do not matter. */
  readonly ofTags: string | undefined;
  readonly values: readonly unknown[];
}

/** The tags of the owner of `device d`. */
export const TAGS_OF_OWNER = 'LEFT JOIN user_tag t ON t.app_id = d.app_id AND t.user_id = d.user_id';

/**
 * An audience as SQL, for
 * `FROM device d LEFT JOIN user_tag t ON t.app_id = d.app_id AND t.user_id = d.user_id WHERE d.app_id = $1 AND d.state = 'active' AND <where>`.
 * @param firstParameter number of the first parameter that is free.
 */
export function audienceQuery(audience: EffectiveAudience, firstParameter: number): AudienceQuery {
  const conditions = conditionsOf(audience);
  const numbered = conditions.map(({ about, sql }, i) => {
    return { about, sql: sql.replace('?', () => `$${firstParameter + i}`) };
  });
  const all = (about: Condition['about']) => {
    const parts = numbered.filter((condition) => condition.about === about).map(({ sql }) => sql);
    return parts.length > 0 ? parts.join(' AND ') : undefined;
  };
  const [ofDevice, ofTags] = [all('device') ?? 'true', all('tags')];
  const where = ofTags ? `${ofDevice} AND ${ofTags}` : ofDevice;
  return { where, ofDevice, ofTags, values: conditions.map(({ value }) => value) };
}

interface Condition {
  readonly about: 'device' | 'tags';
  /** With one `?`, for which the value stands. */
  readonly sql: string;
  readonly value: unknown;
}

function conditionsOf(audience: EffectiveAudience): Condition[] {
  switch (audience.kind) {
    case 'everyone':
      return onPlatforms(audience.platforms);
    case 'users':
      return [{ about: 'device', sql: 'd.user_id = ANY(?::text[])', value: audience.users }];
    case 'tags': {
      const { allOf, anyOf, packageName, platforms } = audience;
      const conditions = onPlatforms(platforms);
      if (packageName) conditions.push({ about: 'device', sql: 'd.app_identifier = ?', value: packageName });
      if (allOf.length > 0) conditions.push({ about: 'tags', sql: 't.tags @> ?::text[]', value: allOf });
      if (anyOf.length > 0) conditions.push({ about: 'tags', sql: 't.tags && ?::text[]', value: anyOf });
      return conditions;
    }
  }
}

/** Where all are meant, nothing is asked: it would be asked of every device. */
function onPlatforms(value: readonly Platform[]): Condition[] {
  const isLimited = PLATFORMS.some((platform) => !value.includes(platform));
  return isLimited ? [{ about: 'device', sql: 'd.platform = ANY(?::text[])', value }] : [];
}

/** The active `device d` of an audience of the app `$1`: `FROM … WHERE …`. */
export const devicesOf = ({ where }: AudienceQuery): string =>
  `FROM device d ${TAGS_OF_OWNER} WHERE d.app_id = $1 AND d.state = 'active' AND ${where}`;

/**
 * Until the end of the transaction: memory for statements over a whole registry, which otherwise sort and join on disk; no
 * compilation, which takes longer than it saves; and an honest price for looking rows up, which are in memory or on a disk
 * that does not turn: a registry is then read whole only for those who are many.
 */
export async function thinkLarge(tx: SqlRunner): Promise<void> {
  await tx.query(
    `SELECT set_config('work_mem', '64MB', true), set_config('jit', 'off', true), set_config('random_page_cost', '1.1', true)`,
    [],
    'think-large',
  );
}
