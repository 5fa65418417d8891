import { CHANNEL_CLOSED, failedCheck, OpenCalls } from './client.js';

describe('OpenCalls', () => {
  it('makes calls until it is closed', async () => {
    const calls = new OpenCalls();
    await expect(calls.run(async () => 'answer', 'refused')).resolves.toBe('answer');
    await calls.close();
    await expect(calls.run(async () => 'answer', 'refused')).resolves.toBe('refused');
    await expect(calls.check(async () => ({ ok: true, detail: '' }))).resolves.toMatchObject({
      ok: false,
      code: CHANNEL_CLOSED.reason,
    });
  });

  it('closes when what is under way has ended, however it ends', async () => {
    const calls = new OpenCalls();
    const { promise, reject } = Promise.withResolvers<string>();
    const call = calls.run(() => promise, 'refused');
    let closed = false;
    const closing = calls.close().then(() => (closed = true));
    await Promise.resolve();
    expect(closed).toBe(false);
    reject(new Error('lost'));
    await expect(call).rejects.toThrow('lost');
    await closing;
    expect(closed).toBe(true);
  });
});

describe('failedCheck', () => {
  it.each([
    [
      { kind: 'misconfigured', reason: 'credentials.refused', field: 'appSecret', vendorCode: '1004' } as const,
      { ok: false, code: 'credentials.refused', detail: '1004', field: 'appSecret' },
    ],
    [
      { kind: 'transient', reason: 'gateway.error', vendorCode: 'HTTP 502', detail: 'busy' } as const,
      { ok: false, code: 'gateway.error', detail: 'busy' },
    ],
    [
      { kind: 'unknown', reason: 'network.no_answer' } as const,
      { ok: false, code: 'network.no_answer', detail: 'unknown' },
    ],
  ])('%j', (outcome, check) => {
    expect(failedCheck(outcome)).toEqual(check);
  });
});
