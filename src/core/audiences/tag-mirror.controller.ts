import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiAcceptedResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentApp, RequireScope } from '../../access/scope.js';
import { internalId } from '../../platform/ids.js';
import { ApiProblems } from '../../platform/problem.js';
import { TagMirrorView } from './tag-mirror.dto.js';
import { TagMirrorService } from './tag-mirror.service.js';

@ApiTags('audiences')
@Controller('v1/integrations/:integrationId/tag-mirror')
export class TagMirrorController {
  constructor(private readonly mirror: TagMirrorService) {}

  @Get()
  @RequireScope('read')
  @ApiOperation({ operationId: 'getTagMirror', summary: 'See whose tags the vendor does not have yet, and why' })
  @ApiOkResponse({ type: TagMirrorView })
  @ApiProblems(404)
  get(@CurrentApp() appId: string, @Param('integrationId') id: string): Promise<TagMirrorView> {
    return this.mirror.state(appId, internalId('int', id));
  }

  @Post()
  @HttpCode(202)
  @RequireScope('admin')
  @ApiOperation({ operationId: 'mirrorAllTags', summary: 'Write the tags of everybody to the vendor' })
  @ApiAcceptedResponse({ type: TagMirrorView, description: 'They are about to be written.' })
  @ApiProblems(404, 422)
  mirrorAll(@CurrentApp() appId: string, @Param('integrationId') id: string): Promise<TagMirrorView> {
    return this.mirror.mirrorAll(appId, internalId('int', id));
  }
}
