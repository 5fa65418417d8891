import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiCreatedResponse, ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { internalId } from '../../platform/ids.js';
import { PageQuery, paginate } from '../../platform/pagination.js';
import { ApiProblems } from '../../platform/problem.js';
import { RequireScope } from '../scope.js';
import {
  ChangeOperatorBody,
  invitedOperatorView,
  InvitedOperatorView,
  InviteOperatorBody,
  linkView,
  LinkView,
  OperatorPage,
  operatorView,
  OperatorView,
  roleGrants,
} from './operators.dto.js';
import { OperatorsService } from './operators.service.js';

@ApiTags('operators')
@Controller('v1/operators')
@RequireScope('platform')
export class OperatorsController {
  constructor(private readonly operators: OperatorsService) {}

  @Post()
  @ApiOperation({
    operationId: 'inviteOperator',
    summary: 'Let a person in; the link to choose a password is shown this once',
  })
  @ApiCreatedResponse({ type: InvitedOperatorView })
  @ApiProblems(400, 404, 409)
  async invite(@Body() { email, name, roles }: InviteOperatorBody): Promise<InvitedOperatorView> {
    return invitedOperatorView(await this.operators.invite({ email, name, roles: roleGrants(roles) }));
  }

  @Get()
  @ApiOperation({ operationId: 'listOperators', summary: 'List who can sign in, newest first' })
  @ApiOkResponse({ type: OperatorPage })
  @ApiProblems(400)
  list(@Query() query: PageQuery): Promise<OperatorPage> {
    return paginate(query, this.operators.load, operatorView);
  }

  @Get(':operatorId')
  @ApiOperation({ operationId: 'getOperator', summary: 'Get an operator' })
  @ApiOkResponse({ type: OperatorView })
  @ApiProblems(404)
  async get(@Param('operatorId') id: string): Promise<OperatorView> {
    return operatorView(await this.operators.get(internalId('opr', id)));
  }

  @Patch(':operatorId')
  @ApiOperation({
    operationId: 'changeOperator',
    summary: 'Change name, roles or state; it takes effect with the next request of the person',
  })
  @ApiOkResponse({ type: OperatorView })
  @ApiProblems(400, 404, 409)
  async change(
    @Param('operatorId') id: string,
    @Body() { name, state, roles }: ChangeOperatorBody,
  ): Promise<OperatorView> {
    const change = { name, state, ...(roles && { roles: roleGrants(roles) }) };
    return operatorView(await this.operators.change(internalId('opr', id), change));
  }

  @Delete(':operatorId')
  @HttpCode(204)
  @ApiOperation({ operationId: 'removeOperator', summary: 'Remove an operator; what they did stays in the audit' })
  @ApiNoContentResponse({ description: 'Removed, and signed out.' })
  @ApiProblems(404, 409)
  remove(@Param('operatorId') id: string): Promise<void> {
    return this.operators.remove(internalId('opr', id));
  }

  @Post(':operatorId/link')
  @ApiOperation({
    operationId: 'issueOperatorLink',
    summary: 'Issue a link with which the person chooses a password; it is shown this once',
  })
  @ApiCreatedResponse({ type: LinkView })
  @ApiProblems(404, 409)
  async issueLink(@Param('operatorId') id: string): Promise<LinkView> {
    return linkView(await this.operators.issueLink(internalId('opr', id)));
  }

  @Delete(':operatorId/sessions')
  @HttpCode(204)
  @ApiOperation({ operationId: 'signOutOperator', summary: 'Sign a person out everywhere' })
  @ApiNoContentResponse({ description: 'Signed out.' })
  @ApiProblems(404)
  signOut(@Param('operatorId') id: string): Promise<void> {
    return this.operators.signOut(internalId('opr', id));
  }
}
