import { Controller, Get, Header, Redirect, Req, Res } from '@nestjs/common';
import { ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { ApiProblems } from '../../platform/problem.js';
import { Public } from '../../platform/public.js';
import { requestIdOf } from '../../platform/request.js';
import { ClientAddresses } from '../limits/client-address.js';
import { SessionCookie } from '../sign-in/session-cookie.js';
import { OidcCookie } from './oidc-cookie.js';
import { OidcService } from './oidc.service.js';

/** Where people find themselves when they are signed in. */
const CONSOLE = '/console/';

interface Redirection {
  readonly url: string;
}

@ApiTags('session')
@Controller('v1/session/oidc')
@Public()
export class OidcController {
  constructor(
    private readonly oidc: OidcService,
    private readonly cookie: OidcCookie,
    private readonly session: SessionCookie,
    private readonly addresses: ClientAddresses,
  ) {}

  @Get()
  @Redirect('', 303)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ operationId: 'beginOidcSignIn', summary: 'Sign in with the OpenID provider; for browsers' })
  @ApiResponse({ status: 303, description: 'To the provider.' })
  @ApiProblems(404, 503)
  async begin(@Res({ passthrough: true }) response: Response): Promise<Redirection> {
    const { flow, url } = await this.oidc.begin();
    this.cookie.set(response, flow);
    return { url };
  }

  @Get('callback')
  @Redirect('', 303)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ operationId: 'completeOidcSignIn', summary: 'Where the OpenID provider sends people back to' })
  @ApiResponse({ status: 303, description: 'Signed in; to the console.' })
  @ApiProblems(401, 403, 404, 429, 503)
  async complete(@Req() request: Request, @Res({ passthrough: true }) response: Response): Promise<Redirection> {
    const cookie = this.cookie.read(request);
    // Once, whatever comes of it.
    this.cookie.clear(response);
    const signedIn = await this.oidc.complete({
      cookie,
      query: /\?(.*)$/.exec(request.originalUrl)?.[1] ?? '',
      address: this.addresses.of(request),
      requestId: requestIdOf(request, response),
    });
    this.session.set(response, signedIn);
    return { url: CONSOLE };
  }
}
