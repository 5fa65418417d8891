import { Body, Controller, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { internalId } from '../platform/ids.js';
import { PageQuery, paginate } from '../platform/pagination.js';
import { ApiProblems } from '../platform/problem.js';
import { AppPage, appView, AppView, CreateAppBody, UpdateAppBody } from './access.dto.js';
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
}
