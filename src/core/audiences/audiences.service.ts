import {
  type AudienceExpression,
  type EffectiveAudience,
  effectiveAudience,
  PLATFORMS,
  UnprocessableError,
} from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { Sql } from '../../platform/sql.js';
import type { AudiencePreview, PlatformReach } from './audience.dto.js';
import { type AudienceQuery, audienceQuery, devicesOf, thinkLarge } from './audience-query.js';
import { readTags, readUsers } from './tag-rules.js';

/** Who is meant by an expression over people and their devices. */
@Injectable()
export class AudiencesService {
  constructor(private readonly sql: Sql) {}

  /** Counts people and devices, each once in total and by platform. */
  async preview(appId: string, audience: EffectiveAudience): Promise<AudiencePreview> {
    const query = audienceQuery(audience, 2);
    const [counted = {}] = await this.sql.transaction(async (tx) => {
      await thinkLarge(tx);
      return tx.query<Readonly<Record<string, number>>>(countOf(query), [appId, ...query.values]);
    });
    const of = (name: string): Omit<PlatformReach, 'platform'> => {
      return { users: counted[`${name}_users`] ?? 0, devices: counted[`${name}_devices`] ?? 0 };
    };
    return { ...of('all'), platforms: PLATFORMS.map((platform): PlatformReach => ({ platform, ...of(platform) })) };
  }
}

/** Person by person first: to count distinct people means to sort them all. Devices of nobody are no person. */
function countOf(query: AudienceQuery): string {
  const devices = PLATFORMS.map((name) => `count(*) FILTER (WHERE d.platform = '${name}') AS ${name}`);
  const reach = ['all', ...PLATFORMS].map(
    (name) =>
      `(count(user_id) FILTER (WHERE "${name}" > 0))::int AS ${name}_users, coalesce(sum("${name}"), 0)::int AS ${name}_devices`,
  );
  return `
    SELECT ${reach.join(', ')}
    FROM (
      SELECT d.user_id, count(*) AS "all", ${devices.join(', ')}
      ${devicesOf(query)}
      GROUP BY d.user_id
    ) person`;
}

/**
 * Judges an expression and applies its precedence.
 * @param at JSON Pointer of the expression.
 * @throws {UnprocessableError} `audience.empty` without any condition; `users.too_many`, `tags.*` naming the field.
 */
export function readAudience(expression: AudienceExpression, at = '/audience'): EffectiveAudience {
  const { users, allOf, anyOf, platforms, packageName, everyone } = expression;
  const audience = effectiveAudience({
    // Null is what some callers write for nothing.
    everyone: everyone ?? false,
    users: readUsers(users ?? [], `${at}/users`),
    allOf: readTags(allOf ?? [], `${at}/allOf`),
    anyOf: readTags(anyOf ?? [], `${at}/anyOf`),
    packageName: packageName ?? undefined,
    platforms: platforms ?? PLATFORMS,
  });
  if (audience) return audience;
  const message = 'must have everyone, users, allOf, anyOf or packageName';
  throw new UnprocessableError('audience.empty', 'The audience names nobody.', [{ field: at, message }]);
}
