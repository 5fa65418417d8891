import { applyDecorators, createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import { ApiCookieAuth, ApiExtension } from '@nestjs/swagger';
import type { Request } from 'express';
import { ApiProblems } from '../../platform/problem.js';
import { SESSION, SESSION_SCHEME } from '../scope.js';
import { sessionOf } from './session-access.js';
import type { Session } from './sessions.service.js';

/** A route, or every route of a controller, for people who are signed in, whatever their roles. */
export function RequireSession(): MethodDecorator & ClassDecorator {
  return applyDecorators(
    SetMetadata(SESSION, true),
    ApiCookieAuth(SESSION_SCHEME),
    ApiExtension('x-session', true),
    ApiProblems(401, 403, 429),
  );
}

/** The session of the caller. */
export const CurrentSession = createParamDecorator((_: unknown, context: ExecutionContext): Session => {
  const session = sessionOf(context.switchToHttp().getRequest<Request>());
  if (!session) throw new Error('The route lacks @RequireSession().');
  return session;
});
