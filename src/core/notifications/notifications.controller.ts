import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentApp, RequireScope } from '../../access/scope.js';
import { internalId } from '../../platform/ids.js';
import { PageQuery, paginate } from '../../platform/pagination.js';
import { ApiProblems } from '../../platform/problem.js';
import {
  DeliveryPage,
  deliveryView,
  NotificationPage,
  notificationView,
  NotificationWithCounts,
} from './notifications.dto.js';
import { NotificationsService } from './notifications.service.js';

@ApiTags('notifications')
@Controller('v1/notifications')
@RequireScope('read')
export class NotificationsController {
  constructor(private readonly notifications: NotificationsService) {}

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
}
