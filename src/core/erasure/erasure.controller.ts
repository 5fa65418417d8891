import { Controller, Delete, Get, HttpCode, Param, Req, Res, StreamableFile } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { Readable } from 'node:stream';
import { actorOf, AuditLog } from '../../access/audit/audit-log.js';
import { Unaudited } from '../../access/audit/unaudited.js';
import { callerOf } from '../../access/caller.js';
import { CurrentApp, RequireScope } from '../../access/scope.js';
import { ApiProblems } from '../../platform/problem.js';
import { requestIdOf } from '../../platform/request.js';
import { UserParams } from '../users/users.params.dto.js';
import { ErasureView, UserExport } from './erasure.dto.js';
import { ErasureService } from './erasure.service.js';
import { ExportService } from './export.service.js';

/** What the law lets people ask for. */
@ApiTags('users')
@Controller('v1/users/:userId')
@RequireScope('admin')
export class ErasureController {
  constructor(
    private readonly erasure: ErasureService,
    private readonly exports: ExportService,
    private readonly audit: AuditLog,
  ) {}

  @Delete()
  @HttpCode(200)
  @Unaudited('The entry would name who is to be forgotten: one without a name is written below.')
  @ApiOperation({
    operationId: 'eraseUser',
    summary: 'Erase every trace of a person',
    description:
      'What is on its way is cancelled first. Rows that count, or that are about others as well, stay without the ' +
      'person. Once more is harmless: the report has zeros then. It may take minutes where there is a long history; it ' +
      'goes on when the caller hangs up.',
  })
  @ApiOkResponse({ type: ErasureView })
  @ApiProblems(400)
  async erase(
    @CurrentApp() appId: string,
    @Param() { userId }: UserParams,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<ErasureView> {
    const report = await this.erasure.erase(appId, userId);
    await this.audit.recordDone({
      actor: actorOf(callerOf(request)),
      appId,
      requestId: requestIdOf(request, response),
      action: 'eraseUser',
    });
    return report;
  }

  @Get('export')
  @ApiOperation({
    operationId: 'exportUser',
    summary: 'Export everything that is known of a person',
    description: 'One JSON document, sent piece by piece. A connection that breaks off means that it is not complete.',
  })
  @ApiOkResponse({ type: UserExport })
  @ApiProblems(400)
  async export(@CurrentApp() appId: string, @Param() { userId }: UserParams): Promise<StreamableFile> {
    const text = await this.exports.export(appId, userId);
    return new StreamableFile(Readable.from(text, { objectMode: false }), {
      type: 'application/json; charset=utf-8',
      disposition: 'attachment; filename="user.json"',
    });
  }
}
