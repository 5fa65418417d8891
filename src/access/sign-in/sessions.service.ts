import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { Sql, type SqlRunner } from '../../platform/sql.js';
import type { RoleGrant } from '../operators/roles.js';
import { digestIn, newSecretToken } from '../secret-token.js';

const MINUTE_MS = 60_000;
/** A session ends when nothing is heard of it for so long, … */
const IDLE_MS = 60 * MINUTE_MS;
/** … and at the end of a working day in any case. */
export const LIFETIME_MS = 12 * 60 * MINUTE_MS;
const USE_INTERVAL_MS = MINUTE_MS;

/** Somebody who is signed in, with the rights of this moment. */
export interface Session {
  readonly digest: Buffer;
  readonly operatorId: string;
  readonly email: string;
  readonly name: string;
  readonly roles: readonly RoleGrant[];
  readonly lastSeenAt: Date;
  readonly expiresAt: Date;
}

export interface OpenedSession {
  /** For the cookie; stored nowhere. */
  readonly token: string;
  readonly expiresAt: Date;
}

const FIND = `
  SELECT s.digest, s.operator_id AS "operatorId", o.email, o.name, o.roles, s.last_seen_at AS "lastSeenAt",
         s.expires_at AS "expiresAt"
  FROM operator_session s JOIN operator o ON o.id = s.operator_id
  WHERE s.digest = $1 AND s.expires_at > $2 AND s.last_seen_at > $3 AND o.state = 'active'`;

/**
 * Sessions live in the database: ending one, disabling a person and changing a role take effect everywhere with the
 * next request.
 */
@Injectable()
export class SessionsService {
  constructor(
    private readonly sql: Sql,
    private readonly clock: Clock,
  ) {}

  async open(operatorId: string, runner: SqlRunner = this.sql): Promise<OpenedSession> {
    const { token, digest } = newSecretToken();
    const now = this.clock.now();
    const expiresAt = new Date(now.getTime() + LIFETIME_MS);
    await runner.query(
      `INSERT INTO operator_session (digest, operator_id, created_at, last_seen_at, expires_at) VALUES ($1, $2, $3, $3, $4)`,
      [digest, operatorId, now, expiresAt],
    );
    return { token, expiresAt };
  }

  /** Undefined when it is unknown, over, or of somebody who was disabled. */
  async find(token: string): Promise<Session | undefined> {
    const digest = digestIn(token);
    if (!digest) return undefined;
    const now = this.clock.now();
    const [session] = await this.sql.query<Session>(FIND, [digest, now, new Date(now.getTime() - IDLE_MS)]);
    if (session && now.getTime() - session.lastSeenAt.getTime() >= USE_INTERVAL_MS) await this.touch(digest, now);
    return session;
  }

  async end(digest: Buffer): Promise<void> {
    await this.sql.query('DELETE FROM operator_session WHERE digest = $1', [digest]);
  }

  /** Signs a person out everywhere, except where `kept` says. */
  async endAll(operatorId: string, kept?: Buffer, runner: SqlRunner = this.sql): Promise<void> {
    await runner.query(
      'DELETE FROM operator_session WHERE operator_id = $1 AND ($2::bytea IS NULL OR digest <> $2::bytea)',
      [operatorId, kept ?? null],
    );
  }

  /** Deletes what is over. @returns how many. */
  async purge(): Promise<number> {
    const now = this.clock.now();
    const rows = await this.sql.query(
      'DELETE FROM operator_session WHERE expires_at <= $1 OR last_seen_at <= $2 RETURNING 1',
      [now, new Date(now.getTime() - IDLE_MS)],
    );
    return rows.length;
  }

  private async touch(digest: Buffer, now: Date): Promise<void> {
    await this.sql.query('UPDATE operator_session SET last_seen_at = $2 WHERE digest = $1', [digest, now]);
  }
}
