import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentApp, RequireScope } from '../../access/scope.js';
import { ApiProblems } from '../../platform/problem.js';
import { AudiencePreview, PreviewAudienceBody } from './audience.dto.js';
import { AudiencesService, readAudience } from './audiences.service.js';

@ApiTags('audiences')
@Controller('v1/audiences')
export class AudiencesController {
  constructor(private readonly audiences: AudiencesService) {}

  @Post('preview')
  @HttpCode(200)
  @RequireScope('read')
  @ApiOperation({ operationId: 'previewAudience', summary: 'Count whom an audience reaches; nothing is sent' })
  @ApiOkResponse({ type: AudiencePreview })
  @ApiProblems(400, 422)
  preview(@CurrentApp() appId: string, @Body() { audience }: PreviewAudienceBody): Promise<AudiencePreview> {
    return this.audiences.preview(appId, readAudience(audience));
  }
}
