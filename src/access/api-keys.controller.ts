import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { internalId } from '../platform/ids.js';
import { PageQuery, paginate } from '../platform/pagination.js';
import { ApiProblems } from '../platform/problem.js';
import {
  ApiKeyPage,
  apiKeyView,
  CreateApiKeyBody,
  createdApiKey,
  CreatedApiKey,
  RotateApiKeyBody,
  rotatedApiKey,
  RotatedApiKey,
} from './access.dto.js';
import { AccessService } from './access.service.js';
import { ApiKeysService } from './api-keys.service.js';
import { RequireScope } from './scope.js';

@ApiTags('apps')
@Controller('v1/apps/:appId/api-keys')
@RequireScope('platform')
export class ApiKeysController {
  constructor(
    private readonly access: AccessService,
    private readonly keys: ApiKeysService,
  ) {}

  @Post()
  @ApiOperation({ operationId: 'createApiKey', summary: 'Issue an API key; it is shown this once' })
  @ApiCreatedResponse({ type: CreatedApiKey })
  @ApiProblems(400, 404)
  async create(@Param('appId') appId: string, @Body() body: CreateApiKeyBody): Promise<CreatedApiKey> {
    const { name, scopes, expiresAt } = body;
    const expiry = expiresAt ? new Date(expiresAt) : null;
    return createdApiKey(await this.access.createApiKey(internalId('app', appId), name, scopes, expiry));
  }

  @Get()
  @ApiOperation({ operationId: 'listApiKeys', summary: 'List the API keys of an app, newest first' })
  @ApiOkResponse({ type: ApiKeyPage })
  @ApiProblems(400, 404)
  async list(@Param('appId') appId: string, @Query() query: PageQuery): Promise<ApiKeyPage> {
    const { id } = await this.access.getApp(internalId('app', appId));
    return paginate(query, this.keys.load(id), apiKeyView);
  }

  @Post(':keyId/rotate')
  @ApiOperation({
    operationId: 'rotateApiKey',
    summary: 'Issue a key in the place of another one, which goes on for a while; it is shown this once',
  })
  @ApiCreatedResponse({ type: RotatedApiKey })
  @ApiProblems(400, 404, 409)
  async rotate(
    @Param('appId') appId: string,
    @Param('keyId') keyId: string,
    @Body() body: RotateApiKeyBody,
  ): Promise<RotatedApiKey> {
    return rotatedApiKey(await this.keys.rotate(internalId('app', appId), internalId('key', keyId), rotationOf(body)));
  }

  @Delete(':keyId')
  @HttpCode(204)
  @ApiOperation({ operationId: 'revokeApiKey', summary: 'Revoke an API key' })
  @ApiNoContentResponse({ description: 'Revoked, within ten seconds everywhere.' })
  @ApiProblems(404)
  revoke(@Param('appId') appId: string, @Param('keyId') keyId: string): Promise<void> {
    return this.keys.revoke(internalId('app', appId), internalId('key', keyId));
  }
}

export function rotationOf({ overlapSeconds, expiresAt }: RotateApiKeyBody) {
  return { overlapSeconds, ...(expiresAt && { expiresAt: new Date(expiresAt) }) };
}
