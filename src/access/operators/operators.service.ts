import { ConflictError, NotFoundError } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { LessThan, Repository } from 'typeorm';
import { Clock } from '../../platform/clock.js';
import { newId } from '../../platform/ids.js';
import type { PageLoader } from '../../platform/pagination.js';
import { lockNames, Sql, type Transaction } from '../../platform/sql.js';
import { SessionsService } from '../sign-in/sessions.service.js';
import { FIRST_OPERATOR, type IssuedLink, LinksService } from './links.service.js';
import { emailKey, Operator, type OperatorState } from './operator.entity.js';
import type { RoleGrant } from './roles.js';

export interface NewOperator {
  readonly email: string;
  readonly name: string;
  readonly roles: readonly RoleGrant[];
}

export type OperatorChange = Partial<Pick<NewOperator, 'name' | 'roles'>> & { readonly state?: OperatorState };

/** An operator with the link to choose a password, which is told once. */
export interface InvitedOperator {
  readonly operator: Operator;
  readonly link: IssuedLink;
}

/** Somebody must be left who can let others in. */
const ADMINS = `
  SELECT 1 FROM operator
  WHERE state = 'active' AND password IS NOT NULL AND roles @> '[{"role": "admin", "appId": null}]' LIMIT 1`;

/** People who sign in, and what they may do. */
@Injectable()
export class OperatorsService {
  constructor(
    @InjectRepository(Operator) private readonly operators: Repository<Operator>,
    private readonly sql: Sql,
    private readonly clock: Clock,
    private readonly sessions: SessionsService,
    private readonly links: LinksService,
  ) {}

  readonly load: PageLoader<Operator> = (before, take) =>
    this.operators.find({ where: { ...(before && { id: LessThan(before) }) }, order: { id: 'DESC' }, take });

  /** @throws {NotFoundError} */
  async get(id: string): Promise<Operator> {
    const operator = await this.operators.findOneBy({ id });
    if (!operator) throw new NotFoundError('The operator');
    return operator;
  }

  /** @throws {ConflictError} `operator.exists`. @throws {NotFoundError} for an app that does not exist. */
  async invite({ email, name, roles }: NewOperator): Promise<InvitedOperator> {
    const id = newId();
    const link = await this.sql.transaction(async (tx) => {
      // Whoever follows the link of the first start is not overtaken.
      await lockNames(tx, FIRST_OPERATOR);
      await assertApps(tx, roles);
      const made = await tx.query(
        `INSERT INTO operator (id, email, name, roles) VALUES ($1, $2, $3, $4) ON CONFLICT (email) DO NOTHING RETURNING id`,
        [id, emailKey(email), name, JSON.stringify(roles)],
      );
      if (made.length === 0)
        throw new ConflictError('operator.exists', 'There is an operator with this e-mail address.');
      return this.links.issue(id, tx);
    });
    return { operator: await this.get(id), link };
  }

  /**
   * Takes effect with the next request of the person. Whoever is disabled is signed out.
   * @throws {NotFoundError}
   * @throws {ConflictError} `operator.last_admin` when nobody would be left who can let others in.
   */
  async change(id: string, { name, roles, state }: OperatorChange): Promise<Operator> {
    await this.underLock(async (tx) => {
      if (roles) await assertApps(tx, roles);
      const changed = await tx.query(
        `UPDATE operator SET name = coalesce($2, name), roles = coalesce($3::jsonb, roles), state = coalesce($4, state),
                             updated_at = $5
         WHERE id = $1 RETURNING id`,
        [id, name ?? null, roles ? JSON.stringify(roles) : null, state ?? null, this.clock.now()],
      );
      if (changed.length === 0) throw new NotFoundError('The operator');
      if (state === 'disabled') await this.lockOut(id, tx);
    });
    return this.get(id);
  }

  /** @throws {NotFoundError} @throws {ConflictError} `operator.last_admin` */
  async remove(id: string): Promise<void> {
    await this.underLock(async (tx) => {
      const gone = await tx.query('DELETE FROM operator WHERE id = $1 RETURNING id', [id]);
      if (gone.length === 0) throw new NotFoundError('The operator');
    });
  }

  /** A link for somebody who has not come yet, or who forgot the password. @throws {NotFoundError} */
  async issueLink(id: string): Promise<IssuedLink> {
    const { state } = await this.get(id);
    if (state === 'disabled')
      throw new ConflictError('operator.disabled', 'The operator is disabled; enable them first.');
    return this.links.issue(id);
  }

  /** @throws {NotFoundError} */
  async signOut(id: string): Promise<void> {
    await this.get(id);
    await this.sessions.endAll(id);
  }

  private async lockOut(id: string, tx: Transaction): Promise<void> {
    await this.sessions.endAll(id, undefined, tx);
    await tx.query('DELETE FROM operator_link WHERE operator_id = $1', [id]);
  }

  /** One change at a time: two admins who remove each other would both find the other one there. */
  private async underLock(work: (tx: Transaction) => Promise<void>): Promise<void> {
    await this.sql.transaction(async (tx) => {
      await lockNames(tx, 'operator:admins');
      const had = await tx.query(ADMINS);
      await work(tx);
      const has = await tx.query(ADMINS);
      if (had.length > has.length) {
        throw new ConflictError('operator.last_admin', 'Somebody must be left who is an admin of everything.');
      }
    });
  }
}

async function assertApps(tx: Transaction, roles: readonly RoleGrant[]): Promise<void> {
  const named = [...new Set(roles.flatMap(({ appId }) => appId ?? []))];
  const known = await tx.query('SELECT 1 FROM app WHERE id = ANY($1::uuid[])', [named]);
  if (known.length < named.length) throw new NotFoundError('The app');
}
