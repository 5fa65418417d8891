import { TooManyCallsError } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { hash } from 'node:crypto';
import { Clock } from '../../platform/clock.js';
import { Sql } from '../../platform/sql.js';

/** Wrong passwords in a row after which a name has to wait: a minute, and twice as long with each one more. */
const FREE = 20;
/** `sign_in_failure f` → an interval; an hour at most. */
const WAIT = `least(interval '1 hour', interval '1 minute' * power(2, least(f.failures - ${FREE}, 6)))`;
const DAY_MS = 24 * 60 * 60_000;
/** How long an address is remembered from which somebody has signed in. */
const KNOWN_MS = 30 * DAY_MS;

/** Counts an attempt before its password is looked at: of many at once, no more get through than of many in turn. */
const CLAIM = `
  INSERT INTO sign_in_failure AS f (digest, failures, last_at) VALUES ($1, 1, $2::timestamptz)
  ON CONFLICT (digest) DO UPDATE
    SET failures = CASE WHEN f.last_at <= $2::timestamptz - interval '1 day' THEN 1 ELSE f.failures + 1 END,
        last_at = $2::timestamptz
    WHERE f.failures < ${FREE} OR f.last_at + ${WAIT} <= $2::timestamptz
  RETURNING 1`;

const REMAINING = `
  SELECT ceil(extract(epoch FROM f.last_at + ${WAIT} - $2::timestamptz))::int AS seconds
  FROM sign_in_failure f WHERE f.digest = $1`;

const SUCCESS = `
  WITH gone AS (DELETE FROM sign_in_failure WHERE digest = $1)
  INSERT INTO sign_in_address (digest, until) VALUES ($2, $3)
  ON CONFLICT (digest) DO UPDATE SET until = excluded.until`;

/**
 * Slows guessing down that comes slowly, from many addresses or through many processes, and past restarts. What is
 * counted is what was typed, whether such a person exists or not.
 *
 * Strangers could use it to keep somebody out, so it does not hold where that person has signed in within 30 days; the
 * narrow limit of {@link Attempts} does. Sessions and links go on in any case.
 */
@Injectable()
export class Lockout {
  constructor(
    private readonly sql: Sql,
    private readonly clock: Clock,
  ) {}

  /** @throws {TooManyCallsError} `auth.too_many_attempts` */
  async begin(name: string, address: string): Promise<void> {
    const now = this.clock.now();
    const known = await this.sql.query('SELECT 1 FROM sign_in_address WHERE digest = $1 AND until > $2', [
      addressOf(name, address),
      now,
    ]);
    if (known.length > 0) return;
    const digest = digestOf(name);
    const claimed = await this.sql.query(CLAIM, [digest, now]);
    if (claimed.length > 0) return;
    const [left] = await this.sql.query<{ seconds: number }>(REMAINING, [digest, now]);
    throw tooManyAttempts(Math.max(1, left?.seconds ?? 1));
  }

  /** Forgets the failures of a name, and remembers the address. */
  async succeeded(name: string, address: string): Promise<void> {
    const until = new Date(this.clock.now().getTime() + KNOWN_MS);
    await this.sql.query(SUCCESS, [digestOf(name), addressOf(name, address), until]);
  }

  /** Deletes what no longer matters. @returns how many rows. */
  async purge(): Promise<number> {
    const now = this.clock.now();
    const dayAgo = new Date(now.getTime() - DAY_MS);
    const failures = await this.sql.query('DELETE FROM sign_in_failure WHERE last_at <= $1 RETURNING 1', [dayAgo]);
    const addresses = await this.sql.query('DELETE FROM sign_in_address WHERE until <= $1 RETURNING 1', [now]);
    return failures.length + addresses.length;
  }
}

const digestOf = (name: string): Buffer => hash('sha256', name, 'buffer');
const addressOf = (name: string, address: string): Buffer => digestOf(`${address} ${name}`);

export function tooManyAttempts(seconds: number): TooManyCallsError {
  return new TooManyCallsError('auth.too_many_attempts', `Too many attempts; try again in ${seconds} s.`, seconds);
}
