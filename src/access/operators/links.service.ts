import { AppError } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { Environment } from '../../platform/env.js';
import { newId } from '../../platform/ids.js';
import { lockNames, Sql, type SqlRunner } from '../../platform/sql.js';
import { digestIn, newSecretToken } from '../secret-token.js';
import { emailKey } from './operator.entity.js';

const LIFETIME_MS = 24 * 60 * 60_000;

/** Held by whoever makes the first operator: two links of the same start make one. */
export const FIRST_OPERATOR = 'operator:first';

/** A link for a person, told once. */
export interface IssuedLink {
  readonly url: string;
  readonly expiresAt: Date;
}

/** Who the first admin is. */
export interface FirstAdmin {
  readonly email: string;
  readonly name: string;
}

/** Links that let their holder choose a password: the first admin's, and those that admins hand to others. */
@Injectable()
export class LinksService {
  constructor(
    private readonly sql: Sql,
    private readonly clock: Clock,
    private readonly environment: Environment,
  ) {}

  /** @param operatorId null: whoever holds it becomes the first admin. */
  async issue(operatorId: string | null, runner: SqlRunner = this.sql): Promise<IssuedLink> {
    const { token, digest } = newSecretToken();
    const now = this.clock.now();
    const expiresAt = new Date(now.getTime() + LIFETIME_MS);
    await runner.query('DELETE FROM operator_link WHERE expires_at <= $1', [now]);
    await runner.query('INSERT INTO operator_link (digest, operator_id, expires_at) VALUES ($1, $2, $3)', [
      digest,
      operatorId,
      expiresAt,
    ]);
    return { url: this.address(token), expiresAt };
  }

  /**
   * Whose link this is, before anything is computed for it.
   * @returns the id of the operator; null for the first admin.
   * @throws {AppError} `auth.link_refused`
   */
  async ownerOf(token: string): Promise<string | null> {
    const digest = digestIn(token);
    const [link] = digest
      ? await this.sql.query<{ operator_id: string | null }>(OPEN_LINK, [digest, this.clock.now()])
      : [];
    if (!link) throw REFUSED();
    return link.operator_id;
  }

  /**
   * Uses a link up: sets the password of its operator, ends all of the person's sessions, and takes back other links.
   * @returns the id of the operator. @throws {AppError} `auth.link_refused`
   */
  async redeem(token: string, password: string, tx: SqlRunner): Promise<string> {
    const operatorId = await this.use(token, tx);
    if (operatorId === null) throw REFUSED();
    const changed = await tx.query(
      `UPDATE operator SET password = $2, updated_at = $3 WHERE id = $1 AND state = 'active' RETURNING id`,
      [operatorId, password, this.clock.now()],
    );
    if (changed.length === 0) throw REFUSED();
    await tx.query('DELETE FROM operator_session WHERE operator_id = $1', [operatorId]);
    await tx.query('DELETE FROM operator_link WHERE operator_id = $1', [operatorId]);
    return operatorId;
  }

  /** Uses a link of the first start up. @returns the id of the operator. @throws {AppError} `auth.link_refused` */
  async redeemFirst(token: string, password: string, { email, name }: FirstAdmin, tx: SqlRunner): Promise<string> {
    await lockNames(tx, FIRST_OPERATOR);
    await this.use(token, tx);
    const [known] = await tx.query('SELECT 1 FROM operator LIMIT 1');
    if (known) throw REFUSED();
    const id = newId();
    const roles = JSON.stringify([{ role: 'admin', appId: null }]);
    await tx.query('INSERT INTO operator (id, email, name, password, roles) VALUES ($1, $2, $3, $4, $5)', [
      id,
      emailKey(email),
      name,
      password,
      roles,
    ]);
    await tx.query('DELETE FROM operator_link WHERE operator_id IS NULL');
    return id;
  }

  private async use(token: string, tx: SqlRunner): Promise<string | null> {
    const [link] = await tx.query<{ operator_id: string | null }>(
      'DELETE FROM operator_link WHERE digest = $1 AND expires_at > $2 RETURNING operator_id',
      [digestIn(token), this.clock.now()],
    );
    if (!link) throw REFUSED();
    return link.operator_id;
  }

  /** Behind the `#`, so that no server and no proxy on the way writes the token down. */
  private address(token: string): string {
    const { publicUrl, host, port } = this.environment;
    const reachable = ['0.0.0.0', '::'].includes(host) ? 'localhost' : host.includes(':') ? `[${host}]` : host;
    return `${publicUrl ?? `http://${reachable}:${port}`}/console/#/welcome/${token}`;
  }
}

const OPEN_LINK = 'SELECT operator_id FROM operator_link WHERE digest = $1 AND expires_at > $2';

const REFUSED = (): AppError =>
  new AppError('auth.link_refused', 401, 'The link is unknown, used up or expired; ask for another one.');
