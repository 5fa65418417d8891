import { AppError } from '@bellhop/contracts';
import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { Sql } from '../../platform/sql.js';
import { invalidRequest } from '../../platform/validation.js';
import { LinksService } from '../operators/links.service.js';
import { emailKey } from '../operators/operator.entity.js';
import { Attempts } from './attempts.js';
import { Lockout } from './lockout.js';
import { Passwords } from './passwords.js';
import { type OpenedSession, type Session, SessionsService } from './sessions.service.js';

/** A person who has just proved who they are. */
export interface SignedIn extends OpenedSession {
  readonly operatorId: string;
  readonly email: string;
}

export interface Redemption {
  readonly token: string;
  readonly password: string;
  /** Of the first admin. */
  readonly email?: string;
  readonly name?: string;
}

interface Known {
  readonly id: string;
  readonly email: string;
  readonly state: string;
  readonly password: string | null;
}

const PERSON = 'SELECT id, email, state, password FROM operator';

/** Proves who people are: by password, or by a link. */
@Injectable()
export class SignInService {
  private readonly logger = new Logger(SignInService.name);

  constructor(
    private readonly sql: Sql,
    private readonly clock: Clock,
    private readonly passwords: Passwords,
    private readonly attempts: Attempts,
    private readonly lockout: Lockout,
    private readonly sessions: SessionsService,
    private readonly links: LinksService,
  ) {}

  /**
   * One answer, in the same time, for a wrong password, somebody who does not exist and somebody who is disabled.
   * @throws {AppError} `auth.sign_in_refused` (401); {@link TooManyCallsError} `auth.too_many_attempts`
   */
  async signIn(email: string, password: string, address: string): Promise<SignedIn> {
    const name = emailKey(email);
    const attempt = this.attempts.begin(address, name);
    await this.lockout.begin(name, address);
    const [person] = await this.sql.query<Known>(`${PERSON} WHERE email = $1`, [name]);
    const verdict = await this.passwords.verify(password, person?.password);
    if (!person || verdict === 'mismatch' || person.state !== 'active') {
      this.logger.warn({ address }, 'A sign-in was refused');
      throw new AppError('auth.sign_in_refused', 401, 'The e-mail address or the password is wrong.');
    }
    attempt.succeeded();
    await this.lockout.succeeded(name, address);
    if (verdict === 'stale') await this.renew(person, password);
    return this.open(person.id, person.email);
  }

  /**
   * Chooses a password by a link, and signs in. The first link of all makes the first admin.
   * @throws {AppError} `auth.link_refused` (401), `request.invalid` when the first admin does not say who they are
   */
  async redeem({ token, password, email, name }: Redemption, address: string): Promise<SignedIn> {
    const attempt = this.attempts.begin(address);
    const owner = await this.links.ownerOf(token);
    if (owner === null && !email) throw invalidRequest([{ field: '/email', message: 'is needed of the first admin' }]);
    const stored = await this.passwords.hash(password);
    const operatorId = await this.sql.transaction((tx) =>
      owner === null
        ? this.links.redeemFirst(token, stored, { email: email ?? '', name: name ?? email ?? '' }, tx)
        : this.links.redeem(token, stored, tx),
    );
    attempt.succeeded();
    const [person] = await this.sql.query<Known>(`${PERSON} WHERE id = $1`, [operatorId]);
    if (person) await this.lockout.succeeded(person.email, address);
    return this.open(operatorId, person?.email ?? '');
  }

  /**
   * Sets another password; the other sessions of the person end, and links that were issued are void.
   * @throws {AppError} `auth.password_wrong` (403); {@link TooManyCallsError} `auth.too_many_attempts`
   */
  async changePassword({ operatorId, email, digest }: Session, current: string, next: string, address: string) {
    const attempt = this.attempts.begin(address, email);
    const [person] = await this.sql.query<Known>(`${PERSON} WHERE id = $1`, [operatorId]);
    if ((await this.passwords.verify(current, person?.password)) === 'mismatch') {
      throw new AppError('auth.password_wrong', 403, 'The current password is wrong.');
    }
    attempt.succeeded();
    const stored = await this.passwords.hash(next);
    await this.sql.transaction(async (tx) => {
      const now = this.clock.now();
      await tx.query('UPDATE operator SET password = $2, updated_at = $3 WHERE id = $1', [operatorId, stored, now]);
      await this.sessions.endAll(operatorId, digest, tx);
      await tx.query('DELETE FROM operator_link WHERE operator_id = $1', [operatorId]);
    });
  }

  /** For somebody who has proved who they are. */
  async open(operatorId: string, email: string): Promise<SignedIn> {
    const session = await this.sessions.open(operatorId);
    await this.sql.query('UPDATE operator SET last_sign_in_at = $2 WHERE id = $1', [operatorId, this.clock.now()]);
    return { ...session, operatorId, email };
  }

  /** Unless it was changed meanwhile. */
  private async renew({ id, password: old }: Known, password: string): Promise<void> {
    const stored = await this.passwords.hash(password);
    await this.sql.query('UPDATE operator SET password = $3 WHERE id = $1 AND password = $2', [id, old, stored]);
  }
}
