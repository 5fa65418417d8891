import { AppError, type FieldIssue } from '@bellhop/contracts';
import { applyDecorators, HttpException } from '@nestjs/common';
import { ApiExtraModels, ApiProperty, ApiPropertyOptional, ApiResponse, getSchemaPath } from '@nestjs/swagger';
import { STATUS_CODES } from 'node:http';
import { isUnavailable } from './sql.js';

/** One field that has to be put right. */
export class ProblemField implements FieldIssue {
  @ApiProperty({
    description: 'JSON Pointer into the body, `?name` for a query parameter, `{name}` for a part of the path.',
    example: '/token',
  })
  readonly field: string;

  @ApiProperty({ example: 'must be 64 to 200 hexadecimal digits' })
  readonly message: string;
}

/** A refusal (RFC 9457). Every reply of 400 and above has this form. */
export class Problem {
  @ApiProperty({ format: 'uri', example: 'urn:bellhop:problem:device.token_malformed' })
  readonly type: string;

  @ApiProperty({ example: 'Unprocessable Entity' })
  readonly title: string;

  @ApiProperty({ type: 'integer', example: 422 })
  readonly status: number;

  @ApiProperty({ description: 'Stable; the end of `type`.', example: 'device.token_malformed' })
  readonly code: string;

  @ApiPropertyOptional({ description: 'For people; absent when the fault is ours.' })
  readonly detail?: string;

  @ApiProperty({ description: 'The request id, as in `X-Request-Id` and in the log.' })
  readonly instance: string;

  @ApiPropertyOptional({ type: [ProblemField] })
  readonly errors?: readonly FieldIssue[];
}

/** A refusal before it is tied to a request. */
export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly detail?: string;
  readonly errors?: readonly FieldIssue[];
}

/** What the framework refuses. Its own words are not passed on: they repeat the address or the body. */
const BY_STATUS: Readonly<Record<number, readonly [code: string, detail: string]>> = {
  400: ['request.malformed', 'The request cannot be read: its JSON, its encoding or its address is malformed.'],
  404: ['route.not_found', 'There is no such address.'],
  405: ['route.method_not_allowed', 'This address does not have this method; the header Allow lists those it has.'],
  413: ['request.too_large', 'The body is larger than this address accepts.'],
  415: ['request.unsupported_media', 'The content type, charset or content encoding is not supported.'],
};

const INTERNAL: Refusal = { status: 500, code: 'internal' };
const UNAVAILABLE: Refusal = {
  status: 503,
  code: 'unavailable',
  detail: 'The database cannot be used. Send it again.',
};

/** Any error → what the caller may know of it. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof AppError) return ofAppError(error);
  if (error instanceof HttpException) return ofStatus(error.getStatus());
  return isDatabaseDown(error) ? UNAVAILABLE : INTERNAL;
}

export function ofStatus(status: number): Refusal {
  if (status === INTERNAL.status) return INTERNAL;
  const [code, detail] = BY_STATUS[status] ?? [`http.${status}`];
  return { status, code, ...(detail && { detail }) };
}

/** Fields that one reply names. Whoever sends thousands of wrong ones gets no answer that is larger than the question. */
const MOST_FIELDS = 100;

function ofAppError({ status, code, message, issues }: AppError): Refusal {
  if (status === INTERNAL.status) return { status, code };
  return { status, code, detail: message, ...(issues.length > 0 && { errors: issues.slice(0, MOST_FIELDS) }) };
}

/** Faults of our own code are no outage, even where their words or codes look like one. */
function isDatabaseDown(error: unknown): boolean {
  if (!(error instanceof Error) || isProgrammingFault(error)) return false;
  return isUnavailable(error);
}

function isProgrammingFault(error: Error): boolean {
  const { code } = error as { code?: unknown };
  const builtIn = [TypeError, RangeError, ReferenceError, SyntaxError, URIError].some((type) => error instanceof type);
  return builtIn || (typeof code === 'string' && code.startsWith('ERR_'));
}

/** The body of the reply. */
export function problemOf({ status, code, detail, errors }: Refusal, requestId: string): Problem {
  return {
    type: `urn:bellhop:problem:${code}`,
    title: STATUS_CODES[status] ?? 'Error',
    status,
    code,
    ...(detail && { detail }),
    instance: requestId,
    ...(errors && { errors }),
  };
}

const MEANING: Readonly<Record<number, string>> = {
  400: 'The request is malformed, or a field of it is.',
  401: 'The API key is missing, unknown, expired or revoked.',
  403: 'The API key lacks the scope that this call needs.',
  404: 'It does not exist, or belongs to another app.',
  409: 'It contradicts the present state, or a call with the same Idempotency-Key is under way.',
  413: 'The body is too large.',
  422: 'Well-formed and not acceptable, or the Idempotency-Key was used for another request.',
  429: 'Too many calls; the header Retry-After says when to try again.',
  503: 'The service cannot do its work at the moment.',
};

/** Documents the refusals of a route. */
export function ApiProblems(...statuses: readonly number[]): MethodDecorator & ClassDecorator {
  const content = { 'application/problem+json': { schema: { $ref: getSchemaPath(Problem) } } };
  return applyDecorators(
    ApiExtraModels(Problem),
    ...statuses.map((status) => ApiResponse({ status, description: MEANING[status] ?? STATUS_CODES[status], content })),
  );
}
