import { AppError, type FieldIssue } from '@bellhop/contracts';
import {
  type CallHandler,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  Logger,
  type NestInterceptor,
} from '@nestjs/common';
import { createHash } from 'node:crypto';
import type { Response } from 'express';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { type Claim, IdempotencyStore, type IdempotentCall, type StoredReply } from './idempotency.store.js';
import { newId } from './ids.js';
import { refusalOf } from './problem.js';
import type { AppRequest } from './request.js';
import type { SqlRunner } from './sql.js';

const UNSAFE = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
const KEY = /^[\x21-\x7e]{1,255}$/;

/** A key that cannot be released, because the database is away, is tried again for about as long as a claim stands. */
const RELEASE_EVERY_MS = 1_000;
const RELEASE_TRIES = 300;

/** What a call under an `Idempotency-Key` must do once, whatever becomes of its process and connections. */
export interface OneEffect {
  /** What an earlier run has done, of which nobody heard. */
  readonly done: string | undefined;
  /** To be called in the transaction of the effect. @throws {ConflictError} when another run has been faster. */
  readonly note: (tx: SqlRunner, effect: string) => Promise<void>;
}

/** The {@link OneEffect} of the call; undefined without a key. */
export const Once = createParamDecorator((_: unknown, context: ExecutionContext): OneEffect | undefined => {
  return context.switchToHttp().getRequest<AppRequest>().oneEffect;
});

/**
 * Gives an unsafe call with an `Idempotency-Key` one effect, however often it is sent within 24 hours.
 * A repetition gets the reply of the first call and `Idempotent-Replayed: true`. Outages (5xx), 409 and 429 release
 * the key, since the same call may succeed later; every other reply is kept.
 */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  private readonly logger = new Logger(IdempotencyInterceptor.name);

  constructor(private readonly store: IdempotencyStore) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const request = http.getRequest<AppRequest>();
    const call = callOf(request);
    return call ? from(this.once(request, call, next, http.getResponse<Response>())) : next.handle();
  }

  private async once(
    request: AppRequest,
    call: IdempotentCall,
    next: CallHandler,
    response: Response,
  ): Promise<unknown> {
    const earlier = await this.claim(call);
    if ('reply' in earlier) return replay(earlier.reply, response);
    request.oneEffect = { done: earlier.effect, note: (tx, effect) => this.store.note(tx, call, effect) };
    const body = await this.run(call, next);
    await this.settle(this.store.keep(call, { status: response.statusCode, body: body ?? null }));
    return body;
  }

  private async claim(call: IdempotentCall): Promise<Claim> {
    try {
      return await this.store.claim(call);
    } catch (error) {
      // A connection that broke does not tell whether the key is ours by now.
      if (!(error instanceof AppError)) await this.release(call);
      throw error;
    }
  }

  private async run(call: IdempotentCall, next: CallHandler): Promise<unknown> {
    try {
      return await lastValueFrom(next.handle() as Observable<unknown>, { defaultValue: undefined });
    } catch (error) {
      const { status, code, detail, errors } = refusalOf(error);
      const final = status < 500 && status !== 409 && status !== 429;
      const refusal = { status, body: { code, detail, errors } };
      await (final ? this.settle(this.store.keep(call, refusal)) : this.release(call));
      throw error;
    }
  }

  /** Until it is released, whoever makes the call again is told that it is under way. */
  private async release(call: IdempotentCall, tries = RELEASE_TRIES): Promise<void> {
    try {
      await this.store.release(call);
    } catch (error) {
      if (tries === RELEASE_TRIES) this.logger.warn({ err: error }, 'An idempotency key is released later');
      if (tries > 1) setTimeout(() => void this.release(call, tries - 1), RELEASE_EVERY_MS).unref();
    }
  }

  /** What the call did stands, so its caller hears of it even when the key cannot be written. */
  private async settle(work: Promise<void>): Promise<void> {
    await work.catch((error: unknown) => this.logger.warn({ err: error }, 'An idempotency key was not settled'));
  }
}

/** @throws {AppError} `idempotency.key_malformed` */
function callOf(request: AppRequest): IdempotentCall | undefined {
  const key = request.headers['idempotency-key'];
  const { appId } = request;
  if (key === undefined || !appId || !UNSAFE.has(request.method)) return undefined;
  if (typeof key !== 'string' || !KEY.test(key)) {
    throw new AppError('idempotency.key_malformed', 400, 'Idempotency-Key must be 1 to 255 visible ASCII characters.');
  }
  return { appId, key, requestHash: hashOf(request), run: newId() };
}

function hashOf({ method, originalUrl, body }: AppRequest): Buffer {
  const request = JSON.stringify([method, originalUrl, (body as unknown) ?? null]);
  return createHash('sha256').update(request).digest();
}

interface StoredRefusal {
  readonly code: string;
  readonly detail?: string;
  readonly errors?: readonly FieldIssue[];
}

function replay({ status, body }: StoredReply, response: Response): unknown {
  response.setHeader('Idempotent-Replayed', 'true');
  response.status(status);
  if (status < 400) return body ?? undefined;
  const { code, detail, errors } = body as StoredRefusal;
  throw new AppError(code, status, detail ?? '', errors);
}
