import { AppError } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { newId, publicId } from '../../platform/ids.js';
import { lockNames, Sql } from '../../platform/sql.js';
import { AuditLog, SYSTEM } from '../audit/audit-log.js';
import { FIRST_OPERATOR } from '../operators/links.service.js';
import { operatorView } from '../operators/operators.dto.js';
import { OperatorsService } from '../operators/operators.service.js';
import type { RoleGrant } from '../operators/roles.js';
import type { ProvenPerson } from './oidc-person.js';

/** An operator who may come in. */
export interface Admitted {
  readonly id: string;
  readonly email: string;
}

interface Known extends Admitted {
  readonly state: string;
  readonly source: string;
  readonly subject: string | null;
  readonly roles: readonly RoleGrant[];
}

const REASONS = {
  unknown: 'There is no operator with this e-mail address; ask an admin to let you in.',
  unverified: 'The provider does not say that your e-mail address is verified.',
  taken: 'The operator with this e-mail address is somebody else at the provider; ask an admin.',
  disabled: 'An admin has disabled you.',
  no_role: 'Nothing that the provider says of you has a role here; ask an admin.',
  first: 'The first person to come in has to be an admin of everything.',
} as const;
type Reason = keyof typeof REASONS;

const COLUMNS = 'id, email, state, source, roles, oidc_subject AS subject';

/**
 * Decides who of those that the provider has proved comes in: operators, found by their subject, or for the first time by
 * their verified e-mail address; and others if their claims have a role. Whatever it decides is written down.
 */
@Injectable()
export class OidcAdmission {
  constructor(
    private readonly sql: Sql,
    private readonly operators: OperatorsService,
    private readonly audit: AuditLog,
  ) {}

  /** @throws {AppError} `auth.not_admitted` (403) */
  async admit(person: ProvenPerson, requestId: string): Promise<Admitted> {
    const verdict = await this.decide(person, requestId);
    if (typeof verdict !== 'string') return verdict;
    const { subject, email } = person;
    const after = { reason: verdict, subject, email: email ?? null };
    await this.audit.recordDone({ actor: SYSTEM, action: 'system.refuseSignIn', requestId, after });
    throw new AppError('auth.not_admitted', 403, REASONS[verdict]);
  }

  private async decide(person: ProvenPerson, requestId: string): Promise<Admitted | Reason> {
    const roles = person.roles && (await this.inExistingApps(person.roles));
    const known = (await this.bySubject(person)) ?? (await this.bind(person, requestId));
    if (known) return known.state === 'active' ? this.follow(known, roles, requestId) : 'disabled';
    const { email } = person;
    if (email === undefined) return 'unverified';
    const [holder] = await this.sql.query<Known>(`SELECT ${COLUMNS} FROM operator WHERE email = $1`, [email]);
    if (holder?.subject === person.subject) return this.follow(holder, roles, requestId);
    if (holder) return holder.state === 'active' ? 'taken' : 'disabled';
    if (!roles) return 'unknown';
    return roles.length > 0 ? this.create({ ...person, email }, roles, requestId) : 'no_role';
  }

  /** Somebody may come twice at once: whoever finds the other one's row finds the same person. */
  private async bySubject({ subject }: Pick<ProvenPerson, 'subject'>): Promise<Known | undefined> {
    const [known] = await this.sql.query<Known>(`SELECT ${COLUMNS} FROM operator WHERE oidc_subject = $1`, [subject]);
    return known;
  }

  /** From now on the subject is the person, whoever is given the address later. */
  private async bind({ subject, email }: ProvenPerson, requestId: string): Promise<Known | undefined> {
    if (email === undefined) return undefined;
    const [known] = await this.sql.query<Known>(
      `UPDATE operator SET oidc_subject = $1
       WHERE email = $2 AND oidc_subject IS NULL AND state = 'active' RETURNING ${COLUMNS}`,
      [subject, email],
    );
    if (known) await this.note('system.bindOperator', known.id, requestId, { after: { subject } });
    return known;
  }

  /** Roles of those who came by their claims follow the claims; whom people invited keeps what people gave. */
  private async follow(known: Known, roles: readonly RoleGrant[] | undefined, requestId: string) {
    if (known.source !== 'provider' || !roles) return known;
    if (namesOf(roles) !== namesOf(known.roles)) {
      const before = operatorView(await this.operators.get(known.id));
      const after = operatorView(await this.operators.change(known.id, { roles }));
      await this.note('system.changeOperator', known.id, requestId, { before, after });
    }
    return roles.length > 0 ? known : 'no_role';
  }

  private async create(
    { subject, email, name }: ProvenPerson & { readonly email: string },
    roles: readonly RoleGrant[],
    requestId: string,
  ): Promise<Admitted | Reason> {
    const id = newId();
    const made = await this.sql.transaction(async (tx): Promise<'made' | Reason> => {
      await lockNames(tx, FIRST_OPERATOR);
      const [anybody] = await tx.query('SELECT 1 FROM operator LIMIT 1');
      if (!anybody && !roles.some(({ role, appId }) => role === 'admin' && appId === null)) return 'first';
      const rows = await tx.query(
        `INSERT INTO operator (id, email, name, roles, source, oidc_subject) VALUES ($1, $2, $3, $4, 'provider', $5)
         ON CONFLICT DO NOTHING RETURNING id`,
        [id, email, name, JSON.stringify(roles), subject],
      );
      return rows.length > 0 ? 'made' : 'taken';
    });
    if (made === 'taken') return (await this.bySubject({ subject })) ?? 'taken';
    if (made !== 'made') return made;
    const after = operatorView(await this.operators.get(id));
    await this.note('system.createOperator', id, requestId, { after });
    return { id, email };
  }

  /** A role in an app that is gone is no role. */
  private async inExistingApps(roles: readonly RoleGrant[]): Promise<readonly RoleGrant[]> {
    const named = roles.flatMap(({ appId }) => appId ?? []);
    const rows = await this.sql.query<{ id: string }>('SELECT id FROM app WHERE id = ANY($1::uuid[])', [named]);
    const existing = new Set(rows.map(({ id }) => id));
    return roles.filter(({ appId }) => appId === null || existing.has(appId));
  }

  private async note(
    action: string,
    id: string,
    requestId: string,
    states: { readonly before?: object; readonly after: object },
  ): Promise<void> {
    await this.audit.recordDone({ actor: SYSTEM, action, target: publicId('opr', id), requestId, ...states });
  }
}

const namesOf = (roles: readonly RoleGrant[]): string =>
  roles
    .map(({ role, appId }) => `${role} ${appId}`)
    .toSorted()
    .join();
