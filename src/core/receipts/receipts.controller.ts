import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Unaudited } from '../../access/audit/unaudited.js';
import { LimitPerAddress } from '../../access/limits/limit-per-address.js';
import { ApiProblems } from '../../platform/problem.js';
import { Public } from '../../platform/public.js';
import { invalidRequest } from '../../platform/validation.js';
import { ReceiptAnswers, ReportReceiptsBody } from './receipts.dto.js';
import { ReceiptsService } from './receipts.service.js';

const TOKEN = 'AZqPOyxNfl-gscLT5PUGFwGajzssTX5foLHC0-T1BhhkZTIwNWY3YzQ4YjM0ZDFi';
const EXAMPLES = {
  batch: {
    summary: 'Two receipts of one device',
    value: {
      receipts: [
        { receipt: TOKEN, kind: 'delivered', at: '2026-11-20T08:00:00Z' },
        { receipt: TOKEN, kind: 'opened', at: '2026-11-20T08:00:07Z' },
      ],
    },
  },
  link: {
    summary: 'Opened by the SDK of a vendor',
    value: {
      receipts: [
        {
          link: `rong://com.example.shop/push_message?pushId=1&extra=%7B%22bellhop_receipt%22%3A%22${TOKEN}%22%7D`,
          kind: 'opened',
          installationId: '6F9619FF-8B86-D011-B42D-00CF4FC964FF',
          platform: 'android',
        },
      ],
    },
  },
};

/** The one route that apps call themselves: a receipt proves itself, so there is no key that could be read out of an app. */
@ApiTags('receipts')
@Controller('v1/receipts')
@Public()
@Unaudited('Word of a device changes nothing that anybody decided, and each receipt is a row of its own.')
@LimitPerAddress('receipts')
export class ReceiptsController {
  constructor(private readonly receipts: ReceiptsService) {}

  @Post()
  @HttpCode(200)
  @ApiOperation({
    operationId: 'reportReceipts',
    summary: 'Tell that pushes were delivered or opened',
    description: 'Called by apps, without an API key. The first receipt of a kind counts, so a call may be repeated.',
  })
  @ApiBody({ type: ReportReceiptsBody, examples: EXAMPLES })
  @ApiOkResponse({ type: ReceiptAnswers })
  @ApiProblems(400, 413, 503)
  async report(@Body() { receipts }: ReportReceiptsBody): Promise<ReceiptAnswers> {
    const issues = receipts.flatMap(({ receipt, link }, index) =>
      Boolean(receipt) === Boolean(link)
        ? [{ field: `/receipts/${index}`, message: 'must have exactly one of receipt and link' }]
        : [],
    );
    if (issues.length > 0) throw invalidRequest(issues);
    return { data: await this.receipts.record(receipts) };
  }
}
