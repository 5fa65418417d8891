import { Body, Controller, Param, Put } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentApp, RequireScope } from '../../access/scope.js';
import { internalId } from '../../platform/ids.js';
import { ApiProblems } from '../../platform/problem.js';
import { PushSwitchBody, PushSwitchParams, PushSwitchView } from './push-switch.dto.js';
import { PushSwitchService } from './push-switch.service.js';

@ApiTags('users')
@Controller('v1/users/:userId/push-switch')
export class PushSwitchController {
  constructor(private readonly switches: PushSwitchService) {}

  @Put(':integrationId')
  @RequireScope('send')
  @ApiOperation({
    operationId: 'setPushSwitch',
    summary: 'Have a vendor hand the messages of a person over to be pushed, or stop it',
  })
  @ApiOkResponse({ type: PushSwitchView })
  @ApiProblems(400, 404, 409, 422, 429, 502, 503)
  set(
    @CurrentApp() appId: string,
    @Param() { userId, integrationId }: PushSwitchParams,
    @Body() { on }: PushSwitchBody,
  ): Promise<PushSwitchView> {
    return this.switches.set({ appId, userId, integrationId: internalId('int', integrationId), on });
  }
}
