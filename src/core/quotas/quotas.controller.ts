import { NotFoundError } from '@bellhop/contracts';
import { Controller, Get, Param } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentApp, RequireScope } from '../../access/scope.js';
import { Clock } from '../../platform/clock.js';
import { internalId } from '../../platform/ids.js';
import { ApiProblems } from '../../platform/problem.js';
import { IntegrationCache } from '../integrations/integration-cache.js';
import { QuotaView } from './quota.dto.js';
import { ledgerOf, QuotaLedger } from './quota-ledger.js';

@ApiTags('integrations')
@Controller('v1/integrations/:integrationId/quota')
@RequireScope('read')
export class QuotasController {
  constructor(
    private readonly integrations: IntegrationCache,
    private readonly quotas: QuotaLedger,
    private readonly clock: Clock,
  ) {}

  @Get()
  @ApiOperation({
    operationId: 'getQuota',
    summary: "Get what is left of the vendor's quota",
    description: 'Integrations with the same account at the vendor share one quota. 404: the vendor counts nothing.',
  })
  @ApiOkResponse({ type: QuotaView })
  @ApiProblems(404)
  async get(@CurrentApp() appId: string, @Param('integrationId') id: string): Promise<QuotaView> {
    const integration = await this.integrations.find(internalId('int', id));
    const ledger = integration?.row.appId === appId ? ledgerOf(integration) : undefined;
    if (!ledger) throw new NotFoundError('The quota');
    return this.quotas.state(ledger, this.clock.now());
  }
}
