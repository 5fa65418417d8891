import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { internalId } from '../platform/ids.js';
import { PageQuery, paginate } from '../platform/pagination.js';
import { ApiProblems } from '../platform/problem.js';
import {
  ApiKeyPage,
  apiKeyView,
  AppPage,
  appView,
  AppView,
  CreateApiKeyBody,
  CreateAppBody,
  createdApiKey,
  CreatedApiKey,
  UpdateAppBody,
} from './access.dto.js';
import { AccessService } from './access.service.js';
import { RequireScope } from './scope.js';

@ApiTags('apps')
@Controller('v1/apps')
@RequireScope('platform')
export class AppsController {
  constructor(private readonly access: AccessService) {}

  @Post()
  @ApiOperation({ operationId: 'createApp', summary: 'Create an app' })
  @ApiCreatedResponse({ type: AppView })
  @ApiProblems(400)
  async create(@Body() body: CreateAppBody): Promise<AppView> {
    return appView(await this.access.createApp(body));
  }

  @Get()
  @ApiOperation({ operationId: 'listApps', summary: 'List the apps, newest first' })
  @ApiOkResponse({ type: AppPage })
  @ApiProblems(400)
  list(@Query() query: PageQuery): Promise<AppPage> {
    return paginate(query, this.access.loadApps, appView);
  }

  @Get(':appId')
  @ApiOperation({ operationId: 'getApp', summary: 'Get an app' })
  @ApiOkResponse({ type: AppView })
  @ApiProblems(404)
  async get(@Param('appId') appId: string): Promise<AppView> {
    return appView(await this.access.getApp(internalId('app', appId)));
  }

  @Patch(':appId')
  @ApiOperation({ operationId: 'updateApp', summary: 'Change fields of an app' })
  @ApiOkResponse({ type: AppView })
  @ApiProblems(400, 404)
  async update(@Param('appId') appId: string, @Body() body: UpdateAppBody): Promise<AppView> {
    return appView(await this.access.updateApp(internalId('app', appId), body));
  }

  @Post(':appId/api-keys')
  @ApiOperation({ operationId: 'createApiKey', summary: 'Issue an API key; it is shown this once' })
  @ApiCreatedResponse({ type: CreatedApiKey })
  @ApiProblems(400, 404)
  async createKey(@Param('appId') appId: string, @Body() body: CreateApiKeyBody): Promise<CreatedApiKey> {
    const { name, scopes, expiresAt } = body;
    const expiry = expiresAt ? new Date(expiresAt) : null;
    return createdApiKey(await this.access.createApiKey(internalId('app', appId), name, scopes, expiry));
  }

  @Get(':appId/api-keys')
  @ApiOperation({ operationId: 'listApiKeys', summary: 'List the API keys of an app, newest first' })
  @ApiOkResponse({ type: ApiKeyPage })
  @ApiProblems(400, 404)
  async listKeys(@Param('appId') appId: string, @Query() query: PageQuery): Promise<ApiKeyPage> {
    const { id } = await this.access.getApp(internalId('app', appId));
    return paginate(query, this.access.loadApiKeys(id), apiKeyView);
  }

  @Delete(':appId/api-keys/:keyId')
  @HttpCode(204)
  @ApiOperation({ operationId: 'revokeApiKey', summary: 'Revoke an API key' })
  @ApiNoContentResponse({ description: 'Revoked, within ten seconds everywhere.' })
  @ApiProblems(404)
  revokeKey(@Param('appId') appId: string, @Param('keyId') keyId: string): Promise<void> {
    return this.access.revokeApiKey(internalId('app', appId), internalId('key', keyId));
  }
}
