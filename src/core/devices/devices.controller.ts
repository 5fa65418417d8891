import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentApp, RequireScope } from '../../access/scope.js';
import { Clock } from '../../platform/clock.js';
import { internalId } from '../../platform/ids.js';
import { PageQuery, paginate } from '../../platform/pagination.js';
import { ApiProblems } from '../../platform/problem.js';
import { InstallationParams, UserParams } from '../users/users.params.dto.js';
import { restoreFilter, RestoreDevicesBody, RestoreView } from './device-restore.dto.js';
import { DeviceRestore } from './device-restore.js';
import type { Device } from './device.entity.js';
import { DevicePage, deviceView, DeviceView, RegisterDeviceBody } from './devices.dto.js';
import { DevicesService } from './devices.service.js';

@ApiTags('devices')
@Controller('v1')
export class DevicesController {
  constructor(
    private readonly devices: DevicesService,
    private readonly restores: DeviceRestore,
    private readonly clock: Clock,
  ) {}

  @Put('users/:userId/devices/:installationId')
  @RequireScope('send')
  @ApiOperation({
    operationId: 'registerDevice',
    summary: 'Register an install at every start of the app; its token moves here from wherever it was',
  })
  @ApiOkResponse({ type: DeviceView })
  @ApiProblems(400, 422)
  async register(
    @CurrentApp() appId: string,
    @Param() { userId, installationId }: InstallationParams,
    @Body() body: RegisterDeviceBody,
  ): Promise<DeviceView> {
    return this.view(await this.devices.register({ appId, userId, installationId }, body));
  }

  @Get('users/:userId/devices')
  @RequireScope('read')
  @ApiOperation({ operationId: 'listDevices', summary: 'List the devices of a person, newest first' })
  @ApiOkResponse({ type: DevicePage })
  @ApiProblems(400)
  list(@CurrentApp() appId: string, @Param() { userId }: UserParams, @Query() query: PageQuery): Promise<DevicePage> {
    return paginate(query, this.devices.loadOfUser(appId, userId), (row) => this.view(row));
  }

  @Post('devices/restore')
  @HttpCode(200)
  @RequireScope('admin')
  @ApiOperation({
    operationId: 'restoreDevices',
    summary: 'Use devices again that gateways took out of use, for instance all of a wrong hour',
    description:
      'For verdicts that were wrong: another bundle id, another Firebase project, a fault of a gateway. A token that is ' +
      'really dead is retired again by the next push.',
  })
  @ApiOkResponse({ type: RestoreView })
  @ApiProblems(400)
  async restore(@CurrentApp() appId: string, @Body() body: RestoreDevicesBody): Promise<RestoreView> {
    const filter = restoreFilter(body, this.clock.now());
    const matched = await this.restores.count(appId, filter);
    const restored = body.dryRun ? 0 : await this.restores.restore(appId, filter);
    return { dryRun: body.dryRun, matched, restored };
  }

  @Get('devices/:deviceId')
  @RequireScope('read')
  @ApiOperation({ operationId: 'getDevice', summary: 'Get a device' })
  @ApiOkResponse({ type: DeviceView })
  @ApiProblems(404)
  async get(@CurrentApp() appId: string, @Param('deviceId') deviceId: string): Promise<DeviceView> {
    return this.view(await this.devices.get(appId, internalId('dev', deviceId)));
  }

  @Delete('users/:userId/devices/:installationId')
  @HttpCode(204)
  @RequireScope('send')
  @ApiOperation({ operationId: 'removeDevice', summary: 'Remove an install, for instance at sign-out' })
  @ApiNoContentResponse({ description: 'Removed.' })
  @ApiProblems(400, 404)
  remove(@CurrentApp() appId: string, @Param() { userId, installationId }: InstallationParams): Promise<void> {
    return this.devices.remove({ appId, userId, installationId });
  }

  private view(row: Device): DeviceView {
    return deviceView(row, this.devices.openToken(row));
  }
}
