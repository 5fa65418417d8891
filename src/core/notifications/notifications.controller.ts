import { type FieldIssue, UnprocessableError } from '@bellhop/contracts';
import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentApp, RequireScope } from '../../access/scope.js';
import { internalId } from '../../platform/ids.js';
import { PageQuery, paginate } from '../../platform/pagination.js';
import { ApiProblems } from '../../platform/problem.js';
import { PluginRegistry } from '../registry/plugin-registry.js';
import {
  type AudienceBody,
  type ContentBody,
  contentOf,
  CreateNotificationBody,
  DeliveryPage,
  deliveryView,
  fieldsUsed,
  NotificationPage,
  NotificationView,
  notificationView,
  NotificationWithCounts,
} from './notifications.dto.js';
import { MAX_TARGETS, NotificationsService } from './notifications.service.js';

@ApiTags('notifications')
@Controller('v1/notifications')
@RequireScope('read')
export class NotificationsController {
  constructor(
    private readonly notifications: NotificationsService,
    private readonly registry: PluginRegistry,
  ) {}

  @Post()
  @HttpCode(202)
  @RequireScope('send')
  @ApiOperation({
    operationId: 'createNotification',
    summary: 'Inform users or devices',
    description: 'Send an `Idempotency-Key` so that a repeated call has one effect.',
  })
  @ApiAcceptedResponse({ type: NotificationView, description: 'Written, and about to be sent.' })
  @ApiProblems(400, 404, 409, 422)
  async create(@CurrentApp() appId: string, @Body() body: CreateNotificationBody): Promise<NotificationView> {
    refuse('notification.audience_invalid', audienceIssues(body.audience));
    refuse('notification.content_invalid', [...contentIssues(body.content), ...this.unsupported(body.content)]);
    const { audience, content, ...rest } = body;
    return notificationView(
      await this.notifications.create(appId, { ...rest, ...audience, content: contentOf(content) }),
    );
  }

  @Get()
  @ApiOperation({ operationId: 'listNotifications', summary: 'List the notifications, newest first' })
  @ApiOkResponse({ type: NotificationPage })
  @ApiProblems(400)
  list(@CurrentApp() appId: string, @Query() query: PageQuery): Promise<NotificationPage> {
    return paginate(query, (before, take) => this.notifications.list(appId, take, before), notificationView);
  }

  @Get(':notificationId')
  @ApiOperation({ operationId: 'getNotification', summary: 'Get a notification with its counts' })
  @ApiOkResponse({ type: NotificationWithCounts })
  @ApiProblems(404)
  async get(@CurrentApp() appId: string, @Param('notificationId') id: string): Promise<NotificationWithCounts> {
    const row = await this.notifications.get(appId, internalId('ntf', id));
    return { ...notificationView(row), counts: await this.notifications.counts(appId, row.id) };
  }

  @Get(':notificationId/deliveries')
  @ApiOperation({ operationId: 'listDeliveries', summary: 'List the deliveries of a notification' })
  @ApiOkResponse({ type: DeliveryPage })
  @ApiProblems(400, 404)
  deliveries(
    @CurrentApp() appId: string,
    @Param('notificationId') id: string,
    @Query() query: PageQuery,
  ): Promise<DeliveryPage> {
    const notificationId = internalId('ntf', id);
    const load = (before: string | undefined, take: number) =>
      this.notifications.deliveriesOf(appId, notificationId, take, before);
    return paginate(query, load, deliveryView);
  }

  /** Fields that no channel of this build can express. */
  private unsupported(content: ContentBody): FieldIssue[] {
    const expressible = new Set<string>(
      this.registry.gateways().flatMap(({ outbound }) => outbound?.manifest.capabilities.send?.fields ?? []),
    );
    return fieldsUsed(content)
      .filter((field) => !expressible.has(field))
      .map((field) => ({ field: `/content/${field}`, message: 'cannot be expressed by any channel' }));
  }
}

function refuse(code: string, issues: readonly FieldIssue[]): void {
  if (issues.length > 0) throw new UnprocessableError(code, 'The notification cannot be sent as it is.', issues);
}

function audienceIssues({ users, devices }: AudienceBody): FieldIssue[] {
  if ((users === undefined) === (devices === undefined)) {
    return [{ field: '/audience', message: 'must have exactly one of users and devices' }];
  }
  const [name, list] = users ? ['users', users] : ['devices', devices ?? []];
  return list.length > MAX_TARGETS
    ? [{ field: `/audience/${name}`, message: `must have at most ${MAX_TARGETS} entries` }]
    : [];
}

function contentIssues(content: ContentBody): FieldIssue[] {
  const { silent, localized, title, subtitle, body, badge, sound } = content;
  const shown = { title, subtitle, body, badge, sound, localized };
  const set = Object.entries(shown).filter(([, value]) => value !== undefined);
  if (silent) return set.map(([field]) => ({ field: `/content/${field}`, message: 'is not allowed in a silent push' }));
  const hasText = [title, body, ...Object.values(localized ?? {}).flatMap((copy) => [copy.title, copy.body])].some(
    Boolean,
  );
  return hasText ? [] : [{ field: '/content/body', message: 'must be set, unless the push is silent' }];
}
