import {
  type AudienceExpression,
  type EffectiveAudience,
  effectiveAudience,
  type Platform,
  PLATFORMS,
  UnprocessableError,
} from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { Sql } from '../../platform/sql.js';
import type { AudiencePreview, PlatformReach } from './audience.dto.js';
import { audienceQuery } from './audience-query.js';
import { readTags, readUsers } from './tag-rules.js';

/** Of one platform, or of all. */
interface Counted {
  readonly platform: Platform | null;
  readonly users: number;
  readonly devices: number;
}

/** Who is meant by an expression over people and their devices. */
@Injectable()
export class AudiencesService {
  constructor(private readonly sql: Sql) {}

  /** Counts people and devices, each once in total and by platform. */
  async preview(appId: string, audience: EffectiveAudience): Promise<AudiencePreview> {
    const { where, values } = audienceQuery(audience, 2);
    const counted = await this.sql.query<Counted & Record<string, unknown>>(
      `SELECT d.platform, count(*)::int AS devices, count(DISTINCT d.user_id)::int AS users
       FROM device d LEFT JOIN user_tag t ON t.app_id = d.app_id AND t.user_id = d.user_id
       WHERE d.app_id = $1 AND d.state = 'active' AND ${where}
       GROUP BY GROUPING SETS ((d.platform), ())`,
      [appId, ...values],
    );
    const of = (platform: Platform | null): Omit<Counted, 'platform'> => {
      const { users = 0, devices = 0 } = counted.find((row) => row.platform === platform) ?? {};
      return { users, devices };
    };
    return { ...of(null), platforms: PLATFORMS.map((platform): PlatformReach => ({ platform, ...of(platform) })) };
  }
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
