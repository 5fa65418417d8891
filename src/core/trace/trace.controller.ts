import { Controller, Get, Param } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentApp, RequireScope } from '../../access/scope.js';
import { ApiProblems } from '../../platform/problem.js';
import { TraceView } from './trace.dto.js';
import { type Trace, TraceService } from './trace.service.js';

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
