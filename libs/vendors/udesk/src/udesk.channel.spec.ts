import {
  type ActionResult,
  type ChannelClient,
  EgressRefusedError,
  readConfig,
  type SendOutcome,
} from '@bellhop/contracts';
import { type ChannelStub, describeChannel, executed, MemoryState, testContext } from '@bellhop/contracts/testing';
import { startUdeskSimulator, type UdeskSimulator } from '@bellhop/simulators';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { UdeskChannel } from './udesk.channel.js';
import { UdeskConfig, udeskChannelManifest } from './udesk.manifest.js';

const NEVER = new AbortController().signal;
const START = Date.parse('2026-01-15T08:00:00Z');
const USER = { kind: 'udesk.web_token', value: 'user_10086' };
const IM_USER_KEY = 'test_im_user_key';
const DAY = 24 * 3_600_000;

/** A clock that the client, what processes share, and the simulator look at. */
class HandClock {
  millis = START;
  readonly now = () => new Date(this.millis);
}

let clock: HandClock;
let simulator: UdeskSimulator;
let shared: MemoryState;
const clients: ChannelClient[] = [];

beforeEach(async () => {
  clock = new HandClock();
  shared = new MemoryState(clock.now);
  simulator = await startUdeskSimulator({ now: () => clock.millis });
  simulator.addCustomer({ web_token: USER.value });
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await simulator.close();
});

function configFor({ url, account }: UdeskSimulator, changes: Partial<UdeskConfig> = {}): UdeskConfig {
  const { email, apiToken } = account;
  return Object.assign(
    new UdeskConfig(),
    { baseUrl: url, email, apiToken, imWebPluginId: 42, imUserKey: IM_USER_KEY },
    changes,
  );
}

/** One more process with the same integration. */
async function open(changes: Partial<UdeskConfig> = {}): Promise<ChannelClient> {
  const context = testContext({ now: clock.now, shared });
  const client = await new UdeskChannel().open(configFor(simulator, changes), context);
  clients.push(client);
  return client;
}

function turn(client: ChannelClient, on = true, user = USER, signal = NEVER): Promise<SendOutcome> {
  return client.pushSwitch!.set(user, on, signal);
}

function act(client: ChannelClient, id: string, input: object, signal = NEVER): Promise<ActionResult> {
  const { input: type } = udeskChannelManifest.actions!.find((action) => action.id === id)!;
  return client.actions![id]!(readConfig(type, input), signal);
}

/** Lets the next slot come. */
function wait(ms = 1000): void {
  clock.millis += ms;
}

describe('the push switch', () => {
  it('turns pushing on and off', async () => {
    const client = await open();
    expect(await turn(client)).toEqual({ kind: 'accepted' });
    wait();
    expect(await turn(client, false)).toEqual({ kind: 'accepted' });
    expect(simulator.requests.map(({ body }) => body)).toEqual([
      { web_token: 'user_10086', im_web_plugin_id: 42, h5push: true },
      { web_token: 'user_10086', im_web_plugin_id: 42, h5push: false },
    ]);
  });

  it.each(['customer_token', 'sdk_token'])('names a customer by %s alone', async (name) => {
    simulator.addCustomer({ [name]: 'x' });
    expect(await turn(await open(), true, { kind: `udesk.${name}`, value: 'x' })).toEqual({ kind: 'accepted' });
    expect(simulator.requests[0]?.body).toEqual({ [name]: 'x', im_web_plugin_id: 42, h5push: true });
  });

  it.each([
    { kind: 'udesk.other', value: 'x' },
    { kind: 'echat.member_uid', value: 'x' },
    { kind: 'udesk.web_token', value: '' },
  ])('makes no call for %j', async (user) => {
    expect(await turn(await open(), true, user)).toEqual({ kind: 'rejected', reason: 'identity.exactly_one' });
    expect(simulator.counters.requests).toBe(0);
  });

  it('says that nobody knows the customer', async () => {
    const outcome = await turn(await open(), true, { ...USER, value: 'stranger' });
    expect(outcome).toMatchObject({ kind: 'rejected', reason: 'customer.invalid' });
  });

  it('does not take "handled" for done', async () => {
    simulator.script('im/h5push', [{ json: { code: 1000, status: '无推送', status_code: 0 } }]);
    expect(await turn(await open())).toMatchObject({ kind: 'rejected', reason: 'switch.not_applied' });
  });

  it.each<[name: string, step: Parameters<UdeskSimulator['script']>[1][number], kind: string]>([
    ['429', { status: 429 }, 'throttled'],
    ['a proxy’s page', { status: 502, body: '<h1>' }, 'transient'],
    ['a broken connection', 'drop', 'transient'],
    ['another subdomain', { json: { code: 2002 } }, 'misconfigured'],
  ])('calls %s %s', async (_name, step, kind) => {
    simulator.script('im/h5push', [step]);
    expect(await turn(await open())).toMatchObject({ kind });
  });

  it('stops at a refused signature and names the token', async () => {
    const outcome = await turn(await open({ apiToken: 'another-token' }));
    expect(outcome).toMatchObject({ kind: 'misconfigured', field: 'apiToken', vendorCode: '2059' });
  });

  it.each(['baseUrl', 'email', 'apiToken', 'imWebPluginId'] as const)('cannot do without %s', async (field) => {
    const outcome = await turn(await open({ [field]: undefined }));
    expect(outcome).toEqual({ kind: 'misconfigured', reason: 'config.incomplete', field });
  });

  it('names the address that must not be called', async () => {
    const egress = { refusal: () => 'no', call: () => Promise.reject(new EgressRefusedError('must not be private')) };
    const client = await new UdeskChannel().open(configFor(simulator), testContext({ egress }));
    const outcome = await turn(client);
    expect(outcome).toMatchObject({ kind: 'misconfigured', field: 'baseUrl', detail: 'must not be private' });
  });

  it('understands the signature of older accounts', async () => {
    await simulator.close();
    simulator = await startUdeskSimulator({ now: () => clock.millis, signVersion: 'v1' });
    simulator.addCustomer({ web_token: USER.value });
    expect(await turn(await open({ signVersion: 'v1' }))).toEqual({ kind: 'accepted' });
    expect(simulator.requests[0]?.query).not.toHaveProperty('nonce');
  });

  it('settles when the caller gives up', async () => {
    const abort = new AbortController();
    simulator.script('*', ['silence']);
    const turning = turn(await open(), true, USER, abort.signal);
    await simulator.received(1);
    abort.abort();
    expect(await turning).toMatchObject({ kind: 'transient' });
  });
});

describe('a call', () => {
  it('has a nonce, a time and a signature of its own, however often it is tried', async () => {
    const client = await open();
    simulator.script('*', [{ status: 500 }, 'drop', 'ok']);
    const kinds: string[] = [];
    for (let attempt = 0; attempt < 3; attempt++, wait()) kinds.push((await turn(client)).kind);
    expect(kinds).toEqual(['transient', 'transient', 'accepted']);
    const queries = simulator.requests.map(({ query }) => query);
    for (const name of ['nonce', 'timestamp', 'sign']) {
      expect(new Set(queries.map((query) => query[name])).size).toBe(3);
    }
  });

  it('waits for a slot that all processes share', async () => {
    const [one, other] = [await open(), await open()];
    expect(await turn(one)).toEqual({ kind: 'accepted' });
    wait(400);
    const refused = { kind: 'throttled', reason: 'rate.no_slot', scope: 'channel', retryAfterMs: 600 };
    expect(await turn(other)).toEqual(refused);
    expect(await act(other, 'customer-status', { token: USER.value })).toEqual({ ok: false, outcome: refused });
    wait(600);
    expect(await turn(other)).toEqual({ kind: 'accepted' });
    expect(simulator.counters.requests).toBe(2);
  });

  it('takes no slot when the caller has given up before', async () => {
    const client = await open();
    expect(await turn(client, true, USER, AbortSignal.abort())).toEqual({ kind: 'transient', reason: 'call.aborted' });
    expect(await turn(client)).toEqual({ kind: 'accepted' });
  });

  it('never comes more than 60 times a minute, however many processes try', async () => {
    const processes = [await open(), await open()];
    const end = START + 120_000;
    for (; clock.millis < end; wait(250)) await Promise.all(processes.map((client) => turn(client)));
    expect(simulator.counters).toEqual({ requests: 120, answers: { '200 1000': 120 } });
    const times = simulator.requests.map(({ at }) => at.getTime());
    expect(times.filter((at, index) => index > 0 && at - times[index - 1]! < 1000)).toEqual([]);
  });
});

describe('a link', () => {
  const link = (client: ChannelClient, input: object = {}) => act(client, 'h5-link', { token: USER.value, ...input });
  const dataOf = (result: ActionResult) => (result.ok ? result.data : {}) as { link: string; pushing: boolean };

  it('opens the chat page with push and a signed customer', async () => {
    const result = await link(await open());
    const { searchParams, pathname, origin } = new URL(dataOf(result).link);
    expect([origin, pathname]).toEqual([simulator.url, '/im_client/']);
    expect(result).toMatchObject({ ok: true, data: { signed: true, pushing: true } });
    const { nonce, signature, ...rest } = Object.fromEntries(searchParams);
    expect(rest).toEqual({ web_plugin_id: '42', h5push: 'true', timestamp: String(START), web_token: 'user_10086' });
    expect([nonce, signature]).toEqual([
      expect.stringMatching(/^[\da-f-]{36}$/),
      expect.stringMatching(/^[\dA-F]{40}$/),
    ]);
  });

  it('switches once in 24 hours, whichever process issues it', async () => {
    const [one, other] = [await open(), await open()];
    await link(one);
    wait(DAY - 1);
    expect(await link(other)).toMatchObject({ data: { pushing: true } });
    expect(simulator.counters.requests).toBe(1);
    wait(1);
    expect(await link(one)).toMatchObject({ data: { pushing: true } });
    expect(simulator.counters.requests).toBe(2);
  });

  it('switches again after somebody turned it off', async () => {
    const client = await open();
    await link(client);
    wait();
    await turn(client, false);
    wait();
    await link(client);
    expect(simulator.requests.map(({ body }) => (body as { h5push: boolean }).h5push)).toEqual([true, false, true]);
  });

  it('is apart for each plugin and each customer', async () => {
    const client = await open();
    await link(client);
    wait();
    simulator.addCustomer({ sdk_token: USER.value });
    expect(dataOf(await link(client, { webPluginId: 7 })).link).toContain('web_plugin_id=7&');
    wait();
    await link(client, { kind: 'sdk_token' });
    expect(simulator.counters.requests).toBe(3);
  });

  it('is good for somebody whom Udesk has never seen', async () => {
    const client = await open();
    const stranger = { token: 'stranger' };
    expect(await link(client, stranger)).toMatchObject({
      ok: true,
      data: { pushing: false, reason: 'customer.invalid' },
    });
    wait();
    simulator.addCustomer({ web_token: 'stranger' });
    expect(await link(client, stranger)).toMatchObject({ ok: true, data: { pushing: true } });
  });

  it('is good although there is no slot for the switch', async () => {
    const client = await open();
    await turn(client, true, { ...USER, value: 'somebody' });
    expect(await link(client)).toMatchObject({ ok: true, data: { pushing: false, reason: 'rate.no_slot' } });
  });

  it('names nobody when it cannot be signed', async () => {
    simulator.addCustomer({ sdk_token: USER.value });
    const page = `${simulator.url}/im_client/?web_plugin_id=42&h5push=true`;
    const data = { link: page, signed: false, pushing: true };
    expect(await link(await open({ imUserKey: undefined }))).toEqual({ ok: true, data });
    wait();
    expect(await link(await open(), { kind: 'sdk_token' })).toEqual({ ok: true, data });
  });

  it.each(['baseUrl', 'email', 'apiToken', 'imWebPluginId'] as const)('needs %s', async (field) => {
    const outcome = { kind: 'misconfigured', reason: 'config.incomplete', field };
    expect(await link(await open({ [field]: undefined }))).toEqual({ ok: false, outcome });
  });
});

describe('a rating', () => {
  const fixtures = path.join(import.meta.dirname, '../fixtures/vectors.json');
  const { outbound } = JSON.parse(readFileSync(fixtures, 'utf8')) as { outbound: readonly { id: string }[] };
  const vector = outbound.find(({ id }) => id === 'UDESK-OUT-13') as unknown as {
    readonly input: { readonly body: { im_sub_session_id: number; option_id: number; remark: string } };
    readonly expect: { readonly method: string; readonly path: string; readonly json: object };
  };
  const { im_sub_session_id: conversation, option_id: optionId, remark } = vector.input.body;
  const input = { conversationId: String(conversation), optionId, remark };

  it('is passed on (UDESK-OUT-13)', async () => {
    simulator.closeConversation(conversation, [optionId]);
    expect(await act(await open(), 'survey-answer', input)).toEqual({ ok: true, data: {} });
    const { method, path: below, body } = simulator.requests[0]!;
    expect({ method, path: `/open_api_v1/${below}`, json: body }).toEqual(vector.expect);
    expect(simulator.surveys).toEqual([{ conversation, option: optionId, remark }]);
    executed('udesk/vectors.json', 'UDESK-OUT-13');
  });

  it('is refused for a conversation that is gone', async () => {
    const outcome = { kind: 'rejected', reason: 'conversation.closed', vendorCode: '9200' };
    expect(await act(await open(), 'survey-answer', input)).toMatchObject({ ok: false, outcome });
  });

  it.each(['drop', { status: 502 }] as const)('is not repeated when its fate is not known: %j', async (step) => {
    simulator.script('*', [step]);
    expect(await act(await open(), 'survey-answer', input)).toMatchObject({ ok: false, outcome: { kind: 'unknown' } });
  });

  it.each([{ conversationId: '3001a' }, { conversationId: '' }, { optionId: '36' }, { remark: 'x'.repeat(1001) }])(
    'does not have %j',
    async (change) => {
      const client = await open();
      expect(() => act(client, 'survey-answer', { ...input, ...change })).toThrow(/not valid/);
    },
  );
});

describe('a customer', () => {
  it('is asked for', async () => {
    simulator.addCustomer({ sdk_token: 'x' }, 2);
    const client = await open();
    const ask = async (input: object) => {
      wait();
      return act(client, 'customer-status', input);
    };
    expect(await ask({ token: USER.value })).toEqual({ ok: true, data: { status: 'none' } });
    expect(await ask({ token: 'x', kind: 'sdk_token' })).toEqual({ ok: true, data: { status: 'queueing' } });
    expect(await ask({ token: 'stranger' })).toEqual({ ok: true, data: { status: 'invalid' } });
    simulator.script('*', [{ json: { code: 1000 } }]);
    expect(await ask({ token: 'x' })).toMatchObject({ ok: false, outcome: { reason: 'gateway.unknown_answer' } });
  });

  it('is signed without a call', async () => {
    const client = await open({ email: undefined, identityAlgorithm: 'SHA256' });
    expect(await act(client, 'sign-identity', { webToken: 'user_10086' })).toEqual({
      ok: true,
      data: {
        customer: {
          nonce: expect.stringMatching(/^[\da-f-]{36}$/) as string,
          signature: expect.stringMatching(/^[\dA-F]{64}$/) as string,
          timestamp: String(START),
          web_token: 'user_10086',
          encryption_algorithm: 'SHA256',
        },
      },
    });
    expect(simulator.counters.requests).toBe(0);
  });

  it('is not signed without the key', async () => {
    const outcome = { kind: 'misconfigured', reason: 'config.incomplete', field: 'imUserKey' };
    const client = await open({ imUserKey: undefined });
    expect(await act(client, 'sign-identity', { webToken: 'u' })).toEqual({ ok: false, outcome });
  });
});

describe('the check', () => {
  it('makes a signed call that changes nothing', async () => {
    expect(await (await open()).check(NEVER)).toMatchObject({ ok: true });
    expect(simulator.requests).toMatchObject([{ method: 'GET', path: 'im/customer_status' }]);
  });

  it('says what is wrong', async () => {
    expect(await (await open({ apiToken: 'another-token' })).check(NEVER)).toEqual({
      ok: false,
      code: 'credentials.refused',
      detail: 'open api sign error',
      field: 'apiToken',
    });
    expect(await (await open({ email: undefined })).check(NEVER)).toMatchObject({ ok: false, field: 'email' });
  });

  it('has nothing to call for callbacks alone', async () => {
    const client = await open({ baseUrl: undefined, email: undefined, apiToken: undefined });
    expect(await client.check(NEVER)).toMatchObject({ ok: true });
    expect(simulator.counters.requests).toBe(0);
  });
});

it('does nothing once it is closed', async () => {
  const client = await open();
  await client.close();
  const outcome = { kind: 'transient', reason: 'channel.closed' };
  expect(await turn(client)).toEqual(outcome);
  expect(await act(client, 'sign-identity', { webToken: 'u' })).toEqual({ ok: false, outcome });
  expect(await client.check(NEVER)).toMatchObject({ ok: false, code: 'channel.closed' });
});

it('finishes what is in flight before it closes', async () => {
  const client = await open();
  simulator.hold();
  const turning = turn(client);
  await simulator.received(1);
  const closing = client.close().then(() => 'closed');
  expect(await Promise.race([closing, new Promise((resolve) => setImmediate(resolve, 'open'))])).toBe('open');
  simulator.release();
  expect(await turning).toEqual({ kind: 'accepted' });
  await closing;
});

describe('the settings', () => {
  const credentials = { email: 'admin@example.com', apiToken: 'token-of-the-account' };

  it('may be missing, all of them', () => {
    expect(readConfig(UdeskConfig, {})).toEqual({ identityAlgorithm: 'SHA1', signVersion: 'v2' });
  });

  it.each(['https://acme.udesk.cn', 'https://acme.s2.udesk.cn/', 'http://127.0.0.1:4000'])('take %s', (baseUrl) => {
    expect(readConfig(UdeskConfig, { ...credentials, baseUrl, imWebPluginId: 42 })).toMatchObject({ baseUrl });
  });

  it.each([
    { baseUrl: 'acme.udesk.cn' },
    { baseUrl: 'https://acme.udesk.cn/open_api_v1' },
    { baseUrl: 'https://user@acme.udesk.cn' },
    { baseUrl: 'https://acme.udesk.cn?x=1' },
    { email: 'nobody' },
    { apiToken: '' },
    { imWebPluginId: '42' },
    { identityAlgorithm: 'MD5' },
    { signVersion: 'v3' },
    { unknown: 1 },
  ])('refuse %j', (settings) => {
    expect(() => readConfig(UdeskConfig, settings)).toThrow(/not valid/);
  });
});

describe('conformance', () => {
  let running: UdeskSimulator | undefined;
  // Every look at the clock lets a slot pass: the suite has no patience.
  let millis = START;
  const now = () => new Date((millis += 1000));
  const stub: ChannelStub = {
    start: async () => {
      running = await startUdeskSimulator({ now: () => millis });
      running.addCustomer({ web_token: USER.value });
      running.closeConversation(3001, [36]);
    },
    stop: async () => running?.close(),
    hold: () => {
      running!.hold();
      const { requests } = running!.counters;
      return { arrived: () => running!.received(requests + 1), release: () => running!.release() };
    },
  };

  describeChannel(new UdeskChannel(), {
    config: () => configFor(running!),
    context: () => testContext({ now }),
    stub,
    pushSwitch: { user: USER, outcome: 'accepted' },
    actions: {
      'h5-link': { input: { token: USER.value }, ok: true },
      'sign-identity': { input: { webToken: USER.value }, ok: true },
      'survey-answer': { input: { conversationId: '3001', optionId: 36 }, ok: true },
      'customer-status': { input: { token: 'stranger' }, ok: true },
    },
  });
});
