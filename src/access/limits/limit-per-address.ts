import { applyDecorators, type CanActivate, type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request, Response } from 'express';
import { ApiProblems } from '../../platform/problem.js';
import { ClientAddresses } from './client-address.js';
import { type Policy, RateLimits } from './rate-limits.js';

const POLICY = 'bellhop:limit-per-address';

/** Limits the calls of a public route, or of every route of a controller, per client address. */
export function LimitPerAddress(policy: Policy): MethodDecorator & ClassDecorator {
  return applyDecorators(SetMetadata(POLICY, policy), ApiProblems(429));
}

/** In front of every route; it looks at those that are limited. */
@Injectable()
export class AddressLimitGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly limits: RateLimits,
    private readonly addresses: ClientAddresses,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const route = [context.getHandler(), context.getClass()];
    const policy = this.reflector.getAllAndOverride<Policy | undefined>(POLICY, route);
    const http = context.switchToHttp();
    if (policy) this.limits.spend(policy, this.addresses.of(http.getRequest<Request>()), http.getResponse<Response>());
    return true;
  }
}
