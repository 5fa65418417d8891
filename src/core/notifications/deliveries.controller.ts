import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentApp, RequireScope } from '../../access/scope.js';
import { internalId } from '../../platform/ids.js';
import { ApiProblems } from '../../platform/problem.js';
import { DeliveryView, deliveryView, RetryDeliveryBody } from './notifications.dto.js';
import { NotificationsService } from './notifications.service.js';

@ApiTags('deliveries')
@Controller('v1/deliveries')
@RequireScope('read')
export class DeliveriesController {
  constructor(private readonly notifications: NotificationsService) {}

  @Get(':deliveryId')
  @ApiOperation({ operationId: 'getDelivery', summary: 'Get a delivery with its attempts' })
  @ApiOkResponse({ type: DeliveryView })
  @ApiProblems(404)
  async delivery(@CurrentApp() appId: string, @Param('deliveryId') id: string): Promise<DeliveryView> {
    return deliveryView(await this.notifications.delivery(appId, internalId('dlv', id)));
  }

  @Post(':deliveryId/retry')
  @HttpCode(202)
  @RequireScope('send')
  @ApiOperation({ operationId: 'retryDelivery', summary: 'Send a dead, failed, expired or unknown delivery once more' })
  @ApiAcceptedResponse({ type: DeliveryView })
  @ApiProblems(400, 404, 422)
  async retry(
    @CurrentApp() appId: string,
    @Param('deliveryId') id: string,
    @Body() body: RetryDeliveryBody,
  ): Promise<DeliveryView> {
    return deliveryView(await this.notifications.retry(appId, internalId('dlv', id), body.ttlSeconds));
  }
}
