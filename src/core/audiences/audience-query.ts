import type { EffectiveAudience } from '@bellhop/contracts';

/** A condition over `device d LEFT JOIN user_tag t`, and the values of its parameters. */
export interface AudienceQuery {
  readonly where: string;
  readonly values: readonly unknown[];
}

/**
 * An audience as SQL, for
 * `FROM device d LEFT JOIN user_tag t ON t.app_id = d.app_id AND t.user_id = d.user_id WHERE d.app_id = $1 AND d.state = 'active' AND <where>`.
 * @param firstParameter number of the first parameter that is free.
 */
export function audienceQuery(audience: EffectiveAudience, firstParameter: number): AudienceQuery {
  const conditions = conditionsOf(audience);
  const where = conditions.map(([condition], i) => condition.replace('?', () => `$${firstParameter + i}`));
  return { where: where.join(' AND '), values: conditions.map(([, value]) => value) };
}

/** SQL with one `?`, and what stands for it. */
type Condition = readonly [sql: string, value: unknown];

function conditionsOf(audience: EffectiveAudience): Condition[] {
  switch (audience.kind) {
    case 'everyone':
      return [onPlatforms(audience.platforms)];
    case 'users':
      return [['d.user_id = ANY(?::text[])', audience.users]];
    case 'tags': {
      const { allOf, anyOf, packageName, platforms } = audience;
      const conditions: Condition[] = [onPlatforms(platforms)];
      if (allOf.length > 0) conditions.push(['t.tags @> ?::text[]', allOf]);
      if (anyOf.length > 0) conditions.push(['t.tags && ?::text[]', anyOf]);
      if (packageName) conditions.push(['d.app_identifier = ?', packageName]);
      return conditions;
    }
  }
}

const onPlatforms = (platforms: readonly string[]): Condition => ['d.platform = ANY(?::text[])', platforms];
