import { AppError } from '@bellhop/contracts';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Response } from 'express';
import { PUBLIC } from '../platform/public.js';
import type { AppRequest } from '../platform/request.js';
import { AccessService } from './access.service.js';
import type { Scope } from './api-key.entity.js';
import type { Caller } from './key-cache.js';
import { grants, SCOPE } from './scope.js';

const BEARER = /^Bearer +([\x21-\x7e]{1,512}) *$/i;

/** Lets a request through when its API key has the scope of the route, and binds it to the app of the key. */
@Injectable()
export class ApiKeyGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly access: AccessService,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const route = [context.getHandler(), context.getClass()];
    const needed = this.reflector.getAllAndOverride<Scope | undefined>(SCOPE, route);
    if (!needed && this.reflector.getAllAndOverride<boolean>(PUBLIC, route)) return true;
    const http = context.switchToHttp();
    const request = http.getRequest<AppRequest>();
    const caller = await this.callerOf(request, http.getResponse<Response>());
    if (!needed || !grants(caller.scopes, needed)) throw new ScopeMissingError(needed);
    if (caller.appId) request.appId = caller.appId;
    request.scopes = caller.scopes;
    return true;
  }

  private async callerOf(request: AppRequest, response: Response): Promise<Caller> {
    const { authorization } = request.headers;
    const [, key] = BEARER.exec(authorization ?? '') ?? [];
    const caller = key ? await this.access.authenticate(key) : undefined;
    if (caller) return caller;
    response.setHeader('WWW-Authenticate', challenge(authorization !== undefined));
    throw authorization === undefined ? KEY_MISSING() : KEY_INVALID();
  }
}

/** RFC 6750: without credentials the challenge names no error. */
function challenge(presented: boolean): string {
  return presented ? 'Bearer realm="bellhop", error="invalid_token"' : 'Bearer realm="bellhop"';
}

const KEY_MISSING = (): AppError =>
  new AppError('auth.key_missing', 401, 'This call needs the header Authorization: Bearer <API key>.');

const KEY_INVALID = (): AppError =>
  new AppError('auth.key_invalid', 401, 'The API key is malformed, unknown, expired or revoked.');

class ScopeMissingError extends AppError {
  constructor(scope: Scope | undefined) {
    super('auth.scope_missing', 403, `The API key lacks the scope "${scope ?? 'none'}".`);
  }
}
