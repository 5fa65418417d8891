import { AppError } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { Environment } from '../../platform/env.js';
import { publicId } from '../../platform/ids.js';
import { AuditLog } from '../audit/audit-log.js';
import { Attempts } from '../sign-in/attempts.js';
import { type SignedIn, SignInService } from '../sign-in/sign-in.service.js';
import { OidcAdmission } from './oidc-admission.js';
import { flowIn, newFlow, type OidcFlow } from './oidc-flow.js';
import { personIn, type RoleMapping } from './oidc-person.js';
import { CALLBACK_PATH, OidcProvider } from './oidc-provider.js';

/** A browser that came back from the provider. */
export interface Return {
  /** What it was given when it left. */
  readonly cookie: string | undefined;
  /** Of the address it came back to. */
  readonly query: string;
  /** For limits. */
  readonly address: string;
  readonly requestId: string;
}

/** Signing in with an OpenID provider. */
@Injectable()
export class OidcService {
  private readonly mapping: RoleMapping | undefined;

  constructor(
    { oidcRoleClaim: claim, oidcRoles: roles }: Environment,
    private readonly clock: Clock,
    private readonly provider: OidcProvider,
    private readonly admission: OidcAdmission,
    private readonly attempts: Attempts,
    private readonly signIns: SignInService,
    private readonly audit: AuditLog,
  ) {
    this.mapping = claim === undefined ? undefined : { claim, roles };
  }

  /** @throws {NotFoundError} while no provider is configured. @throws {AppError} `auth.provider_away` (503) */
  async begin(): Promise<{ readonly flow: OidcFlow; readonly url: string }> {
    const flow = newFlow(this.clock.now());
    return { flow, url: await this.provider.addressFor(flow) };
  }

  /**
   * @throws {NotFoundError} while no provider is configured.
   * @throws {AppError} `auth.sign_in_stale`, `auth.provider_refused` (401), `auth.not_admitted` (403), `auth.provider_away` (503)
   * @throws {TooManyCallsError} `auth.too_many_attempts`: each return may cost the provider a call.
   */
  async complete({ cookie, query, address, requestId }: Return): Promise<SignedIn> {
    this.provider.assertOffered();
    const flow = flowIn(cookie, this.clock.now());
    if (!flow) throw STALE();
    const attempt = this.attempts.begin(address);
    const person = personIn(await this.provider.claimsOf(query, flow), this.mapping);
    const { id, email } = await this.admission.admit(person, requestId);
    attempt.succeeded();
    const signedIn = await this.signIns.open(id, email);
    await this.audit.recordDone({
      actor: { kind: 'operator', id, name: email },
      action: 'completeOidcSignIn',
      target: publicId('opr', id),
      address: `GET ${CALLBACK_PATH}`,
      requestId,
    });
    return signedIn;
  }
}

const STALE = (): AppError =>
  new AppError(
    'auth.sign_in_stale',
    401,
    'This took longer than ten minutes, or began in another browser; begin again.',
  );
