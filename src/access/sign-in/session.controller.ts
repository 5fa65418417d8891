import { Body, Controller, Delete, Get, HttpCode, Post, Put, Query, Req, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { PageQuery, paginate } from '../../platform/pagination.js';
import { ApiProblems } from '../../platform/problem.js';
import { Public } from '../../platform/public.js';
import { AppPage, appView } from '../access.dto.js';
import { AccessService } from '../access.service.js';
import { setCaller } from '../caller.js';
import { ClientAddresses } from '../limits/client-address.js';
import { assertSameSite } from './csrf.js';
import { CurrentSession, RequireSession } from './require-session.js';
import { callerWith, SESSION_ENDED } from './session-access.js';
import { SessionCookie } from './session-cookie.js';
import { ChangePasswordBody, RedeemLinkBody, SessionView, sessionView, SignInBody } from './session.dto.js';
import { type Session, SessionsService } from './sessions.service.js';
import { type SignedIn, SignInService } from './sign-in.service.js';

@ApiTags('session')
@Controller('v1/session')
export class SessionController {
  constructor(
    private readonly signIns: SignInService,
    private readonly sessions: SessionsService,
    private readonly cookie: SessionCookie,
    private readonly access: AccessService,
    private readonly addresses: ClientAddresses,
  ) {}

  @Post()
  @Public()
  @ApiOperation({ operationId: 'signIn', summary: 'Sign in; the session is a cookie' })
  @ApiCreatedResponse({ type: SessionView })
  @ApiProblems(400, 401, 403, 429, 503)
  async signIn(
    @Body() { email, password }: SignInBody,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SessionView> {
    assertSameSite(request);
    return this.enter(await this.signIns.signIn(email, password, this.addresses.of(request)), request, response);
  }

  @Post('link')
  @Public()
  @ApiOperation({
    operationId: 'redeemLink',
    summary: 'Choose a password by a link, and sign in',
    description: 'A link serves once, within 24 hours. The one of the first start makes the first admin.',
  })
  @ApiCreatedResponse({ type: SessionView })
  @ApiProblems(400, 401, 403, 429, 503)
  async redeem(
    @Body() body: RedeemLinkBody,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<SessionView> {
    assertSameSite(request);
    return this.enter(await this.signIns.redeem(body, this.addresses.of(request)), request, response);
  }

  @Get()
  @RequireSession()
  @ApiOperation({ operationId: 'getSession', summary: 'Who is signed in, and with which roles' })
  @ApiOkResponse({ type: SessionView })
  get(@CurrentSession() session: Session): SessionView {
    return sessionView(session);
  }

  @Get('apps')
  @RequireSession()
  @ApiOperation({ operationId: 'listSessionApps', summary: 'List the apps in which one has a role, newest first' })
  @ApiOkResponse({ type: AppPage })
  @ApiProblems(400)
  apps(@CurrentSession() { roles }: Session, @Query() query: PageQuery): Promise<AppPage> {
    const named = roles.map(({ appId }) => appId);
    return paginate(query, named.includes(null) ? this.access.loadApps : this.access.loadSome(named), appView);
  }

  @Put('password')
  @HttpCode(204)
  @RequireSession()
  @ApiOperation({ operationId: 'changePassword', summary: 'Choose another password; all other sessions end' })
  @ApiNoContentResponse({ description: 'Changed.' })
  @ApiProblems(400, 503)
  async changePassword(
    @CurrentSession() session: Session,
    @Body() { current, next }: ChangePasswordBody,
    @Req() request: Request,
  ): Promise<void> {
    await this.signIns.changePassword(session, current, next, this.addresses.of(request));
  }

  @Delete()
  @HttpCode(204)
  @RequireSession()
  @ApiOperation({ operationId: 'signOut', summary: 'Sign out' })
  @ApiNoContentResponse({ description: 'Signed out.' })
  async signOut(@CurrentSession() session: Session, @Res({ passthrough: true }) response: Response): Promise<void> {
    await this.sessions.end(session.digest);
    this.cookie.clear(response);
  }

  private async enter(signedIn: SignedIn, request: Request, response: Response): Promise<SessionView> {
    this.cookie.set(response, signedIn);
    setCaller(request, callerWith(signedIn, null, []));
    const session = await this.sessions.find(signedIn.token);
    // Somebody may have disabled the person in this very moment.
    if (!session) throw SESSION_ENDED();
    return sessionView(session);
  }
}
