import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Unaudited } from '../../access/audit/unaudited.js';
import { CurrentApp, RequireScope } from '../../access/scope.js';
import { Clock } from '../../platform/clock.js';
import { ApiProblems } from '../../platform/problem.js';
import {
  ALL_STATES,
  ReplayBody,
  replayFilter,
  replayPage,
  replayView,
  ReplayView,
  ShadowBody,
  shadowView,
  ShadowView,
} from './replay.dto.js';
import { REPLAYABLE_STATES } from './replay.filter.js';
import { ReplayService } from './replay.service.js';
import { ShadowReplay } from './replay.shadow.js';

@ApiTags('events')
@Controller('v1/events/replay')
@RequireScope('admin')
export class ReplayController {
  constructor(
    private readonly replays: ReplayService,
    private readonly shadow: ShadowReplay,
    private readonly clock: Clock,
  ) {}

  @Post()
  @HttpCode(202)
  @ApiOperation({
    operationId: 'replayEvents',
    summary: 'Handle many ignored, quarantined or failed events once more',
    description:
      'Events that were read are routed again; callbacks that could not be read are parsed again from their bytes. ' +
      'A push about an event is worth sending for 24 hours after it came: what is older is routed, and ends as `expired`.',
  })
  @ApiAcceptedResponse({ type: ReplayView })
  @ApiProblems(400)
  async replay(@CurrentApp() appId: string, @Body() body: ReplayBody): Promise<ReplayView> {
    const filter = replayFilter(body, REPLAYABLE_STATES, this.clock.now());
    const page = replayPage(body);
    if (!body.dryRun) return replayView(await this.replays.replay(appId, filter, page), false);
    const matched = await this.replays.count(appId, filter, page.after);
    return replayView({ matched, routed: 0, read: 0, unusable: 0, gone: 0, last: undefined }, true);
  }

  @Post('shadow')
  @HttpCode(200)
  @Unaudited('It reads, and changes nothing.')
  @ApiOperation({
    operationId: 'shadowReplayEvents',
    summary: 'Compare what today’s adapters make of callbacks with what was stored',
    description:
      'Parses the stored bytes again with the present adapters and configuration, and tells by JSON Pointer where the ' +
      'canonical events would differ. Nothing is stored, routed or sent.',
  })
  @ApiOkResponse({ type: ShadowView })
  @ApiProblems(400)
  async compare(@CurrentApp() appId: string, @Body() body: ShadowBody): Promise<ShadowView> {
    const filter = replayFilter(body, ALL_STATES, this.clock.now());
    return shadowView(await this.shadow.compare(appId, filter, replayPage(body)));
  }
}
