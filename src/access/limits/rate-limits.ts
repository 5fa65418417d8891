import { TooManyCallsError } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import type { Response } from 'express';
import { Clock } from '../../platform/clock.js';
import { Environment } from '../../platform/env.js';
import type { Caller } from '../caller.js';
import { type Grant, RateLimit } from './rate-limit.js';

const MINUTE_MS = 60_000;

/** Names of the limits that calls are told of. */
const POLICIES = ['api', 'receipts'] as const;
export type Policy = (typeof POLICIES)[number];

/** The limits of this process, as the environment sets them. */
@Injectable()
export class RateLimits {
  private readonly policies: Readonly<Record<Policy, RateLimit | undefined>>;
  private readonly inbound: RateLimit | undefined;

  constructor(
    { apiRate, inboundRate, receiptsRate }: Environment,
    private readonly clock: Clock,
  ) {
    this.policies = { api: perMinute(apiRate), receipts: perMinute(receiptsRate) };
    this.inbound = perMinute(inboundRate);
  }

  /** Counts a call of whoever was let in. @throws {TooManyCallsError} */
  spendCall({ id, kind }: Caller, response: Response): void {
    this.spend('api', id ?? kind, response);
  }

  /**
   * Counts a call under a name, and tells the reply what is left.
   * @throws {TooManyCallsError} `rate.limited`
   */
  spend(policy: Policy, name: string, response: Response): void {
    const limit = this.policies[policy];
    if (!limit) return;
    const grant = limit.take(name, this.clock.now().getTime());
    tell(response, policy, limit, grant);
    if (grant.granted) return;
    const seconds = secondsOf(grant.retryMs);
    throw new TooManyCallsError('rate.limited', `Too many calls; try again in ${seconds} s.`, seconds);
  }

  /** Whether one more callback of an integration may come. Asked for every callback. */
  admitsCallback(integrationId: string, now: Date): boolean {
    return this.inbound === undefined || this.inbound.admits(integrationId, now.getTime());
  }
}

const perMinute = (quota: number): RateLimit | undefined =>
  quota > 0 ? new RateLimit({ quota, windowMs: MINUTE_MS }) : undefined;

const secondsOf = (ms: number): number => Math.ceil(ms / 1000);

/** Source: draft-ietf-httpapi-ratelimit-headers-10. `t` counts to the moment when the whole quota is there again. */
function tell(response: Response, policy: Policy, { rate }: RateLimit, { remaining, resetMs }: Grant): void {
  response.setHeader('RateLimit-Policy', `"${policy}";q=${rate.quota};w=${secondsOf(rate.windowMs)}`);
  response.setHeader('RateLimit', `"${policy}";r=${remaining};t=${secondsOf(resetMs)}`);
}
