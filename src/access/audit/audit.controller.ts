import { Controller, Get, Query } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { publicId } from '../../platform/ids.js';
import { paginate } from '../../platform/pagination.js';
import { ApiProblems } from '../../platform/problem.js';
import { CurrentApp, RequireScope } from '../scope.js';
import { AuditPage, AuditQuery, auditEntryView, PlatformAuditQuery } from './audit.dto.js';
import { AuditService } from './audit.service.js';

@ApiTags('audit')
@Controller('v1')
export class AuditController {
  constructor(private readonly audit: AuditService) {}

  @Get('audit')
  @RequireScope('admin')
  @ApiOperation({ operationId: 'listAudit', summary: 'List who changed what of this app, newest first' })
  @ApiOkResponse({ type: AuditPage })
  @ApiProblems(400)
  list(@CurrentApp() appId: string, @Query() query: AuditQuery): Promise<AuditPage> {
    return paginate(query, this.audit.load({ ...query, appId: publicId('app', appId) }), auditEntryView);
  }

  @Get('platform-audit')
  @RequireScope('platform')
  @ApiOperation({ operationId: 'listPlatformAudit', summary: 'List who changed what anywhere, newest first' })
  @ApiOkResponse({ type: AuditPage })
  @ApiProblems(400)
  listAll(@Query() query: PlatformAuditQuery): Promise<AuditPage> {
    return paginate(query, this.audit.load(query), auditEntryView);
  }
}
