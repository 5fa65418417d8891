import { Body, Controller, Get, HttpCode, Param, Post, Put } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentApp, RequireScope } from '../../access/scope.js';
import { ApiProblems } from '../../platform/problem.js';
import { UserParams } from '../users/users.params.dto.js';
import { SetTagsBatchBody, SetTagsBody, TagsBatchView, TagsView, tagsView } from './tags.dto.js';
import { TagsService } from './tags.service.js';

@ApiTags('audiences')
@Controller('v1')
export class TagsController {
  constructor(private readonly tags: TagsService) {}

  @Put('users/:userId/tags')
  @RequireScope('send')
  @ApiOperation({ operationId: 'setTags', summary: 'Set the tags of a person; replaces all' })
  @ApiOkResponse({ type: TagsView, description: 'What is known now: a later change may have come before this one.' })
  @ApiProblems(400, 422)
  async set(
    @CurrentApp() appId: string,
    @Param() { userId }: UserParams,
    @Body() { tags }: SetTagsBody,
  ): Promise<TagsView> {
    await this.tags.set(appId, [userId], tags);
    return tagsView(userId, await this.tags.find(appId, userId));
  }

  @Get('users/:userId/tags')
  @RequireScope('read')
  @ApiOperation({ operationId: 'getTags', summary: 'Get the tags of a person' })
  @ApiOkResponse({ type: TagsView })
  @ApiProblems(400)
  async get(@CurrentApp() appId: string, @Param() { userId }: UserParams): Promise<TagsView> {
    return tagsView(userId, await this.tags.find(appId, userId));
  }

  @Post('tags/batch')
  @HttpCode(200)
  @RequireScope('send')
  @ApiOperation({ operationId: 'setTagsBatch', summary: 'Set the tags of up to 1,000 people; replaces all of each' })
  @ApiOkResponse({ type: TagsBatchView })
  @ApiProblems(400, 422)
  async setBatch(@CurrentApp() appId: string, @Body() { userIds, tags }: SetTagsBatchBody): Promise<TagsBatchView> {
    return { users: await this.tags.set(appId, userIds, tags) };
  }
}
