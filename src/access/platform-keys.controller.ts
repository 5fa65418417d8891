import { Body, Controller, Delete, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { internalId } from '../platform/ids.js';
import { PageQuery, paginate } from '../platform/pagination.js';
import { ApiProblems } from '../platform/problem.js';
import {
  ApiKeyPage,
  apiKeyView,
  createdApiKey,
  CreatedApiKey,
  CreatePlatformKeyBody,
  RotateApiKeyBody,
  rotatedApiKey,
  RotatedApiKey,
} from './access.dto.js';
import { rotationOf } from './api-keys.controller.js';
import { ApiKeysService } from './api-keys.service.js';
import { RequireScope } from './scope.js';

/** Keys that manage apps, besides the one of the environment, which nobody can list, rotate or revoke here. */
@ApiTags('apps')
@Controller('v1/platform-keys')
@RequireScope('platform')
export class PlatformKeysController {
  constructor(private readonly keys: ApiKeysService) {}

  @Post()
  @ApiOperation({ operationId: 'createPlatformKey', summary: 'Issue a platform key; it is shown this once' })
  @ApiCreatedResponse({ type: CreatedApiKey })
  @ApiProblems(400)
  async create(@Body() { name, expiresAt }: CreatePlatformKeyBody): Promise<CreatedApiKey> {
    const expiry = expiresAt ? new Date(expiresAt) : null;
    return createdApiKey(await this.keys.issue(null, { name, scopes: ['platform'], expiresAt: expiry }));
  }

  @Get()
  @ApiOperation({ operationId: 'listPlatformKeys', summary: 'List the platform keys, newest first' })
  @ApiOkResponse({ type: ApiKeyPage })
  @ApiProblems(400)
  list(@Query() query: PageQuery): Promise<ApiKeyPage> {
    return paginate(query, this.keys.load(null), apiKeyView);
  }

  @Post(':keyId/rotate')
  @ApiOperation({
    operationId: 'rotatePlatformKey',
    summary: 'Issue a platform key in the place of another one, which goes on for a while; it is shown this once',
  })
  @ApiCreatedResponse({ type: RotatedApiKey })
  @ApiProblems(400, 404, 409)
  async rotate(@Param('keyId') keyId: string, @Body() body: RotateApiKeyBody): Promise<RotatedApiKey> {
    return rotatedApiKey(await this.keys.rotate(null, internalId('key', keyId), rotationOf(body)));
  }

  @Delete(':keyId')
  @HttpCode(204)
  @ApiOperation({ operationId: 'revokePlatformKey', summary: 'Revoke a platform key' })
  @ApiNoContentResponse({ description: 'Revoked, within ten seconds everywhere.' })
  @ApiProblems(404)
  revoke(@Param('keyId') keyId: string): Promise<void> {
    return this.keys.revoke(null, internalId('key', keyId));
  }
}
