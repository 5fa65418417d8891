import { escapePointer, type FieldIssue } from '@bellhop/contracts';
import { Injectable, type NestMiddleware, UnsupportedMediaTypeException } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';
import { invalidRequest } from './validation.js';

/** Levels of lists and objects in a body. Ours have ten at most; far deeper ones exhaust the stack of whoever walks them. */
const MAX_DEPTH = 64;

/**
 * Bodies are JSON and say so: a form, which any page may send to any site, is refused before anybody reads it. Comes
 * before guards and interceptors, which look at bodies too.
 */
@Injectable()
export class BodyRules implements NestMiddleware {
  /** @throws {UnsupportedMediaTypeException} @throws {AppError} `request.invalid` */
  use(request: Request, _response: Response, next: NextFunction): void {
    if (hasBody(request) && !request.is('application/json')) throw new UnsupportedMediaTypeException();
    const issue = issueIn(request.body);
    if (issue) throw invalidRequest([issue]);
    next();
  }
}

function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Members that every object inherits: validation takes some of them for known ones, and copying them may do harm. */
const isInherited = (name: string): boolean => name in Object.prototype;

function issueIn(value: unknown, field = '', levels = MAX_DEPTH): FieldIssue | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (levels === 0) return { field: '', message: 'is nested too deeply' };
  for (const [name, part] of Object.entries(value)) {
    const place = `${field}/${escapePointer(name)}`;
    if (isInherited(name)) return { field: place, message: 'must have another name' };
    const issue = issueIn(part, place, levels - 1);
    if (issue) return issue;
  }
  return undefined;
}
