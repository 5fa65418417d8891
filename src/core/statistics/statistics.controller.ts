import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentApp, RequireScope } from '../../access/scope.js';
import { internalId } from '../../platform/ids.js';
import { ApiProblems } from '../../platform/problem.js';
import { invalidRequest } from '../../platform/validation.js';
import { ReportsService } from './reports.service.js';
import { DailyQuery, DailyStatisticsView, NotificationReportView } from './statistics.dto.js';

const MAX_DAYS = 92;
const DAY_MS = 86_400_000;

@ApiTags('statistics')
@Controller('v1')
@RequireScope('read')
export class StatisticsController {
  constructor(private readonly reports: ReportsService) {}

  @Get('notifications/:notificationId/report')
  @ApiOperation({
    operationId: 'getNotificationReport',
    summary: 'Figures of a notification, by platform',
    description: 'Counts of deliveries; `delivered` and `opened` are what apps have reported until now.',
  })
  @ApiOkResponse({ type: NotificationReportView })
  @ApiProblems(404)
  async report(@CurrentApp() appId: string, @Param('notificationId') id: string): Promise<NotificationReportView> {
    return { notificationId: id, ...(await this.reports.ofNotification(appId, internalId('ntf', id))) };
  }

  @Get('statistics/daily')
  @ApiOperation({ operationId: 'getDailyStatistics', summary: 'Figures of days, by channel and platform' })
  @ApiOkResponse({ type: DailyStatisticsView })
  @ApiProblems(400)
  async daily(@CurrentApp() appId: string, @Query() query: DailyQuery): Promise<DailyStatisticsView> {
    const days = (Date.parse(query.to) - Date.parse(query.from)) / DAY_MS + 1;
    if (days < 1) throw invalidRequest([{ field: '?to', message: 'must not be before from' }]);
    if (days > MAX_DAYS) throw invalidRequest([{ field: '?to', message: `must be within ${MAX_DAYS} days of from` }]);
    return { data: await this.reports.daily(appId, query) };
  }
}
