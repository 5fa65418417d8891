import { Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentApp, RequireScope } from '../../access/scope.js';
import { internalId } from '../../platform/ids.js';
import { paginate } from '../../platform/pagination.js';
import { ApiProblems } from '../../platform/problem.js';
import { EventPage, EventQuery, EventView, eventView, RawCallbackView } from './events.dto.js';
import { EventsService } from './events.service.js';

@ApiTags('events')
@Controller('v1/events')
@RequireScope('read')
export class EventsController {
  constructor(private readonly events: EventsService) {}

  @Get()
  @ApiOperation({
    operationId: 'listEvents',
    summary: 'List the events, newest first; `state=quarantined` for the quarantine',
  })
  @ApiOkResponse({ type: EventPage })
  @ApiProblems(400)
  list(@CurrentApp() appId: string, @Query() query: EventQuery): Promise<EventPage> {
    const { state, kind, integrationId } = query;
    const filter = {
      ...(state && { state }),
      ...(kind && { kind }),
      ...(integrationId && { integrationId: internalId('int', integrationId) }),
    };
    return paginate(query, (before, take) => this.events.list(appId, filter, take, before), eventView);
  }

  @Get(':eventId')
  @ApiOperation({ operationId: 'getEvent', summary: 'Get an event' })
  @ApiOkResponse({ type: EventView })
  @ApiProblems(404)
  async get(@CurrentApp() appId: string, @Param('eventId') id: string): Promise<EventView> {
    return eventView(await this.events.get(appId, internalId('evt', id)));
  }

  @Get(':eventId/raw')
  @RequireScope('admin')
  @ApiOperation({ operationId: 'getRawCallback', summary: 'Get the bytes of the callback an event came with' })
  @ApiOkResponse({ type: RawCallbackView })
  @ApiProblems(404)
  async raw(@CurrentApp() appId: string, @Param('eventId') id: string): Promise<RawCallbackView> {
    const { method, path, body, receivedAt } = await this.events.rawOf(appId, internalId('evt', id));
    return { method, path, bodyBase64: body.toString('base64'), receivedAt };
  }

  @Post(':eventId/replay')
  @HttpCode(202)
  @RequireScope('send')
  @ApiOperation({
    operationId: 'replayEvent',
    summary: 'Handle an ignored, quarantined or failed event once more',
    description:
      'An event that was read is routed again; a callback that could not be read is parsed again from its bytes.',
  })
  @ApiAcceptedResponse({ type: EventView })
  @ApiProblems(404, 422)
  async replay(@CurrentApp() appId: string, @Param('eventId') id: string): Promise<EventView> {
    return eventView(await this.events.replay(appId, internalId('evt', id)));
  }
}
