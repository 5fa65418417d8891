import { REDACTED } from '@bellhop/contracts';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Params } from 'nestjs-pino';
import { type Level, stdTimeFunctions } from 'pino';
import type { Options } from 'pino-http';
import { requestIdOf } from './request.js';

/** Names whose values never reach a log, at the top of an entry and up to two levels below. */
const SECRET_NAMES = [
  'authorization',
  'cookie',
  'token',
  'deviceToken',
  'sealedToken',
  'secret',
  'urlSecret',
  'appSecret',
  'sealedSecrets',
  'password',
  'privateKey',
  'p8',
  'apiKey',
];

/** Addresses that are called every few seconds and say nothing. */
const QUIET = /^\/(health|metrics)\b/;

/** JSON logs, one line per request: id, method, path, status, time. No bodies, headers or query parameters. */
export function loggingOptions(level: string): Params {
  return { pinoHttp: httpLogOptions(level) };
}

export function httpLogOptions(level: string): Options {
  return {
    level,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    genReqId: requestIdOf,
    redact: { paths: SECRET_NAMES.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: REDACTED },
    wrapSerializers: false,
    serializers: {
      req: requestEntry,
      res: ({ statusCode }: ServerResponse) => ({ status: statusCode }),
      err: errorEntry,
    },
    autoLogging: { ignore: ({ url }) => QUIET.test(url ?? '') },
    customLogLevel: levelOf,
  };
}

function levelOf(_request: IncomingMessage, { statusCode }: ServerResponse, error?: Error): Level {
  if (error || statusCode >= 500) return 'error';
  return 'info';
}

function requestEntry(request: IncomingMessage & { originalUrl?: string }): object {
  return { id: request.id, method: request.method, path: pathForLog(request.originalUrl ?? request.url ?? '') };
}

/** The path of an address without its query, and without the secret of a callback address. */
export function pathForLog(url: string): string {
  const [path = ''] = url.split('?', 1);
  return path.replace(/(\/inbound\/+[^/]+\/+)[^/]+/i, `$1${REDACTED}`);
}

interface ErrorEntry {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly stack?: string;
  readonly cause?: ErrorEntry;
}

/** Named fields only: errors of the database carry the statement and its parameters along. */
function errorEntry(error: unknown, depth = 0): ErrorEntry {
  if (!(error instanceof Error)) return { type: typeof error, message: 'not an Error' };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === 'string' && { code }),
    ...(depth === 0 && { stack: error.stack }),
    ...(error.cause !== undefined && depth < 3 && { cause: errorEntry(error.cause, depth + 1) }),
  };
}
