import { Body, Controller, HttpCode, Param, Post, Req } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Scope } from '../../access/api-key.entity.js';
import { CurrentApp, RequireScope } from '../../access/scope.js';
import { internalId } from '../../platform/ids.js';
import { ApiProblems } from '../../platform/problem.js';
import type { AppRequest } from '../../platform/request.js';
import { ActionView, RunActionBody } from './actions.dto.js';
import { ActionsService } from './actions.service.js';

@ApiTags('integrations')
@Controller('v1/integrations/:integrationId/actions')
export class ActionsController {
  constructor(private readonly actions: ActionsService) {}

  @Post(':actionId')
  @HttpCode(200)
  @RequireScope('read')
  @ApiOperation({
    operationId: 'runAction',
    summary: 'Ask a vendor for what its plugin offers besides messages',
    description: 'Actions, the schema of their input and the scope that each needs stand in `GET /v1/plugins`.',
  })
  @ApiOkResponse({ type: ActionView })
  @ApiProblems(400, 404, 409, 422, 429, 502, 503)
  async run(
    @CurrentApp() appId: string,
    @Param('integrationId') id: string,
    @Param('actionId') actionId: string,
    @Body() { input }: RunActionBody,
    @Req() { scopes = [] }: AppRequest,
  ): Promise<ActionView> {
    const key = scopes as readonly Scope[];
    const request = { appId, integrationId: internalId('int', id), actionId, input: input ?? {}, scopes: key };
    return { data: await this.actions.run(request) };
  }
}
