import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentApp, RequireScope } from '../../access/scope.js';
import { Clock } from '../../platform/clock.js';
import { ApiProblems } from '../../platform/problem.js';
import {
  deadEventGroup,
  deadLetterGroup,
  DeadLetterList,
  DeadLetterQuery,
  filterOf,
  RedriveBody,
  redriveView,
  RedriveView,
} from './dead-letters.dto.js';
import { DeadLettersService } from './dead-letters.service.js';
import { RedriveService } from './redrive.service.js';

@ApiTags('dead-letters')
@Controller('v1/dead-letters')
export class DeadLettersController {
  constructor(
    private readonly letters: DeadLettersService,
    private readonly redriver: RedriveService,
    private readonly clock: Clock,
  ) {}

  @Get()
  @RequireScope('read')
  @ApiOperation({
    operationId: 'listDeadLetters',
    summary: 'What was given up, grouped by cause',
    description:
      'Deliveries by state, reason, channel and integration; and the events that are in quarantine or could not be ' +
      'routed, by reason and integration.',
  })
  @ApiOkResponse({ type: DeadLetterList })
  @ApiProblems(400)
  async list(@CurrentApp() appId: string, @Query() query: DeadLetterQuery): Promise<DeadLetterList> {
    const filter = filterOf(query, this.clock.now());
    const [deliveries, events] = await Promise.all([
      this.letters.deliveries(appId, filter),
      this.letters.events(appId, filter),
    ]);
    return { deliveries: deliveries.map(deadLetterGroup), events: events.map(deadEventGroup) };
  }

  @Post('redrive')
  @HttpCode(202)
  @RequireScope('admin')
  @ApiOperation({
    operationId: 'redriveDeadLetters',
    summary: 'Send what was given up once more, at a limited rate',
    description:
      'The oldest loss first, with fresh attempts. `dryRun` counts and changes nothing. What no longer has a device ' +
      'ends as `skipped`; of `unknown`, people may be told twice.',
  })
  @ApiAcceptedResponse({ type: RedriveView })
  @ApiProblems(400, 409)
  async redrive(@CurrentApp() appId: string, @Body() body: RedriveBody): Promise<RedriveView> {
    const { dryRun, perSecond, limit, ttlSeconds } = body;
    const now = this.clock.now();
    const filter = filterOf(body, now);
    if (dryRun) {
      const matched = await this.redriver.count(appId, filter);
      return redriveView({ matched, redriven: 0, until: null }, dryRun);
    }
    const asked = body.startAt ? new Date(body.startAt) : now;
    const startAt = asked > now ? asked : now;
    return redriveView(await this.redriver.redrive(appId, filter, { perSecond, limit, startAt, ttlSeconds }), dryRun);
  }
}
