import { Injectable } from '@nestjs/common';
import type { CookieOptions, Request, Response } from 'express';
import { Environment } from '../../platform/env.js';
import { FLOW_MS, type OidcFlow } from './oidc-flow.js';

const NAME = 'bellhop_oidc';

/**
 * Binds an attempt to sign in to the browser that began it. `Lax`, because the provider's page sends people back;
 * `__Host-` behind https, because a sibling domain that planted one could sign somebody in as somebody else.
 */
@Injectable()
export class OidcCookie {
  private readonly name: string;
  private readonly options: CookieOptions;
  private readonly pattern: RegExp;

  constructor({ publicUrl }: Environment) {
    const secure = publicUrl?.startsWith('https:') ?? false;
    this.name = secure ? `__Host-${NAME}` : NAME;
    this.options = { httpOnly: true, sameSite: 'lax', path: '/', secure };
    this.pattern = new RegExp(`(?:^|;) *${this.name}=([^;]*)`);
  }

  set(response: Response, { cookie }: OidcFlow): void {
    response.cookie(this.name, cookie, { ...this.options, maxAge: FLOW_MS });
  }

  clear(response: Response): void {
    response.clearCookie(this.name, this.options);
  }

  read({ headers }: Request): string | undefined {
    return this.pattern.exec(headers.cookie ?? '')?.[1];
  }
}
