import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentApp, RequireScope } from '../../access/scope.js';
import { internalId } from '../../platform/ids.js';
import { PageQuery, paginate } from '../../platform/pagination.js';
import { ApiProblems } from '../../platform/problem.js';
import { variableTables } from './template-variables.js';
import {
  PreviewTemplateBody,
  PreviewView,
  TemplateBody,
  TemplatePage,
  templateView,
  TemplateView,
} from './templates.dto.js';
import { TemplatesService } from './templates.service.js';

@ApiTags('templates')
@Controller('v1/templates')
@RequireScope('admin')
export class TemplatesController {
  constructor(private readonly templates: TemplatesService) {}

  @Post()
  @ApiOperation({
    operationId: 'createTemplate',
    summary: 'Choose the words for a kind of event in one language',
    description: `One template per kind, message type and locale.\n\n${variableTables()}`,
  })
  @ApiCreatedResponse({ type: TemplateView })
  @ApiProblems(400, 409, 422)
  async create(@CurrentApp() appId: string, @Body() body: TemplateBody): Promise<TemplateView> {
    return templateView(await this.templates.create(appId, body));
  }

  @Get()
  @RequireScope('read')
  @ApiOperation({ operationId: 'listTemplates', summary: 'List the templates, newest first' })
  @ApiOkResponse({ type: TemplatePage })
  @ApiProblems(400)
  list(@CurrentApp() appId: string, @Query() query: PageQuery): Promise<TemplatePage> {
    return paginate(query, this.templates.loadOf(appId), templateView);
  }

  @Post('preview')
  @HttpCode(200)
  @RequireScope('read')
  @ApiOperation({
    operationId: 'previewTemplate',
    summary: 'Render a template without saving it',
    description: 'For an event that has happened, or for a sample of the kind that stands for three messages.',
  })
  @ApiOkResponse({ type: PreviewView })
  @ApiProblems(400, 404, 422)
  preview(
    @CurrentApp() appId: string,
    @Body() { eventId, hideContent, ...draft }: PreviewTemplateBody,
  ): Promise<PreviewView> {
    const options = { hideContent, ...(eventId && { eventId: internalId('evt', eventId) }) };
    return this.templates.preview(appId, draft, options);
  }

  @Get(':templateId')
  @RequireScope('read')
  @ApiOperation({ operationId: 'getTemplate', summary: 'Get a template' })
  @ApiOkResponse({ type: TemplateView })
  @ApiProblems(404)
  async get(@CurrentApp() appId: string, @Param('templateId') id: string): Promise<TemplateView> {
    return templateView(await this.templates.get(appId, internalId('tpl', id)));
  }

  @Put(':templateId')
  @ApiOperation({ operationId: 'replaceTemplate', summary: 'Replace a template' })
  @ApiOkResponse({ type: TemplateView })
  @ApiProblems(400, 404, 409, 422)
  async replace(
    @CurrentApp() appId: string,
    @Param('templateId') id: string,
    @Body() body: TemplateBody,
  ): Promise<TemplateView> {
    return templateView(await this.templates.replace(appId, internalId('tpl', id), body));
  }

  @Delete(':templateId')
  @HttpCode(204)
  @ApiOperation({ operationId: 'removeTemplate', summary: 'Remove a template; the built-in copy speaks again' })
  @ApiNoContentResponse({ description: 'Removed.' })
  @ApiProblems(404)
  remove(@CurrentApp() appId: string, @Param('templateId') id: string): Promise<void> {
    return this.templates.remove(appId, internalId('tpl', id));
  }
}
