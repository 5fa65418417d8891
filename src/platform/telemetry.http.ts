import { Injectable, type NestMiddleware } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';
import { requestIdOf, routeOf } from './request.js';
import { Telemetry } from './telemetry.js';

/** Asked every few seconds, and of no interest. */
const QUIET = /^\/(health|metrics)\b/;

/** A span per call of the API, under the template of its route. In place only while somebody takes spans. */
@Injectable()
export class HttpTraces implements NestMiddleware {
  constructor(private readonly telemetry: Telemetry) {}

  use(request: Request, response: Response, next: NextFunction): void {
    if (QUIET.test(request.originalUrl)) return next();
    const end = this.telemetry.serve(request, next);
    response.once('close', () => {
      const route = routeOf(request) ?? 'none';
      end(`${request.method} ${route}`, {
        'http.request.method': request.method,
        'http.route': route,
        'http.response.status_code': response.statusCode,
        'bellhop.request.id': requestIdOf(request, response),
      });
    });
  }
}
