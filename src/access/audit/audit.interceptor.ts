import { isRecord } from '@bellhop/contracts';
import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Response } from 'express';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { internalId } from '../../platform/ids.js';
import { type AppRequest, requestIdOf } from '../../platform/request.js';
import { callerOf } from '../caller.js';
import { fieldsOf } from './audited-fields.js';
import { actorOf, AuditLog } from './audit-log.js';
import { AuditSubjects, type AuditTarget } from './audit-subjects.js';
import { UNAUDITED } from './unaudited.js';

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Where the framework's OpenAPI module keeps the operationId of a handler. */
const OPERATION = 'swagger/apiOperation';

interface Change {
  readonly params: Readonly<Record<string, string>>;
  readonly reply: unknown;
  readonly target: AuditTarget | undefined;
  readonly before: object | undefined;
}

/**
 * Writes down every unsafe call that succeeded, before its caller hears of it. It stands in front of every route, so a
 * new one cannot be forgotten. A repetition under an Idempotency-Key is answered before this and leaves no second entry.
 */
@Injectable()
export class AuditInterceptor implements NestInterceptor {
  constructor(
    private readonly reflector: Reflector,
    private readonly subjects: AuditSubjects,
    private readonly log: AuditLog,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { method } = context.switchToHttp().getRequest<AppRequest>();
    const route = [context.getHandler(), context.getClass()];
    const skip = SAFE.has(method) || this.reflector.getAllAndOverride<string | undefined>(UNAUDITED, route);
    return skip ? next.handle() : from(this.audited(context, next));
  }

  private async audited(context: ExecutionContext, next: CallHandler): Promise<unknown> {
    const request = context.switchToHttp().getRequest<AppRequest>();
    const params = request.params as Readonly<Record<string, string>>;
    const target = this.subjects.addressed(params);
    const before = target && (await this.subjects.look(target, request.appId));
    const reply: unknown = await lastValueFrom(next.handle() as Observable<unknown>, { defaultValue: undefined });
    await this.write(context, { params, reply, target, before });
    return reply;
  }

  private async write(context: ExecutionContext, { params, reply, target, before }: Change): Promise<void> {
    const http = context.switchToHttp();
    const request = http.getRequest<AppRequest>();
    const fresh = freshId(reply, params);
    const shown = fresh ? this.subjects.created(fresh) : target;
    const after = shown ? await this.subjects.look(shown, request.appId) : figuresOf(reply);
    await this.log.recordDone({
      actor: actorOf(callerOf(request)),
      appId: request.appId ?? appIn(params, fresh),
      requestId: requestIdOf(request, http.getResponse<Response>()),
      action: this.actionOf(context),
      target: fresh ?? target?.publicId ?? params['userId'] ?? Object.values(params).at(-1) ?? null,
      address: `${request.method} ${request.path}`,
      fields: fieldsOf(request.body),
      before: before ?? null,
      after: after ?? null,
    });
  }

  private actionOf(context: ExecutionContext): string {
    const operation = this.reflector.get<{ operationId?: string } | undefined>(OPERATION, context.getHandler());
    return operation?.operationId ?? `${context.getClass().name}.${context.getHandler().name}`;
  }
}

/** Of a reply about nothing that is followed, its counts and its yes or no: no secret is one of these. */
function figuresOf(reply: unknown): object | undefined {
  const figures = Object.entries(isRecord(reply) ? reply : {}).filter(([, value]) =>
    /number|boolean/.test(typeof value),
  );
  return figures.length > 0 ? Object.fromEntries(figures) : undefined;
}

/** The public id in the reply to a call that made something: one that stands nowhere in its path. */
function freshId(reply: unknown, params: Readonly<Record<string, string>>): string | undefined {
  const id = isRecord(reply) ? reply['id'] : undefined;
  return typeof id === 'string' && !Object.values(params).includes(id) ? id : undefined;
}

/** The app that a call of the platform was about. */
function appIn({ appId }: Readonly<Record<string, string>>, fresh: string | undefined): string | null {
  const named = appId ?? (fresh?.startsWith('app_') ? fresh : undefined);
  return named === undefined ? null : internalId('app', named);
}
