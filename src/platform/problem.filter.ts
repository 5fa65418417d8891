import { TooManyCallsError } from '@bellhop/contracts';
import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { Request, Response } from 'express';
import { ofStatus, problemOf, type Refusal, refusalOf } from './problem.js';
import { methodsOf, requestIdOf, routeOf } from './request.js';

/** Seconds after which a caller may try again when the database was down. */
const RETRY_AFTER = '2';

/** Answers every error as `application/problem+json` (RFC 9457), without values, secrets or the words of a library. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger(ProblemFilter.name);

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<Request>();
    const response = http.getResponse<Response>();
    const refusal = this.refine(refusalOf(error), request, response);
    if (error instanceof TooManyCallsError && !response.headersSent) {
      response.setHeader('Retry-After', String(error.retryAfterSeconds));
    }
    const requestId = requestIdOf(request, response);
    this.log(refusal, requestId, error);
    // Half a reply cannot be taken back; the broken connection tells the caller.
    if (response.headersSent) return void response.destroy();
    response.status(refusal.status).setHeader('Content-Type', 'application/problem+json');
    response.send(Buffer.from(JSON.stringify(problemOf(refusal, requestId))));
  }

  private refine(refusal: Refusal, request: Request, response: Response): Refusal {
    if (response.headersSent) return refusal;
    if (refusal.status === 503) response.setHeader('Retry-After', RETRY_AFTER);
    if (refusal.status !== 404 || routeOf(request)) return refusal;
    const allowed = methodsOf(request);
    if (allowed.length === 0) return refusal;
    response.setHeader('Allow', allowed.join(', '));
    return ofStatus(405);
  }

  private log({ status, code }: Refusal, requestId: string, error: unknown): void {
    if (status === 503) this.logger.warn({ err: error, requestId }, `Answered ${status} ${code}`);
    else if (status >= 500) this.logger.error({ err: error, requestId }, `Answered ${status} ${code}`);
  }
}
