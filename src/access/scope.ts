import { applyDecorators, createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import { ApiBearerAuth, ApiCookieAuth, ApiExtension } from '@nestjs/swagger';
import { ApiProblems } from '../platform/problem.js';
import type { AppRequest } from '../platform/request.js';
import { AppError } from '@bellhop/contracts';
import type { Scope } from './api-key.entity.js';

/** Metadata key of the scope a route needs. */
export const SCOPE = 'bellhop:scope';

/** Metadata key of routes for whoever is signed in. */
export const SESSION = 'bellhop:session';

/** Names of the security schemes in the OpenAPI document. */
export const API_KEY_SCHEME = 'apiKey';
export const SESSION_SCHEME = 'session';

const IMPLIED: Readonly<Record<Scope, readonly Scope[]>> = {
  admin: ['admin', 'broadcast', 'send', 'read'],
  broadcast: ['broadcast', 'send', 'read'],
  send: ['send', 'read'],
  read: ['read'],
  platform: ['platform'],
};

/** Whether a key with these scopes may do what `needed` stands for: admin implies broadcast, broadcast implies send, send implies read. */
export function grants(scopes: readonly Scope[], needed: Scope): boolean {
  return scopes.some((scope) => IMPLIED[scope].includes(needed));
}

/** The scope that a route, or every route of a controller, needs: of a key, or by the roles of a person who is signed in. */
export function RequireScope(scope: Scope): MethodDecorator & ClassDecorator {
  return applyDecorators(
    SetMetadata(SCOPE, scope),
    ApiBearerAuth(API_KEY_SCHEME),
    ApiCookieAuth(SESSION_SCHEME),
    ApiExtension('x-scope', scope),
    ApiProblems(401, 403, 429),
  );
}

/** The id (UUID) of the app whose key was presented, or that a call with a session has named. */
export const CurrentApp = createParamDecorator((_: unknown, context: ExecutionContext): string => {
  const { appId } = context.switchToHttp().getRequest<AppRequest>();
  if (!appId) throw APP_REQUIRED();
  return appId;
});

const APP_REQUIRED = (): AppError =>
  new AppError(
    'auth.app_required',
    403,
    'This call needs an app: a key of one, or a session and the header Bellhop-App.',
  );

/** Whether the key that was presented may address everybody at once. */
export const MayBroadcast = createParamDecorator((_: unknown, context: ExecutionContext): boolean => {
  const { scopes = [] } = context.switchToHttp().getRequest<AppRequest>();
  return grants(scopes as readonly Scope[], 'broadcast');
});
