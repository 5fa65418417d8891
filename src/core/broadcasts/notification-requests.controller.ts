import { refuse } from './request-check.js';
import { AppError, type FieldIssue } from '@bellhop/contracts';
import { Body, Controller, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { CurrentApp, MayBroadcast, RequireScope } from '../../access/scope.js';
import { Once, type OneEffect } from '../../platform/idempotency.js';
import { internalId } from '../../platform/ids.js';
import { ApiProblems } from '../../platform/problem.js';
import { NotificationView, notificationView } from '../notifications/notifications.dto.js';
import { NotificationsService } from '../notifications/notifications.service.js';
import { BroadcastControl } from './broadcast-control.js';
import { ExplainService } from './explain.service.js';
import { explanationView, ExplanationView } from './explanation.dto.js';
import { NotificationIntake } from './notification-intake.js';
import { type ContentBody, CreateNotificationBody, requestOf } from './notification-request.dto.js';

const MAX_DEVICES = 1_000;

@ApiTags('notifications')
@Controller('v1/notifications')
@RequireScope('send')
export class NotificationRequestsController {
  constructor(
    private readonly intake: NotificationIntake,
    private readonly explanations: ExplainService,
    private readonly control: BroadcastControl,
    private readonly notifications: NotificationsService,
  ) {}

  @Post()
  @HttpCode(202)
  @ApiOperation({
    operationId: 'createNotification',
    summary: 'Inform users, devices or an audience',
    description:
      'Send an `Idempotency-Key` so that a repeated call has one effect. `everyone` needs a key with the scope `broadcast`.',
  })
  @ApiAcceptedResponse({ type: NotificationView, description: 'Written; it is sent as soon as it is due.' })
  @ApiProblems(400, 404, 409, 422, 429)
  async create(
    @CurrentApp() appId: string,
    @MayBroadcast() mayBroadcast: boolean,
    @Once() once: OneEffect | undefined,
    @Body() body: CreateNotificationBody,
  ): Promise<NotificationView> {
    checkBody(body, mayBroadcast);
    const id = once?.done ?? (await this.intake.create(appId, requestOf(body), once));
    return notificationView(await this.notifications.get(appId, id));
  }

  @Post('explain')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'explainNotification',
    summary: 'Tell what a notification would do, and send nothing',
    description: 'Takes the body of `createNotification` and refuses what that would refuse.',
  })
  @ApiOkResponse({ type: ExplanationView })
  @ApiProblems(400, 404, 422)
  async explain(
    @CurrentApp() appId: string,
    @MayBroadcast() mayBroadcast: boolean,
    @Body() body: CreateNotificationBody,
  ): Promise<ExplanationView> {
    checkBody(body, mayBroadcast);
    return explanationView(await this.explanations.explain(appId, requestOf(body)));
  }

  @Post(':notificationId/pause')
  @HttpCode(200)
  @ApiOperation({ operationId: 'pauseNotification', summary: 'Plan and send nothing more until it is resumed' })
  @ApiOkResponse({ type: NotificationView })
  @ApiProblems(404, 409)
  async pause(@CurrentApp() appId: string, @Param('notificationId') publicId: string): Promise<NotificationView> {
    const id = internalId('ntf', publicId);
    await this.control.pause(appId, id);
    return notificationView(await this.notifications.get(appId, id));
  }

  @Post(':notificationId/resume')
  @HttpCode(200)
  @ApiOperation({ operationId: 'resumeNotification', summary: 'Go on with a paused notification' })
  @ApiOkResponse({ type: NotificationView })
  @ApiProblems(404, 409)
  async resume(@CurrentApp() appId: string, @Param('notificationId') publicId: string): Promise<NotificationView> {
    const id = internalId('ntf', publicId);
    await this.control.resume(appId, id);
    return notificationView(await this.notifications.get(appId, id));
  }

  @Post(':notificationId/cancel')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'cancelNotification',
    summary: 'Stop a notification',
    description:
      '200: nothing of it is sent from now on, and its counts are final. ' +
      '202: a gateway still holds a batch; the state becomes `cancelled` when that has ended.',
  })
  @ApiOkResponse({ type: NotificationView })
  @ApiAcceptedResponse({ type: NotificationView })
  @ApiProblems(404, 409)
  async cancel(
    @CurrentApp() appId: string,
    @Param('notificationId') publicId: string,
    @Res({ passthrough: true }) response: Response,
  ): Promise<NotificationView> {
    const id = internalId('ntf', publicId);
    const ended = await this.control.cancel(appId, id);
    response.status(ended ? 200 : 202);
    return notificationView(await this.notifications.get(appId, id));
  }
}

function checkBody({ audience, content, channel }: CreateNotificationBody, mayBroadcast: boolean): void {
  if (audience.everyone && !mayBroadcast) {
    throw new AppError('auth.scope_missing', 403, 'To reach everyone, the API key needs the scope "broadcast".');
  }
  refuse('notification.audience_invalid', sizeIssues(audience));
  refuse('notification.content_invalid', contentIssues(content, channel !== undefined));
}

function sizeIssues({ devices }: CreateNotificationBody['audience']): FieldIssue[] {
  if (!devices || devices.length <= MAX_DEVICES) return [];
  return [{ field: '/audience/devices', message: `must have at most ${MAX_DEVICES} entries` }];
}

/** A channel of its own judges its text itself. */
function contentIssues(content: ContentBody, throughChannel: boolean): FieldIssue[] {
  const { silent, localized, title, subtitle, body, badge, sound, overrides } = content;
  const shown = { title, subtitle, body, badge, sound, localized };
  const set = Object.entries(shown).filter(([, value]) => value !== undefined);
  if (silent) return set.map(([field]) => ({ field: `/content/${field}`, message: 'is not allowed in a silent push' }));
  const texts = [...Object.values(localized ?? {}), ...Object.values(overrides ?? {})];
  const hasText = [title, body, ...texts.flatMap((copy) => [copy?.title, copy?.body])].some(Boolean);
  if (hasText || throughChannel) return [];
  return [{ field: '/content/body', message: 'must be set, unless the push is silent' }];
}
