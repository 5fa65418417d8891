import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentApp, RequireScope } from '../../access/scope.js';
import { Clock } from '../../platform/clock.js';
import { internalId } from '../../platform/ids.js';
import { PageQuery, paginate } from '../../platform/pagination.js';
import { ApiProblems } from '../../platform/problem.js';
import type { WebhookEndpoint } from './webhook-endpoint.entity.js';
import {
  CreateWebhookBody,
  ReviseWebhookBody,
  RotateWebhookSecretBody,
  WebhookMessagePage,
  WebhookMessageQuery,
  WebhookMessageView,
  webhookMessageView,
  WebhookPage,
  WebhookTestView,
  webhookTestView,
  WebhookView,
  webhookView,
  WebhookWithSecret,
} from './webhooks.dto.js';
import { WebhooksService, type WithSecret } from './webhooks.service.js';

@ApiTags('webhooks')
@Controller('v1/webhooks')
@RequireScope('admin')
export class WebhooksController {
  constructor(
    private readonly webhooks: WebhooksService,
    private readonly clock: Clock,
  ) {}

  @Post()
  @ApiOperation({ operationId: 'createWebhook', summary: 'Have an address told of events; the secret is shown once' })
  @ApiCreatedResponse({ type: WebhookWithSecret })
  @ApiProblems(400, 422)
  async create(@CurrentApp() appId: string, @Body() body: CreateWebhookBody): Promise<WebhookWithSecret> {
    return this.withSecret(await this.webhooks.create(appId, body));
  }

  @Get()
  @ApiOperation({ operationId: 'listWebhooks', summary: 'List the webhooks, newest first' })
  @ApiOkResponse({ type: WebhookPage })
  @ApiProblems(400)
  list(@CurrentApp() appId: string, @Query() query: PageQuery): Promise<WebhookPage> {
    return paginate(
      query,
      (before, take) => this.webhooks.list(appId, take, before),
      (endpoint) => this.view(endpoint),
    );
  }

  @Get(':webhookId')
  @ApiOperation({ operationId: 'getWebhook', summary: 'Get a webhook' })
  @ApiOkResponse({ type: WebhookView })
  @ApiProblems(404)
  async get(@CurrentApp() appId: string, @Param('webhookId') id: string): Promise<WebhookView> {
    return this.view(await this.webhooks.get(appId, internalId('whk', id)));
  }

  @Patch(':webhookId')
  @ApiOperation({ operationId: 'reviseWebhook', summary: 'Change address, description or events' })
  @ApiOkResponse({ type: WebhookView })
  @ApiProblems(400, 404, 422)
  async revise(
    @CurrentApp() appId: string,
    @Param('webhookId') id: string,
    @Body() body: ReviseWebhookBody,
  ): Promise<WebhookView> {
    return this.view(await this.webhooks.revise(appId, internalId('whk', id), body));
  }

  @Delete(':webhookId')
  @HttpCode(204)
  @ApiOperation({ operationId: 'deleteWebhook', summary: 'Delete a webhook with its messages' })
  @ApiNoContentResponse()
  @ApiProblems(404)
  async delete(@CurrentApp() appId: string, @Param('webhookId') id: string): Promise<void> {
    await this.webhooks.delete(appId, internalId('whk', id));
  }

  @Post(':webhookId/rotate-secret')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'rotateWebhookSecret',
    summary: 'Issue a new secret; for a while calls are signed with the old one as well',
  })
  @ApiOkResponse({ type: WebhookWithSecret })
  @ApiProblems(400, 404)
  async rotate(
    @CurrentApp() appId: string,
    @Param('webhookId') id: string,
    @Body() body: RotateWebhookSecretBody,
  ): Promise<WebhookWithSecret> {
    return this.withSecret(await this.webhooks.rotateSecret(appId, internalId('whk', id), body.graceSeconds));
  }

  @Post(':webhookId/enable')
  @HttpCode(200)
  @ApiOperation({ operationId: 'enableWebhook', summary: 'Enable it again, and send what has been waiting' })
  @ApiOkResponse({ type: WebhookView })
  @ApiProblems(404)
  async enable(@CurrentApp() appId: string, @Param('webhookId') id: string): Promise<WebhookView> {
    return this.view(await this.webhooks.enable(appId, internalId('whk', id)));
  }

  @Post(':webhookId/test')
  @HttpCode(200)
  @ApiOperation({ operationId: 'testWebhook', summary: 'Post an event of type webhook.test, and say what came back' })
  @ApiOkResponse({ type: WebhookTestView })
  @ApiProblems(404)
  async test(@CurrentApp() appId: string, @Param('webhookId') id: string): Promise<WebhookTestView> {
    return webhookTestView(await this.webhooks.test(appId, internalId('whk', id)));
  }

  @Get(':webhookId/messages')
  @ApiOperation({ operationId: 'listWebhookMessages', summary: 'List its messages of 30 days, newest first' })
  @ApiOkResponse({ type: WebhookMessagePage })
  @ApiProblems(400, 404)
  async listMessages(
    @CurrentApp() appId: string,
    @Param('webhookId') webhookId: string,
    @Query() query: WebhookMessageQuery,
  ): Promise<WebhookMessagePage> {
    const { id } = await this.webhooks.get(appId, internalId('whk', webhookId));
    const { state } = query;
    return paginate(
      query,
      (before, take) => this.webhooks.listMessages(appId, id, take, { before, state }),
      webhookMessageView,
    );
  }

  @Get(':webhookId/messages/:messageId')
  @ApiOperation({ operationId: 'getWebhookMessage', summary: 'Get a message with its attempts' })
  @ApiOkResponse({ type: WebhookMessageView })
  @ApiProblems(404)
  async getMessage(
    @CurrentApp() appId: string,
    @Param('webhookId') webhookId: string,
    @Param('messageId') id: string,
  ): Promise<WebhookMessageView> {
    const message = this.webhooks.getMessage(appId, internalId('whk', webhookId), internalId('whm', id));
    return webhookMessageView(await message);
  }

  @Post(':webhookId/messages/:messageId/resend')
  @HttpCode(200)
  @ApiOperation({ operationId: 'resendWebhookMessage', summary: 'Send a message again now, under the id it has' })
  @ApiOkResponse({ type: WebhookMessageView })
  @ApiProblems(404, 409)
  async resend(
    @CurrentApp() appId: string,
    @Param('webhookId') webhookId: string,
    @Param('messageId') id: string,
  ): Promise<WebhookMessageView> {
    const message = this.webhooks.resend(appId, internalId('whk', webhookId), internalId('whm', id));
    return webhookMessageView(await message);
  }

  private view(endpoint: WebhookEndpoint): WebhookView {
    return webhookView(endpoint, this.clock.now());
  }

  private withSecret({ endpoint, secret }: WithSecret): WebhookWithSecret {
    return { ...this.view(endpoint), secret };
  }
}
