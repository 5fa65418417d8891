import { Injectable } from '@nestjs/common';
import type { CookieOptions, Request, Response } from 'express';
import { Clock } from '../../platform/clock.js';
import { Environment } from '../../platform/env.js';
import type { OpenedSession } from './sessions.service.js';

const NAME = 'bellhop_session';

/**
 * The cookie of a session. No script can read it, no other site sends it along; behind https it never travels in the
 * clear, and its name (`__Host-`) lets no sibling domain set it.
 */
@Injectable()
export class SessionCookie {
  private readonly name: string;
  private readonly options: CookieOptions;
  private readonly pattern: RegExp;

  constructor(
    { publicUrl }: Environment,
    private readonly clock: Clock,
  ) {
    const secure = publicUrl?.startsWith('https:') ?? false;
    this.name = secure ? `__Host-${NAME}` : NAME;
    this.options = { httpOnly: true, sameSite: 'strict', path: '/', secure };
    this.pattern = new RegExp(`(?:^|;) *${this.name}=([^;]*)`);
  }

  set(response: Response, { token, expiresAt }: OpenedSession): void {
    const maxAge = expiresAt.getTime() - this.clock.now().getTime();
    response.cookie(this.name, token, { ...this.options, maxAge });
  }

  clear(response: Response): void {
    response.clearCookie(this.name, this.options);
  }

  /** The token that a request brings along; undefined when there is none. */
  read({ headers }: Request): string | undefined {
    return this.pattern.exec(headers.cookie ?? '')?.[1];
  }
}
