import { AppError, escapePointer, type FieldIssue, isRecord, issuesOf } from '@bellhop/contracts';
import { type ArgumentMetadata, Injectable, ValidationPipe } from '@nestjs/common';
import type { ValidationError } from 'class-validator';

/** What class-validator found, before it is known which part of the request was looked at. */
class Faults extends Error {
  constructor(readonly found: readonly ValidationError[]) {
    super('The request is not valid.');
  }
}

/** 400 `request.invalid`: every field at once, each with its place. */
export function invalidRequest(issues: readonly FieldIssue[]): AppError {
  return new AppError('request.invalid', 400, 'The request is not valid; `errors` names the fields.', issues);
}

/**
 * Turns bodies, queries and paths into DTOs. Unknown fields are refused, nothing is converted unless the DTO says so.
 * @throws {AppError} `request.invalid` with JSON Pointers, `?name` or `{name}`.
 */
@Injectable()
export class RequestValidationPipe extends ValidationPipe {
  constructor() {
    super({
      transform: true,
      whitelist: true,
      forbidNonWhitelisted: true,
      exceptionFactory: (found) => new Faults(found),
    });
  }

  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (metadata.type === 'body' && value !== undefined && !isRecord(value)) throw invalidRequest([NO_OBJECT]);
    try {
      const read: unknown = await super.transform(value, metadata);
      const unstorable = metadata.type === 'body' ? unstorableTexts(value) : [];
      if (unstorable.length > 0) throw invalidRequest(unstorable);
      return read;
    } catch (error) {
      if (error instanceof Faults) throw invalidRequest(issuesOf(error.found).map((issue) => placed(issue, metadata)));
      throw error;
    }
  }
}

const NO_OBJECT: FieldIssue = { field: '', message: 'must be a JSON object' };

const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0');

/** Texts and names that PostgreSQL takes neither as text nor inside JSON. */
function unstorableTexts(value: unknown, field = ''): FieldIssue[] {
  if (typeof value === 'string') return isStorable(value) ? [] : [{ field, message: UNSTORABLE }];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, part]) =>
    isStorable(name) ? unstorableTexts(part, `${field}/${escapePointer(name)}`) : [{ field, message: UNSTORABLE }],
  );
}

const UNSTORABLE = 'must be text without NUL characters and broken surrogates';

function placed({ field, message }: FieldIssue, { type }: ArgumentMetadata): FieldIssue {
  if (type === 'query') return { field: `?${field.slice(1)}`, message };
  return type === 'param' ? { field: `{${field.slice(1)}}`, message } : { field, message };
}
