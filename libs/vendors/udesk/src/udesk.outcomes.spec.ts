import { outcomeOfSwitch, readCustomerStatus, readReply, readSwitch } from './udesk.outcomes.js';

const now = new Date('2026-01-15T08:00:00Z');
const facts = { repeatable: true, secrets: ['the-secret-sign'], now };
const answer = (body: unknown, status = 200) => ({
  status,
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const failureOf = (body: unknown, status = 200, changes: object = {}) => {
  const reply = readReply({ ...answer(body, status), ...changes }, { ...facts, ...changes });
  return reply.ok ? undefined : reply.outcome;
};

describe('an answer', () => {
  it.each([1000, '1000', ' 1000 '])('with code %p is a success', (code) => {
    expect(readReply(answer({ code, status_code: 1 }), facts)).toEqual({ ok: true, fields: { code, status_code: 1 } });
  });

  it.each<[code: unknown, kind: string, reason: string]>([
    [2059, 'misconfigured', 'credentials.refused'],
    ['2059', 'misconfigured', 'credentials.refused'],
    [2002, 'misconfigured', 'address.wrong'],
    [2062, 'rejected', 'request.refused'],
    [9200, 'rejected', 'conversation.closed'],
    [11_012, 'rejected', 'group.unknown'],
    [4711, 'rejected', 'gateway.refused'],
  ])('with code %p is %s, %s', (code, kind, reason) => {
    expect(failureOf({ code, message: 'no' })).toMatchObject({ kind, reason, vendorCode: String(code), detail: 'no' });
  });

  it.each<[status: number, kind: string, reason: string]>([
    [200, 'rejected', 'gateway.unknown_answer'],
    [302, 'misconfigured', 'address.wrong'],
    [400, 'rejected', 'gateway.unknown_answer'],
    [401, 'misconfigured', 'credentials.refused'],
    [403, 'misconfigured', 'credentials.refused'],
    [404, 'misconfigured', 'address.wrong'],
    [429, 'throttled', 'rate.exceeded'],
    [500, 'transient', 'gateway.error'],
    [503, 'transient', 'gateway.error'],
  ])('without a code and with status %p is %s, %s', (status, kind, reason) => {
    for (const body of ['', '<h1>', '[]', 'null', '{"status":0}', '{"code":null}', '{"code":"x"}']) {
      expect(failureOf(body, status)).toMatchObject({ kind, reason });
    }
    expect(failureOf('', status)).toMatchObject({ vendorCode: `HTTP ${status}` });
  });

  it('names the setting that is wrong', () => {
    expect(failureOf({ code: 2059 })).toMatchObject({ field: 'apiToken' });
    expect(failureOf({ code: 2002 })).toMatchObject({ field: 'baseUrl' });
  });

  it('is believed even with another HTTP status', () => {
    expect(failureOf({ code: 2059 }, 400)).toMatchObject({ kind: 'misconfigured' });
    expect(readReply(answer({ code: 1000 }, 201), facts)).toMatchObject({ ok: true });
  });

  it('says how long to wait', () => {
    expect(failureOf('', 429, { retryAfter: '7' })).toMatchObject({ scope: 'channel', retryAfterMs: 7000 });
    expect(failureOf('', 503, { retryAfter: '7' })).toMatchObject({ retryAfterMs: 7000 });
    expect(failureOf('', 503)).not.toHaveProperty('retryAfterMs');
  });

  it('leaves open what became of something that must not be done twice', () => {
    expect(failureOf('', 502, { repeatable: false })).toMatchObject({ kind: 'unknown', reason: 'gateway.error' });
  });

  it('is quoted without what is confidential, and not at length', () => {
    expect(failureOf({ code: 2059, message: 'bad the-secret-sign' })?.detail).toBe('bad [redacted]');
    expect(failureOf({ code: 2, code_message: 'x'.repeat(500) })?.detail).toHaveLength(200);
    expect(failureOf({ code: 2, exception: 'E' })?.detail).toBe('E');
    expect(failureOf({ code: 2 })).not.toHaveProperty('detail');
  });
});

describe('the state of the switch', () => {
  it.each<[fields: object, state: string | undefined]>([
    [{ status_code: 0, status: '无推送' }, 'off'],
    [{ status_code: '1' }, 'on'],
    [{ status_code: 3 }, 'invalid'],
    [{ status_code: 2 }, undefined],
    [{ status_code: 9 }, undefined],
    [{ status_code: 'x' }, undefined],
    [{ status: true }, 'on'],
    [{ status: 'false' }, 'off'],
    [{ status: '推送中' }, undefined],
    [{}, undefined],
  ])('of %j is %p', (fields, state) => {
    expect(readSwitch(fields as Record<string, unknown>)).toBe(state);
  });

  it.each<[fields: object, wanted: boolean, outcome: object]>([
    [{ status_code: 1 }, true, { kind: 'accepted' }],
    [{ status_code: 0 }, false, { kind: 'accepted' }],
    [{ status_code: 0 }, true, { kind: 'rejected', reason: 'switch.not_applied' }],
    [{ status_code: 1 }, false, { kind: 'rejected', reason: 'switch.not_applied' }],
    [{ status: true }, true, { kind: 'accepted' }],
    [{ status: false }, true, { kind: 'rejected', reason: 'switch.not_applied' }],
    [{ status_code: 3 }, true, { kind: 'rejected', reason: 'customer.invalid' }],
    [{ status_code: 3 }, false, { kind: 'rejected', reason: 'customer.invalid' }],
    [{ status_code: 2 }, true, { kind: 'rejected', reason: 'gateway.unknown_answer' }],
  ])('%j, where %p was asked for, is %j', (fields, wanted, outcome) => {
    expect(outcomeOfSwitch({ ok: true, fields: fields as Record<string, unknown> }, wanted)).toMatchObject(outcome);
  });
});

describe('the state of a customer', () => {
  it.each<[unknown, string | undefined]>([
    [0, 'none'],
    ['1', 'inConversation'],
    [2, 'queueing'],
    [3, 'invalid'],
    [4, undefined],
    [undefined, undefined],
  ])('%p is %p', (code, status) => {
    expect(readCustomerStatus({ status_code: code })).toBe(status);
  });
});
