import type { Request } from 'express';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { OneEffect } from './idempotency.js';
import { newId } from './ids.js';

/** A request after the guard: it knows the app whose key was presented. */
export interface AppRequest extends Request {
  /** Absent for public routes and for keys of the platform. */
  appId?: string;
  /** Of the key. */
  scopes?: readonly string[];
  /** Absent without an `Idempotency-Key`. */
  oneEffect?: OneEffect;
}

const SAFE_ID = /^[\w.:-]{1,128}$/;

/** Name of the header that tells a request's id, in requests and replies. */
export const REQUEST_ID = 'X-Request-Id';

/** `X-Request-Id` of the caller when it is 1 to 128 letters, digits or `_.:-`, else a new one. */
export function newRequestId({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && SAFE_ID.test(given) ? given : newId();
}

/**
 * The id under which a request is logged and answered. Whoever asks first decides, and the reply carries it: a body that
 * cannot be parsed is refused before any middleware of ours runs.
 */
export function requestIdOf(request: IncomingMessage, response: ServerResponse): string {
  const known: unknown = (request as { id?: unknown }).id;
  if (typeof known === 'string') return known;
  const id = newRequestId(request);
  (request as { id: unknown }).id = id;
  if (!response.headersSent) response.setHeader(REQUEST_ID, id);
  return id;
}

interface Route {
  readonly path?: unknown;
  readonly methods?: Readonly<Record<string, boolean>>;
}

/** Template of the route that answers (`/v1/devices/:deviceId`); undefined when there is none. */
export function routeOf(request: Request): string | undefined {
  return templateOf(request.route as Route | undefined);
}

/** Nest mounts middleware as a route for every path and method, which answers nothing. */
function templateOf(route: Route | undefined): string | undefined {
  const path = route?.path;
  return typeof path === 'string' && !/^\/?\{?\/?\*/.test(path) ? path : undefined;
}

interface Layer {
  readonly route?: Route;
  match(path: string): boolean;
}

/** Methods that the path of a request has; empty when there is no such path. */
export function methodsOf(request: Request): string[] {
  const { stack } = request.app.router as unknown as { readonly stack: readonly Layer[] };
  const routes = stack.filter((layer) => templateOf(layer.route) && layer.match(request.path));
  const methods = routes.flatMap(({ route }) => Object.keys(route?.methods ?? {})).map((name) => name.toUpperCase());
  return [...new Set(methods.includes('GET') ? [...methods, 'HEAD'] : methods)].sort();
}
