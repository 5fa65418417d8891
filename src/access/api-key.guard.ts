import { AppError } from '@bellhop/contracts';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Response } from 'express';
import { PUBLIC } from '../platform/public.js';
import type { AppRequest } from '../platform/request.js';
import type { Scope } from './api-key.entity.js';
import { ApiKeysService } from './api-keys.service.js';
import { type Caller, setCaller } from './caller.js';
import { RateLimits } from './limits/rate-limits.js';
import { grants, SCOPE, SESSION } from './scope.js';
import { SessionAccess } from './sign-in/session-access.js';

const BEARER = /^Bearer +([\x21-\x7e]{1,512}) *$/i;

/**
 * Lets a request through when its API key, or the person who is signed in, has the scope of the route, and binds it to
 * the app of the key, or to the one that the call names. A key goes before a cookie.
 */
@Injectable()
export class ApiKeyGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly keys: ApiKeysService,
    private readonly sessions: SessionAccess,
    private readonly limits: RateLimits,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const needs = this.needsOf(context);
    if (needs === 'nothing') return true;
    const http = context.switchToHttp();
    const request = http.getRequest<AppRequest>();
    const response = http.getResponse<Response>();
    const caller = await this.callerOf(request, response, needs.scope);
    this.limits.spendCall(caller, response);
    if (!needs.session && !(needs.scope && grants(caller.scopes, needs.scope))) throw scopeMissing(caller, needs.scope);
    if (needs.session && caller.kind !== 'operator') throw SESSION_REQUIRED();
    setCaller(request, caller);
    if (caller.appId) request.appId = caller.appId;
    request.scopes = caller.scopes;
    return true;
  }

  /** What a method says goes before what its controller says. */
  private needsOf(context: ExecutionContext): Needs | 'nothing' {
    const route = [context.getHandler(), context.getClass()];
    const scope = this.reflector.getAllAndOverride<Scope | undefined>(SCOPE, route);
    if (scope) return { scope, session: false };
    if (this.reflector.getAllAndOverride<boolean | undefined>(SESSION, route))
      return { scope: undefined, session: true };
    const open = this.reflector.getAllAndOverride<boolean | undefined>(PUBLIC, route);
    return open ? 'nothing' : { scope: undefined, session: false };
  }

  private async callerOf(request: AppRequest, response: Response, scope: Scope | undefined): Promise<Caller> {
    const { authorization } = request.headers;
    if (authorization === undefined && this.sessions.isPresented(request))
      return this.sessions.callerOf(request, scope);
    const [, key] = BEARER.exec(authorization ?? '') ?? [];
    const caller = key ? await this.keys.authenticate(key) : undefined;
    if (caller) return caller;
    response.setHeader('WWW-Authenticate', challenge(authorization !== undefined));
    throw authorization === undefined ? KEY_MISSING() : KEY_INVALID();
  }
}

interface Needs {
  readonly scope: Scope | undefined;
  /** Only people who are signed in. */
  readonly session: boolean;
}

/** RFC 6750: without credentials the challenge names no error. */
function challenge(presented: boolean): string {
  return presented ? 'Bearer realm="bellhop", error="invalid_token"' : 'Bearer realm="bellhop"';
}

const KEY_MISSING = (): AppError =>
  new AppError('auth.key_missing', 401, 'This call needs the header Authorization: Bearer <API key>, or a session.');

const KEY_INVALID = (): AppError =>
  new AppError('auth.key_invalid', 401, 'The API key is malformed, unknown, expired or revoked.');

const SESSION_REQUIRED = (): AppError =>
  new AppError('auth.session_required', 403, 'This call is for people who are signed in.');

function scopeMissing({ kind }: Caller, scope: Scope | undefined): AppError {
  const whose = kind === 'operator' ? 'The role of the person' : 'The API key';
  return new AppError('auth.scope_missing', 403, `${whose} lacks the scope "${scope ?? 'none'}".`);
}
