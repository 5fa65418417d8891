import { AppError, NotFoundError } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { internalId, publicId } from '../../platform/ids.js';
import { AccessService } from '../access.service.js';
import type { Scope } from '../api-key.entity.js';
import type { Caller } from '../caller.js';
import { type RoleGrant, scopesEverywhere, scopesIn, scopesSomewhere } from '../operators/roles.js';
import { assertSameSite } from './csrf.js';
import { SessionCookie } from './session-cookie.js';
import { type Session, SessionsService } from './sessions.service.js';

/** Name of the header that says for which app a call with a session is. */
const APP_HEADER = 'Bellhop-App';

export const SESSION_ENDED = (): AppError =>
  new AppError('auth.session_ended', 401, 'The session has ended; sign in again.');

const sessions = new WeakMap<Request, Session>();

/** The session that a request was let in with; undefined with a key, and on public routes. */
export function sessionOf(request: Request): Session | undefined {
  return sessions.get(request);
}

/** Turns the cookie of a request into a caller: the same that a key would be, with the scopes of the person's roles. */
@Injectable()
export class SessionAccess {
  constructor(
    private readonly cookie: SessionCookie,
    private readonly sessions: SessionsService,
    private readonly access: AccessService,
  ) {}

  /** Whether the request brings a session along, good or not. */
  isPresented(request: Request): boolean {
    return this.cookie.read(request) !== undefined;
  }

  /**
   * @param needed scope of the route; undefined when being signed in is enough.
   * @throws {AppError} `auth.session_ended` (401), `auth.cross_site` (403)
   * @throws {NotFoundError} for an app that does not exist, or that the person has no part in.
   */
  async callerOf(request: Request, needed: Scope | undefined): Promise<Caller> {
    const session = await this.sessions.find(this.cookie.read(request) ?? '');
    if (!session) throw SESSION_ENDED();
    assertSameSite(request);
    sessions.set(request, session);
    if (needed === undefined) return callerWith(session, null, []);
    if (needed === 'platform') return callerWith(session, null, platformScopes(session.roles, request));
    return this.inApp(session, request.get(APP_HEADER));
  }

  private async inApp(session: Session, named: string | undefined): Promise<Caller> {
    if (named === undefined) return callerWith(session, null, scopesSomewhere(session.roles));
    const appId = internalId('app', named);
    const scopes = scopesIn(session.roles, appId);
    if (scopes.length === 0) throw new NotFoundError('The app');
    await this.access.getApp(appId);
    return callerWith(session, appId, scopes);
  }
}

/** An admin of one app manages that app and its keys, and nothing else of the platform. */
function platformScopes(roles: readonly RoleGrant[], { params }: Request): Scope[] {
  const named = roles.find(({ appId }) => appId !== null && publicId('app', appId) === params['appId'])?.appId;
  return named ? scopesIn(roles, named) : scopesEverywhere(roles);
}

export function callerWith(
  { operatorId, email }: Pick<Session, 'operatorId' | 'email'>,
  appId: string | null,
  scopes: readonly Scope[],
): Caller {
  return { kind: 'operator', id: operatorId, name: email, appId, scopes, expiresAt: null };
}
