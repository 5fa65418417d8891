import { AppError } from '@bellhop/contracts';
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

/** Where people find themselves when they are signed in, or read why they are not. */
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
  @ApiResponse({ status: 303, description: 'To the provider. For a browser, when it is away: to the console.' })
  @ApiProblems(404, 503)
  begin(@Req() request: Request, @Res({ passthrough: true }) response: Response): Promise<Redirection> {
    return orRefused(request, async () => {
      const { flow, url } = await this.oidc.begin();
      this.cookie.set(response, flow);
      return { url };
    });
  }

  @Get('callback')
  @Redirect('', 303)
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ operationId: 'completeOidcSignIn', summary: 'Where the OpenID provider sends people back to' })
  @ApiResponse({ status: 303, description: 'Signed in, or a browser that is told why not; to the console.' })
  @ApiProblems(401, 403, 404, 429, 503)
  complete(@Req() request: Request, @Res({ passthrough: true }) response: Response): Promise<Redirection> {
    const cookie = this.cookie.read(request);
    // Once, whatever comes of it.
    this.cookie.clear(response);
    return orRefused(request, async () => {
      const signedIn = await this.oidc.complete({
        cookie,
        query: /\?(.*)$/.exec(request.originalUrl)?.[1] ?? '',
        address: this.addresses.of(request),
        requestId: requestIdOf(request, response),
      });
      this.session.set(response, signedIn);
      return { url: CONSOLE };
    });
  }
}

/** People read in the console why they were refused; programs get the problem. */
async function orRefused(request: Request, step: () => Promise<Redirection>): Promise<Redirection> {
  try {
    return await step();
  } catch (error) {
    const isRefusal = error instanceof AppError && error.code.startsWith('auth.');
    if (!isRefusal || request.accepts('json', 'html') !== 'html') throw error;
    return { url: `${CONSOLE}#/refused/${error.code}` };
  }
}
