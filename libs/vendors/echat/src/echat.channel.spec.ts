import { type ActionResult, type ChannelClient, EgressRefusedError, readConfig } from '@bellhop/contracts';
import { type ChannelStub, describeChannel, MemoryState, testContext } from '@bellhop/contracts/testing';
import { type EchatApiSimulator, startEchatApiSimulator } from '@bellhop/simulators';
import { EchatChannel } from './echat.channel.js';
import { decryptEchat } from './echat.crypto.js';
import { echatChannelManifest, EchatConfig } from './echat.manifest.js';

const NEVER = new AbortController().signal;
const START = Date.parse('2026-01-15T08:00:00Z');
const PUSH_INFO_KEY = 'pushinfo-test-key';
const MINUTE = 60_000;

let millis: number;
let simulator: EchatApiSimulator;
let shared: MemoryState;
const now = (): Date => new Date(millis);
const clients: ChannelClient[] = [];

beforeEach(async () => {
  millis = START;
  shared = new MemoryState(now);
  simulator = await startEchatApiSimulator({ now: () => millis });
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await simulator.close();
});

function configFor({ url, account }: EchatApiSimulator, changes: Partial<EchatConfig> = {}): EchatConfig {
  const { appId, token, encodingAesKey, companyId } = account;
  const settings = { apiServer: url, appId, token, encodingAesKey, pushInfoKey: PUSH_INFO_KEY, accessTokens: true };
  return Object.assign(new EchatConfig(), { ...settings, allowedCompanyIds: [companyId] }, changes);
}

/** One more process with the same integration. */
async function open(changes: Partial<EchatConfig> = {}, integrationId?: string): Promise<ChannelClient> {
  const context = testContext({ now, shared, ...(integrationId && { integrationId }) });
  const client = await new EchatChannel().open(configFor(simulator, changes), context);
  clients.push(client);
  return client;
}

function act(client: ChannelClient, id: string, input: object = {}, signal = NEVER): Promise<ActionResult> {
  const { input: type } = echatChannelManifest.actions!.find((action) => action.id === id)!;
  return client.actions![id]!(readConfig(type, input), signal);
}

async function dataOf(result: Promise<ActionResult>): Promise<Readonly<Record<string, string>>> {
  const settled = await result;
  if (!settled.ok) throw new Error(settled.outcome.reason);
  return settled.data as Record<string, string>;
}

const missing = (field: string): ActionResult => ({
  ok: false,
  outcome: { kind: 'misconfigured', reason: 'config.incomplete', field },
});

describe('a pushInfo', () => {
  it('is issued for a user and known again', async () => {
    const client = await open();
    const { pushInfo = '', encoded } = await dataOf(act(client, 'push-info', { userId: '用户 1' }));
    expect(pushInfo.length).toBeLessThanOrEqual(255);
    expect(encoded).toBe(encodeURIComponent(pushInfo));
    const verified = await act(client, 'verify-push-info', { pushInfo });
    expect(verified).toEqual({ ok: true, data: { trusted: true, userId: '用户 1' } });
  });

  it('is not trusted when it was changed, or issued for another integration', async () => {
    const client = await open();
    const { pushInfo = '' } = await dataOf(act(client, 'push-info', { userId: 'user_10086' }));
    const other = await open({}, '01890000-0000-7000-8000-000000000002');
    const untrusted = { ok: true, data: { trusted: false, code: 'echat.push_info_untrusted' } };
    expect(await act(other, 'verify-push-info', { pushInfo })).toEqual(untrusted);
    expect(await act(client, 'verify-push-info', { pushInfo: pushInfo.replace('Ng', 'Nw') })).toEqual(untrusted);
    expect(await act(client, 'verify-push-info', { pushInfo: 'device-1' })).toEqual(untrusted);
  });

  it('has room for 171 bytes', async () => {
    const client = await open();
    const { pushInfo } = await dataOf(act(client, 'push-info', { userId: 'x'.repeat(171) }));
    expect(pushInfo).toHaveLength(255);
    expect(() => act(client, 'push-info', { userId: '用'.repeat(58) })).toThrow(/not valid/);
  });

  it('needs its key', async () => {
    const client = await open({ pushInfoKey: undefined });
    expect(await act(client, 'push-info', { userId: 'u' })).toEqual(missing('pushInfoKey'));
    expect(await act(client, 'verify-push-info', { pushInfo: 'x' })).toEqual(missing('pushInfoKey'));
  });
});

describe('metaData', () => {
  const plainOf = (metaData: string): string => {
    const { encodingAesKey, appId } = simulator.account;
    const opened = decryptEchat(encodingAesKey, appId, metaData);
    return opened.ok ? opened.message.toString() : opened.code;
  };

  it('holds a member', async () => {
    const fields = { name: 'A & <B>', vip: '1' };
    const { metaData = '', encoded } = await dataOf(act(await open(), 'meta-data', { uid: 'user_10086', fields }));
    expect(plainOf(metaData)).toBe('<xml><uid>user_10086</uid><name>A &amp; &lt;B&gt;</name><vip>1</vip></xml>');
    expect(encoded).toBe(encodeURIComponent(metaData));
  });

  it('is never the same twice', async () => {
    const client = await open();
    const [one, other] = [await act(client, 'meta-data', { uid: 'u' }), await act(client, 'meta-data', { uid: 'u' })];
    expect(one).not.toEqual(other);
  });

  it.each<object>([
    {},
    { uid: '' },
    { uid: 'a\nb' },
    { uid: 'u', fields: [] },
    { uid: 'u', fields: { uid: 'v' } },
    { uid: 'u', fields: { 'a b': 'v' } },
    { uid: 'u', fields: { name: 1 } },
    { uid: 'u', fields: { name: 'a\u0000' } },
    { uid: 'u', fields: { name: 'x'.repeat(501) } },
    { uid: 'u', fields: Object.fromEntries(Array.from({ length: 31 }, (_, index) => [`m${index}`, 'x'])) },
  ])('is not made of %j', async (input) => {
    const client = await open();
    expect(() => act(client, 'meta-data', input)).toThrow(/not valid/);
  });

  it.each(['appId', 'encodingAesKey'] as const)('needs %s', async (field) => {
    for (const value of [undefined, '']) {
      expect(await act(await open({ [field]: value }), 'meta-data', { uid: 'u' })).toEqual(missing(field));
    }
  });
});

describe('a count of unread messages', () => {
  it('is asked for by the id of the member', async () => {
    simulator.setUnread({ visitor: 'user_10086', count: 2, lastMsgContent: 'hi' });
    const data = { unread: 2, lastMessage: 'hi', at: now().toISOString() };
    expect(await act(await open(), 'unread-count', { visitor: 'user_10086' })).toEqual({ ok: true, data });
    const { path, query } = simulator.requests[0]!;
    expect([path, Object.keys(query)]).toEqual(['/getVisitorUnReadMsgCount/1.1', ['companyId', 'metaData']]);
  });

  it.each(['visitorId', 'encryptVId'])('is asked for by %s', async (kind) => {
    simulator.setUnread({ visitor: 'a b+c', count: 1 });
    const result = await act(await open({ encodingAesKey: undefined }), 'unread-count', { kind, visitor: 'a b+c' });
    expect(result).toMatchObject({ ok: true, data: { unread: 1 } });
    expect(simulator.requests[0]?.query).toEqual({ companyId: '60', [kind]: 'a b+c' });
  });

  it('takes metaData that somebody has', async () => {
    const client = await open();
    simulator.setUnread({ visitor: 'user_1', count: 3 });
    const { metaData } = await dataOf(act(client, 'meta-data', { uid: 'user_1' }));
    const result = await act(client, 'unread-count', { kind: 'metaData', visitor: metaData });
    expect(result).toMatchObject({ ok: true, data: { unread: 3 } });
  });

  it('needs to know the company', async () => {
    const client = await open({ allowedCompanyIds: ['60', '61'] });
    expect(await act(client, 'unread-count', { visitor: 'u' })).toEqual(missing('allowedCompanyIds'));
    expect(await act(client, 'unread-count', { visitor: 'u', companyId: '60' })).toMatchObject({ ok: true });
  });

  it('says what Echat says', async () => {
    const outcome = { kind: 'rejected', reason: 'gateway.refused', vendorCode: '40004', detail: 'invalid companyId' };
    const result = await act(await open(), 'unread-count', { visitor: 'u', companyId: '61' });
    expect(result).toEqual({ ok: false, outcome });
  });

  it.each<[name: string, step: Parameters<EchatApiSimulator['script']>[0][number], kind: string]>([
    ['a broken connection', 'drop', 'transient'],
    ['a fault', { status: 503 }, 'transient'],
    ['a limit', { status: 429 }, 'throttled'],
    ['a page', { body: '<h1>' }, 'rejected'],
    ['no number', { json: { errcode: 0 } }, 'rejected'],
    ['another address', { status: 302, headers: { location: 'https://example.com' } }, 'misconfigured'],
  ])('calls %s %s, and does not try again', async (_name, step, kind) => {
    simulator.script([step]);
    const result = await act(await open(), 'unread-count', { visitor: 'u' });
    expect(result).toMatchObject({ ok: false, outcome: { kind } });
    expect(simulator.counters.requests).toBe(1);
  });

  it('is asked for twice a second, whichever process asks', async () => {
    const [one, other] = [await open(), await open()];
    const ask = (client: ChannelClient) => act(client, 'unread-count', { visitor: 'u' });
    expect(await ask(one)).toMatchObject({ ok: true });
    millis += 100;
    const outcome = { kind: 'throttled', reason: 'rate.no_slot', scope: 'channel', retryAfterMs: 400 };
    expect(await ask(other)).toEqual({ ok: false, outcome });
    millis += 400;
    expect(await ask(other)).toMatchObject({ ok: true });
  });

  it('is given up after two seconds', async () => {
    simulator.script(['silence']);
    const startedAt = performance.now();
    const result = await act(await open(), 'unread-count', { visitor: 'u' });
    expect(result).toMatchObject({ ok: false, outcome: { kind: 'transient' } });
    expect(performance.now() - startedAt).toBeLessThan(4000);
  });

  it('does not call where it must not', async () => {
    const egress = { refusal: () => 'no', call: () => Promise.reject(new EgressRefusedError('must not be private')) };
    const client = await new EchatChannel().open(configFor(simulator), testContext({ egress }));
    const outcome = { kind: 'misconfigured', reason: 'egress.refused', field: 'apiServer' };
    expect(await act(client, 'unread-count', { visitor: 'u' })).toMatchObject({ ok: false, outcome });
  });
});

describe('the access token', () => {
  const take = (client: ChannelClient, input: object = {}) => dataOf(act(client, 'access-token', input));

  it('is fetched once, however many processes want it at a time', async () => {
    const processes = [await open(), await open(), await open()];
    const taken = await Promise.all(processes.map((client) => take(client)));
    expect(new Set(taken.map(({ accessToken }) => accessToken)).size).toBe(1);
    expect(simulator.accepts(taken[0]?.accessToken ?? '')).toBe(true);
    expect(simulator.counters).toMatchObject({ requests: 1, tokensIssued: 1 });
    expect(taken[0]?.expiresAt).toBe(new Date(START + 7_200_000).toISOString());
  });

  it('is replaced five minutes before its end, while the one before is still good', async () => {
    const [one, other] = [await open(), await open()];
    const first = await take(one);
    millis += 115 * MINUTE - 1;
    expect(await take(other)).toEqual(first);
    millis += 1;
    const second = await take(other);
    expect(second.accessToken).not.toBe(first.accessToken);
    expect([first, second].map(({ accessToken }) => simulator.accepts(accessToken!))).toEqual([true, true]);
    expect(simulator.counters.tokensIssued).toBe(2);
  });

  it('is replaced once when it is refused, however many processes say so', async () => {
    const processes = [await open(), await open(), await open()];
    const { accessToken: refused } = await take(processes[0]!);
    simulator.revokeTokens();
    const fresh = await Promise.all(processes.map((client) => take(client, { refused })));
    expect(new Set(fresh.map(({ accessToken }) => accessToken)).size).toBe(1);
    expect(simulator.accepts(fresh[0]?.accessToken ?? '')).toBe(true);
    expect(await take(processes[1]!, { refused })).toEqual(fresh[0]);
    expect(simulator.counters.tokensIssued).toBe(2);
  });

  it('is asked for with a signature of its own each time', async () => {
    const client = await open();
    const { accessToken: refused } = await take(client);
    await take(client, { refused });
    expect(new Set(simulator.requests.map(({ query }) => query.nonce)).size).toBe(2);
  });

  it('is not shared with other settings', async () => {
    await take(await open());
    const other = await open({ token: 'another-token-of-echat' });
    const outcome = { kind: 'misconfigured', reason: 'credentials.refused', field: 'token', vendorCode: '40001' };
    expect(await act(other, 'access-token')).toMatchObject({ ok: false, outcome });
  });

  it('shows how long it is good, and not itself', async () => {
    const client = await open();
    const { accessToken = '' } = await take(client);
    const status = await act(client, 'access-token-status');
    expect(status).toEqual({ ok: true, data: { expiresAt: new Date(START + 7_200_000).toISOString() } });
    expect(JSON.stringify(status)).not.toContain(accessToken);
    expect(simulator.counters.tokensIssued).toBe(1);
  });

  it('is kept no longer than a short one lives', async () => {
    await simulator.close();
    simulator = await startEchatApiSimulator({ now: () => millis, tokenLifetime: 60 });
    const client = await open();
    await take(client);
    millis += 30_000;
    await take(client);
    expect(simulator.counters.tokensIssued).toBe(2);
  });

  it.each([
    ['a page', { body: '<h1>' }, 'gateway.unknown_answer'],
    ['no token', { json: { expire_in: 7200 } }, 'gateway.unknown_answer'],
    ['a fault', { status: 500 }, 'gateway.error'],
  ] as const)('is tried again after %s', async (_name, step, reason) => {
    const client = await open();
    simulator.script([step]);
    expect(await act(client, 'access-token')).toMatchObject({ ok: false, outcome: { reason } });
    expect(await act(client, 'access-token')).toMatchObject({ ok: true });
  });

  it('is asked for only when that is wished and possible', async () => {
    const off = { kind: 'misconfigured', reason: 'access_token.off', field: 'accessTokens' };
    for (const id of ['access-token', 'access-token-status']) {
      expect(await act(await open({ accessTokens: false }), id)).toEqual({ ok: false, outcome: off });
      expect(await act(await open({ appId: undefined }), id)).toEqual(missing('appId'));
    }
    expect(simulator.counters.requests).toBe(0);
  });
});

describe('the check', () => {
  it('says what it proves', async () => {
    const result = await (await open()).check(NEVER);
    expect(result).toEqual({
      ok: true,
      detail: 'Echat answers. The access token is good until 2026-01-15T10:00:00.000Z.',
    });
    millis += 500;
    const unproved = await (await open({ accessTokens: false })).check(NEVER);
    expect(unproved).toEqual({
      ok: true,
      detail: 'Echat answers. Without access tokens the credentials are not tested.',
    });
    expect(simulator.counters).toMatchObject({ requests: 3, tokensIssued: 1 });
  });

  it('names what is wrong', async () => {
    const result = await (await open({ token: 'another-token-of-echat' })).check(NEVER);
    expect(result).toEqual({ ok: false, code: 'credentials.refused', detail: 'invalid signature', field: 'token' });
    simulator.script([{ status: 404 }]);
    const elsewhere = await (await open({ accessTokens: false })).check(NEVER);
    expect(elsewhere).toMatchObject({ ok: false, code: 'address.wrong', field: 'apiServer' });
  });
});

it('does nothing once it is closed', async () => {
  const client = await open();
  await client.close();
  const outcome = { kind: 'transient', reason: 'channel.closed' };
  expect(await act(client, 'push-info', { userId: 'u' })).toEqual({ ok: false, outcome });
  expect(await client.check(NEVER)).toMatchObject({ ok: false, code: 'channel.closed' });
});

it('finishes what is in flight before it closes', async () => {
  const client = await open();
  simulator.hold();
  const asking = act(client, 'unread-count', { visitor: 'u' });
  await simulator.received(1);
  const closing = client.close().then(() => 'closed');
  expect(await Promise.race([closing, new Promise((resolve) => setImmediate(resolve, 'open'))])).toBe('open');
  simulator.release();
  expect(await asking).toMatchObject({ ok: true });
  await closing;
});

describe('the settings', () => {
  const token = 'echat-test-token-01';

  it.each([
    { token, appId: '', encodingAesKey: '' },
    { token, mode: 'plain', appId: 'APP', encodingAesKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' },
    { token, apiServer: 'https://eapi.example.com/' },
  ])('take %j', (settings) => {
    expect(readConfig(EchatConfig, settings)).toMatchObject(settings);
  });

  it.each([
    { token, mode: 'secure' },
    { token, encodingAesKey: 'short' },
    { token, apiServer: 'eapi.echatsoft.com' },
    { token, apiServer: 'https://eapi.echatsoft.com/x' },
    { token, accessTokens: 'yes' },
  ])('refuse %j', (settings) => {
    expect(() => readConfig(EchatConfig, settings)).toThrow(/not valid/);
  });
});

describe('conformance', () => {
  let running: EchatApiSimulator | undefined;
  // Every look at the clock lets a slot pass: the suite has no patience.
  let ticks = START;
  const ticking = () => new Date((ticks += 1000));
  const stub: ChannelStub = {
    start: async () => {
      running = await startEchatApiSimulator({ now: () => ticks });
    },
    stop: async () => running?.close(),
    hold: () => {
      running!.hold();
      const { requests } = running!.counters;
      return { arrived: () => running!.received(requests + 1), release: () => running!.release() };
    },
  };

  describeChannel(new EchatChannel(), {
    config: () => configFor(running!),
    context: () => testContext({ now: ticking }),
    stub,
    actions: {
      'push-info': { input: { userId: 'user_10086' }, ok: true },
      'verify-push-info': { input: { pushInfo: 'device-1' }, ok: true },
      'meta-data': { input: { uid: 'user_10086' }, ok: true },
      'unread-count': { input: { visitor: 'user_10086' }, ok: true },
      'access-token': { input: {}, ok: true },
      'access-token-status': { input: {}, ok: true },
    },
  });
});
