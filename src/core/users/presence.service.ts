import type { ClientType, SessionState } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Clock } from '../../platform/clock.js';
import { Sql, type SqlRunner } from '../../platform/sql.js';
import { APP_SOURCE, PresenceRow } from './presence.entity.js';

/** States that an app can report of itself. */
export type AppState = Extract<SessionState, 'foreground' | 'background' | 'offline' | 'loggedOut'>;

export interface AppReport {
  readonly state: AppState;
  /** Default `mobile`. */
  readonly client?: ClientType;
  /** Default 300 for `foreground`, else none. */
  readonly ttlSeconds?: number;
  /** Default now; a moment ahead of our clock counts as now. */
  readonly observedAt?: Date;
}

const FOREGROUND_TTL_SECONDS = 300;
const MOST_LISTED = 1_000;

// One row per session goes in, the latest; of two equally late ones the one further down the list.
// The order of the keys is the order of the locks, so that two batches cannot wait for each other.
const UPSERT = `
  INSERT INTO presence AS known (app_id, user_id, source, session, state, client, observed_at, expires_at)
  SELECT DISTINCT ON (app_id, user_id, source, session)
         app_id, user_id, source, session, state, client, observed_at, expires_at
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::timestamptz[])
         WITH ORDINALITY AS report (app_id, user_id, source, session, state, client, observed_at, expires_at, place)
   ORDER BY app_id, user_id, source, session, observed_at DESC, place DESC
  ON CONFLICT (app_id, user_id, source, session) DO UPDATE
     SET state = EXCLUDED.state, client = EXCLUDED.client,
         observed_at = EXCLUDED.observed_at, expires_at = EXCLUDED.expires_at
   WHERE EXCLUDED.observed_at >= known.observed_at`;

/** Who is where, as apps and vendors report it. */
@Injectable()
export class PresenceService {
  constructor(
    @InjectRepository(PresenceRow) private readonly rows: Repository<PresenceRow>,
    private readonly sql: Sql,
    private readonly clock: Clock,
  ) {}

  /** Takes reports, in any order and any number of them, in one statement. Per session the latest observation wins. */
  async apply(runner: SqlRunner, rows: readonly PresenceRow[]): Promise<void> {
    if (rows.length === 0) return;
    await runner.query(UPSERT, [
      rows.map((row) => row.appId),
      rows.map((row) => row.userId),
      rows.map((row) => row.source),
      rows.map((row) => row.session),
      rows.map((row) => row.state),
      rows.map((row) => row.client),
      rows.map((row) => row.observedAt),
      rows.map((row) => row.expiresAt),
    ]);
  }

  /** @returns what is known after the report: a later one may have come before it. */
  async report(appId: string, userId: string, installationId: string, report: AppReport): Promise<PresenceRow> {
    const key = { appId, userId, source: APP_SOURCE, session: installationId };
    await this.apply(this.sql, [{ ...key, ...this.stateOf(report) }]);
    return this.rows.findOneByOrFail(key);
  }

  /** The latest first, at most 1,000. */
  list(appId: string, userId: string): Promise<PresenceRow[]> {
    return this.rows.find({ where: { appId, userId }, order: { observedAt: 'DESC' }, take: MOST_LISTED });
  }

  private stateOf(report: AppReport): Pick<PresenceRow, 'state' | 'client' | 'observedAt' | 'expiresAt'> {
    const { state, client = 'mobile' } = report;
    const now = this.clock.now();
    // A phone whose clock runs ahead would otherwise silence every report until its time has come.
    const observedAt = report.observedAt && report.observedAt < now ? report.observedAt : now;
    const seconds = report.ttlSeconds ?? (state === 'foreground' ? FOREGROUND_TTL_SECONDS : undefined);
    const expiresAt = seconds === undefined ? null : new Date(observedAt.getTime() + seconds * 1000);
    return { state, client, observedAt, expiresAt };
  }
}
