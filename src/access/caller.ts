import type { Request } from 'express';
import type { Scope } from './api-key.entity.js';

export const CALLER_KINDS = ['api_key', 'platform_key', 'operator'] as const;
export type CallerKind = (typeof CALLER_KINDS)[number];

/** Who calls. */
export interface Caller {
  readonly kind: CallerKind;
  /** UUID of the key or of the operator; null for the platform key of the environment. */
  readonly id: string | null;
  /** For people: the name of a key with its first characters, or the e-mail address of an operator. */
  readonly name: string;
  /** The app that the call is for; null for platform keys, and for operators that named none. */
  readonly appId: string | null;
  readonly scopes: readonly Scope[];
  /** Of the key; null when it has no end. */
  readonly expiresAt: Date | null;
}

const callers = new WeakMap<Request, Caller>();

/** Notes who was let in; the audit and the limits ask for it. */
export function setCaller(request: Request, caller: Caller): void {
  callers.set(request, caller);
}

/** Undefined before the guard, and on public routes. */
export function callerOf(request: Request): Caller | undefined {
  return callers.get(request);
}
