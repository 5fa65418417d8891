import { AppError, ContractViolationError, UnprocessableError } from '@bellhop/contracts';
import { HttpException, NotFoundException } from '@nestjs/common';
import { QueryFailedError } from 'typeorm';
import { problemOf, refusalOf } from './problem.js';

const withCode = (error: Error, code: string): Error => Object.assign(error, { code });
const query = (code: string): Error => new QueryFailedError('SELECT 1', [], withCode(new Error('said'), code));

describe('refusalOf', () => {
  it.each([
    [
      'a refusal of ours',
      new AppError('auth.key_missing', 401, 'Why.'),
      { status: 401, code: 'auth.key_missing', detail: 'Why.' },
    ],
    ['a defect of a plugin', new ContractViolationError('private'), { status: 500, code: 'plugin.contract_violation' }],
    ['an unknown address', new NotFoundException('/secret'), { status: 404, code: 'route.not_found' }],
    ['a status without a code', new HttpException('secret', 418), { status: 418, code: 'http.418' }],
    ['a lost connection', query('57P01'), { status: 503, code: 'unavailable' }],
    ['too many connections', query('53300'), { status: 503, code: 'unavailable' }],
    ['an exhausted pool', new Error('timeout exceeded when trying to connect'), { status: 503, code: 'unavailable' }],
    ['a refused connection', withCode(new AggregateError([]), 'ECONNREFUSED'), { status: 503, code: 'unavailable' }],
    ['a fault of our SQL', query('42703'), { status: 500, code: 'internal' }],
    ['a fault of our code', new TypeError('cannot connect'), { status: 500, code: 'internal' }],
    ['a fault of our use of Node', withCode(new Error('x'), 'ERR_INVALID_ARG_TYPE'), { status: 500, code: 'internal' }],
    ['something that is no error', 'secret', { status: 500, code: 'internal' }],
    ['nothing', undefined, { status: 500, code: 'internal' }],
  ])('%s', (_, error, expected) => {
    const refusal = refusalOf(error);
    expect(refusal).toMatchObject(expected);
    expect(JSON.stringify(refusal)).not.toMatch(/secret|private|said/);
  });
});

describe('problemOf', () => {
  it('has the form of RFC 9457', () => {
    const error = new UnprocessableError('device.token_malformed', 'Why.', [
      { field: '/token', message: 'must be so' },
    ]);
    expect(problemOf(refusalOf(error), 'r-1')).toEqual({
      type: 'urn:bellhop:problem:device.token_malformed',
      title: 'Unprocessable Entity',
      status: 422,
      code: 'device.token_malformed',
      detail: 'Why.',
      instance: 'r-1',
      errors: [{ field: '/token', message: 'must be so' }],
    });
  });
});
