import { Body, Controller, Delete, Get, HttpCode, Param, Put, Query } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentApp, RequireScope } from '../../access/scope.js';
import { ApiProblems } from '../../platform/problem.js';
import { IdentitiesService } from './identities.service.js';
import { IdentityKey, IdentityList, IdentityView, identityView } from './identities.dto.js';
import { PreferencesBody, PreferencesView, preferencesView } from './preferences.dto.js';
import { PreferencesService } from './preferences.service.js';
import { PresenceBody, PresenceList, PresenceView, presenceView } from './presence.dto.js';
import { PresenceService } from './presence.service.js';
import { InstallationParams, UserParams } from './users.params.dto.js';

/** People, as the app names them. They need no registration: an id exists once something is said about it. */
@ApiTags('users')
@Controller('v1/users/:userId')
export class UsersController {
  constructor(
    private readonly identities: IdentitiesService,
    private readonly presence: PresenceService,
    private readonly preferences: PreferencesService,
  ) {}

  @Put('identities')
  @RequireScope('send')
  @ApiOperation({
    operationId: 'linkIdentity',
    summary: "Link a vendor's name for a person; it moves when it was linked",
  })
  @ApiOkResponse({ type: IdentityView })
  @ApiProblems(400, 422)
  async link(
    @CurrentApp() appId: string,
    @Param() { userId }: UserParams,
    @Body() body: IdentityKey,
  ): Promise<IdentityView> {
    return identityView(await this.identities.link(appId, userId, body));
  }

  @Get('identities')
  @RequireScope('read')
  @ApiOperation({ operationId: 'listIdentities', summary: 'List the names that vendors have for a person' })
  @ApiOkResponse({ type: IdentityList })
  @ApiProblems(400)
  async listIdentities(@CurrentApp() appId: string, @Param() { userId }: UserParams): Promise<IdentityList> {
    return { data: (await this.identities.list(appId, userId)).map(identityView) };
  }

  @Delete('identities')
  @HttpCode(204)
  @RequireScope('send')
  @ApiOperation({ operationId: 'unlinkIdentity', summary: "Unlink a vendor's name for a person" })
  @ApiNoContentResponse({ description: 'Unlinked.' })
  @ApiProblems(400, 404)
  unlink(@CurrentApp() appId: string, @Param() { userId }: UserParams, @Query() key: IdentityKey): Promise<void> {
    return this.identities.unlink(appId, userId, key);
  }

  @Put('presence/:installationId')
  @RequireScope('send')
  @ApiOperation({
    operationId: 'reportPresence',
    summary: 'Report whether the app is in front; the latest report wins',
  })
  @ApiOkResponse({ type: PresenceView, description: 'What is known now.' })
  @ApiProblems(400)
  async report(
    @CurrentApp() appId: string,
    @Param() { userId, installationId }: InstallationParams,
    @Body() { state, client, ttlSeconds, observedAt }: PresenceBody,
  ): Promise<PresenceView> {
    const seen = observedAt ? new Date(observedAt) : undefined;
    const report = { state, client: client ?? undefined, ttlSeconds: ttlSeconds ?? undefined, observedAt: seen };
    return presenceView(await this.presence.report(appId, userId, installationId, report));
  }

  @Get('presence')
  @RequireScope('read')
  @ApiOperation({ operationId: 'getPresence', summary: 'List the sessions of a person' })
  @ApiOkResponse({ type: PresenceList })
  @ApiProblems(400)
  async listPresence(@CurrentApp() appId: string, @Param() { userId }: UserParams): Promise<PresenceList> {
    return { data: (await this.presence.list(appId, userId)).map(presenceView) };
  }

  @Get('preferences')
  @RequireScope('read')
  @ApiOperation({ operationId: 'getPreferences', summary: 'Get what a person wants to be told' })
  @ApiOkResponse({ type: PreferencesView })
  @ApiProblems(400)
  async getPreferences(@CurrentApp() appId: string, @Param() { userId }: UserParams): Promise<PreferencesView> {
    return preferencesView(await this.preferences.find(appId, userId));
  }

  @Put('preferences')
  @RequireScope('send')
  @ApiOperation({ operationId: 'setPreferences', summary: 'Set what a person wants to be told; replaces everything' })
  @ApiOkResponse({ type: PreferencesView })
  @ApiProblems(400)
  async setPreferences(
    @CurrentApp() appId: string,
    @Param() { userId }: UserParams,
    @Body() body: PreferencesBody,
  ): Promise<PreferencesView> {
    return preferencesView(await this.preferences.replace(appId, userId, body));
  }
}
