import type { SendFailure } from '@bellhop/contracts';
import { readReply, readUnread } from './echat.outcomes.js';

const now = new Date('2026-01-15T08:00:00Z');
const refusal: SendFailure = { kind: 'misconfigured', reason: 'credentials.refused', field: 'token' };
const facts = { refusal, secrets: ['the-secret-token'], now };

function replyOf(body: unknown, status = 200, retryAfter?: string) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return readReply({ status, body: text, ...(retryAfter && { retryAfter }) }, facts);
}
function failureOf(...answer: Parameters<typeof replyOf>): SendFailure | undefined {
  const reply = replyOf(...answer);
  return reply.ok ? undefined : reply.outcome;
}

describe('an answer', () => {
  it.each([{ errcode: 0 }, { errcode: '0' }, { accessToken: 'x' }])('is good: %j', (fields) => {
    expect(replyOf(fields)).toEqual({ ok: true, fields });
  });

  it('is a refusal with any other code', () => {
    expect(failureOf({ errcode: 40_001, errmsg: 'invalid' })).toEqual({
      ...refusal,
      vendorCode: '40001',
      detail: 'invalid',
    });
    expect(failureOf({ errcode: 'x' })).toMatchObject(refusal);
    expect(failureOf({ errcode: null })).toMatchObject(refusal);
    expect(failureOf({ errcode: 0 }, 400)).toMatchObject(refusal);
  });

  it.each<[status: number, kind: string, reason: string]>([
    [200, 'rejected', 'gateway.unknown_answer'],
    [301, 'misconfigured', 'address.wrong'],
    [400, 'misconfigured', 'credentials.refused'],
    [403, 'misconfigured', 'credentials.refused'],
    [404, 'misconfigured', 'address.wrong'],
    [429, 'throttled', 'rate.exceeded'],
    [500, 'transient', 'gateway.error'],
  ])('of another kind with status %p is %s, %s', (status, kind, reason) => {
    for (const body of ['', '<h1>', '[]', '1']) {
      expect(failureOf(body, status)).toMatchObject({ kind, reason, vendorCode: `HTTP ${status}` });
    }
  });

  it('says how long to wait', () => {
    expect(failureOf('', 429, '7')).toMatchObject({ scope: 'channel', retryAfterMs: 7000 });
    expect(failureOf('', 500, '7')).toMatchObject({ retryAfterMs: 7000 });
    expect(failureOf('', 500)).not.toHaveProperty('retryAfterMs');
  });

  it('is quoted without what is confidential, and not at length', () => {
    expect(failureOf({ errcode: 1, errmsg: 'bad the-secret-token' })?.detail).toBe('bad [redacted]');
    expect(failureOf({ errcode: 1, errmsg: 'x'.repeat(500) })?.detail).toHaveLength(200);
  });
});

describe('a count', () => {
  it.each<[fields: Record<string, unknown>, count: object | undefined]>([
    [
      { unreadMsgCount: 2, lastMsgContent: 'hi', tm: now.getTime() },
      { unread: 2, lastMessage: 'hi', at: now.toISOString() },
    ],
    [{ unreadMsgCount: '0', lastMsgContent: '' }, { unread: 0 }],
    [{ unreadMsgCount: -1 }, undefined],
    [{ unreadMsgCount: 1.5 }, undefined],
    [{ unreadMsgCount: 'many' }, undefined],
    [{}, undefined],
  ])('of %j is %j', (fields, count) => {
    expect(readUnread(fields)).toEqual(count);
  });
});
