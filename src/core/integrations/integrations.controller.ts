import type { CheckResult } from '@bellhop/contracts';
import { Body, Controller, Get, HttpCode, Param, Patch, Post, Query, Req } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Request } from 'express';
import { CurrentApp, RequireScope } from '../../access/scope.js';
import { Environment } from '../../platform/env.js';
import { internalId, publicId } from '../../platform/ids.js';
import { PageQuery, paginate } from '../../platform/pagination.js';
import { ApiProblems } from '../../platform/problem.js';
import type { Integration } from './integration.entity.js';
import {
  CheckView,
  CreateIntegrationBody,
  IntegrationPage,
  IntegrationView,
  integrationView,
  IntegrationWithAddress,
  PauseIntegrationBody,
  ReviseIntegrationBody,
  RotateUrlSecretBody,
} from './integrations.dto.js';
import { IntegrationsService, type WithUrlSecret } from './integrations.service.js';

@ApiTags('integrations')
@Controller('v1/integrations')
@RequireScope('admin')
export class IntegrationsController {
  constructor(
    private readonly integrations: IntegrationsService,
    private readonly environment: Environment,
  ) {}

  @Post()
  @ApiOperation({ operationId: 'createIntegration', summary: 'Configure a plugin for this app' })
  @ApiCreatedResponse({ type: IntegrationWithAddress })
  @ApiProblems(400, 409, 422)
  async create(
    @CurrentApp() appId: string,
    @Body() body: CreateIntegrationBody,
    @Req() request: Request,
  ): Promise<IntegrationWithAddress> {
    return this.withAddress(await this.integrations.create(appId, body), request);
  }

  @Get()
  @RequireScope('read')
  @ApiOperation({ operationId: 'listIntegrations', summary: 'List the integrations, newest first' })
  @ApiOkResponse({ type: IntegrationPage })
  @ApiProblems(400)
  list(@CurrentApp() appId: string, @Query() query: PageQuery): Promise<IntegrationPage> {
    return paginate(
      query,
      (before, take) => this.integrations.list(appId, take, before),
      (row) => this.view(row),
    );
  }

  @Get(':integrationId')
  @RequireScope('read')
  @ApiOperation({ operationId: 'getIntegration', summary: 'Get an integration' })
  @ApiOkResponse({ type: IntegrationView })
  @ApiProblems(404)
  async get(@CurrentApp() appId: string, @Param('integrationId') id: string): Promise<IntegrationView> {
    return this.view(await this.integrations.get(appId, internalId('int', id)));
  }

  @Patch(':integrationId')
  @ApiOperation({ operationId: 'reviseIntegration', summary: 'Change name, settings or configuration' })
  @ApiOkResponse({ type: IntegrationView })
  @ApiProblems(400, 404)
  async revise(
    @CurrentApp() appId: string,
    @Param('integrationId') id: string,
    @Body() body: ReviseIntegrationBody,
  ): Promise<IntegrationView> {
    return this.view(await this.integrations.revise(appId, internalId('int', id), body));
  }

  @Post(':integrationId/check')
  @HttpCode(200)
  @ApiOperation({ operationId: 'checkIntegration', summary: 'Test the connection; nothing is sent to people' })
  @ApiOkResponse({ type: CheckView })
  @ApiProblems(404)
  check(@CurrentApp() appId: string, @Param('integrationId') id: string): Promise<CheckResult> {
    return this.integrations.check(appId, internalId('int', id));
  }

  @Post(':integrationId/pause')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'pauseIntegration',
    summary: 'Hold its deliveries; callbacks are still accepted and routed',
  })
  @ApiOkResponse({ type: IntegrationView })
  @ApiProblems(400, 404)
  async pause(
    @CurrentApp() appId: string,
    @Param('integrationId') id: string,
    @Body() body: PauseIntegrationBody,
  ): Promise<IntegrationView> {
    return this.view(await this.integrations.pause(appId, internalId('int', id), body.detail));
  }

  @Post(':integrationId/resume')
  @HttpCode(200)
  @ApiOperation({ operationId: 'resumeIntegration', summary: 'Resume, and send what was held' })
  @ApiOkResponse({ type: IntegrationView })
  @ApiProblems(404)
  async resume(@CurrentApp() appId: string, @Param('integrationId') id: string): Promise<IntegrationView> {
    return this.view(await this.integrations.resume(appId, internalId('int', id)));
  }

  @Post(':integrationId/rotate-url-secret')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'rotateUrlSecret',
    summary: 'Issue a new callback address; the old one stays valid for a while',
  })
  @ApiOkResponse({ type: IntegrationWithAddress })
  @ApiProblems(400, 404)
  async rotate(
    @CurrentApp() appId: string,
    @Param('integrationId') id: string,
    @Body() body: RotateUrlSecretBody,
    @Req() request: Request,
  ): Promise<IntegrationWithAddress> {
    const rotated = await this.integrations.rotateUrlSecret(appId, internalId('int', id), body.graceSeconds);
    return this.withAddress(rotated, request);
  }

  private view(integration: Integration): IntegrationView {
    return integrationView(integration, this.integrations.visibleConfig(integration));
  }

  private withAddress({ integration, urlSecret }: WithUrlSecret, request: Request): IntegrationWithAddress {
    const base = this.environment.publicUrl ?? `${request.protocol}://${request.get('host') ?? 'localhost'}`;
    const callbackUrl = `${base}/v1/inbound/${publicId('int', integration.id)}/${urlSecret}`;
    return { ...this.view(integration), callbackUrl };
  }
}
