import { Controller, Get, Param } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiPropertyOptional, ApiTags } from '@nestjs/swagger';
import { CurrentApp, RequireScope } from '../../access/scope.js';
import { ApiProblems } from '../../platform/problem.js';
import { type Trace, TraceService } from './trace.service.js';

export class TraceStepView {
  readonly at: Date;

  @ApiProperty({ enum: ['received', 'routed', 'planned', 'attempt', 'delivery'] })
  readonly stage: string;

  /** In words. */
  readonly text: string;

  /** Id of the event, notification or delivery the step is about. */
  readonly subject: string;

  @ApiPropertyOptional({ type: String })
  readonly state?: string;

  @ApiPropertyOptional({ type: String })
  readonly reason?: string;
}

export class TraceView {
  readonly eventIds: readonly string[];

  readonly notificationIds: readonly string[];

  /** In the order of time. */
  @ApiProperty({ type: [TraceStepView] })
  readonly steps: readonly TraceStepView[];

  /** Deliveries beyond the first 200, which are left out. */
  @ApiProperty({ type: 'integer' })
  readonly omitted: number;
}

@ApiTags('trace')
@Controller('v1/trace')
@RequireScope('read')
export class TraceController {
  constructor(private readonly traces: TraceService) {}

  @Get(':id')
  @ApiOperation({
    operationId: 'getTrace',
    summary: 'What happened to a message, and why',
    description: 'Takes the id of an event, a notification or a delivery.',
  })
  @ApiOkResponse({ type: TraceView })
  @ApiProblems(404)
  get(@CurrentApp() appId: string, @Param('id') id: string): Promise<Trace> {
    return this.traces.trace(appId, id);
  }
}
