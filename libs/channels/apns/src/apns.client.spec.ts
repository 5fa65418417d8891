import { type ChannelClient, type Environment, readConfig, type SendItem, type SendOutcome } from '@bellhop/contracts';
import {
  type ApnsFault,
  type ApnsReason,
  type ApnsSimulator,
  type ApnsSimulatorOptions,
  apnsTestCredentials,
  apnsToken,
  createAuthority,
  startApnsSimulator,
  startRelay,
} from '@bellhop/simulators';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { ApnsChannel } from './apns.channel.js';
import { ApnsConfig } from './apns.manifest.js';

const BUNDLE = 'com.example.app';
const NEVER = new AbortController().signal;
const credentials = apnsTestCredentials();
const message = {
  title: '客服',
  body: '您好',
  extras: {},
  priority: 'high',
  expiresAt: new Date('2040-01-01'),
} as const;
const cleanups: (() => Promise<void>)[] = [];

let authority: Awaited<ReturnType<typeof createAuthority>>;
beforeAll(async () => {
  authority = await createAuthority();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await within(cleanup());
});

async function startGateway(options: Partial<ApnsSimulatorOptions> = {}): Promise<ApnsSimulator> {
  const gateway = await startApnsSimulator({ credentials, authority, topics: [BUNDLE], ...options });
  cleanups.push(() => gateway.close());
  return gateway;
}

/** A client whose production host is `url`; nobody listens at the sandbox host unless settings say otherwise. */
async function openClient(url: string, settings: object = {}): Promise<ChannelClient> {
  const config = readConfig(ApnsConfig, {
    ...credentials,
    bundleId: BUNDLE,
    productionUrl: url,
    sandboxUrl: 'https://127.0.0.1:1',
    certificateAuthority: authority.caPem,
    connections: 1,
    ...settings,
  });
  const client = await new ApnsChannel().open(config);
  cleanups.push(() => client.close());
  return client;
}

async function startBoth(options: Partial<ApnsSimulatorOptions> = {}, settings: object = {}) {
  const gateway = await startGateway(options);
  return { gateway, client: await openClient(gateway.url, settings) };
}

function item(token = apnsToken(), environment: Environment = 'production'): SendItem {
  return {
    id: randomUUID(),
    message,
    target: { kind: 'device', token, identifier: 'token', platform: 'ios', environment },
  };
}

function items(count: number): readonly SendItem[] {
  return Array.from({ length: count }, (_, number) => item(apnsToken('ok', { number })));
}

async function send(
  client: ChannelClient,
  batch: readonly SendItem[],
  signal = NEVER,
): Promise<readonly SendOutcome[]> {
  return (await within(client.sender?.send(batch, signal) ?? Promise.reject(new Error('no sender')))) ?? [];
}

async function sendOne(client: ChannelClient, one: SendItem = item()): Promise<SendOutcome> {
  const [outcome] = await send(client, [one]);
  if (!outcome) throw new Error('no outcome');
  return outcome;
}

function kindsOf(outcomes: readonly SendOutcome[]): readonly string[] {
  return [...new Set(outcomes.map(({ kind }) => kind))].sort();
}

/** Guards against hanging; nothing is measured. */
function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('nothing happened for 20 s')), 20_000);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

describe('a request', () => {
  it('carries the message, the topic and the id of the delivery', async () => {
    const { gateway, client } = await startBoth();
    const one = item(apnsToken().toUpperCase());
    expect(await sendOne(client, one)).toEqual({ kind: 'accepted', vendorMessageId: one.id });
    expect(gateway.requests).toHaveLength(1);
    expect(gateway.requests[0]).toMatchObject({
      token: apnsToken(),
      payload: { aps: { alert: { title: '客服', body: '您好' } } },
      headers: {
        'apns-id': one.id,
        'apns-topic': BUNDLE,
        'apns-push-type': 'alert',
        'apns-priority': '10',
        'apns-expiration': '2208988800',
      },
    });
  });

  it('wakes the app in the background under the rules of the gateway', async () => {
    const { gateway, client } = await startBoth();
    const silent = { ...message, silent: true, collapseId: '会话' };
    expect(await sendOne(client, { ...item(), message: silent })).toMatchObject({ kind: 'accepted' });
    expect(gateway.requests[0]?.headers).toMatchObject({ 'apns-push-type': 'background', 'apns-priority': '5' });
    expect(gateway.requests[0]?.headers['apns-collapse-id']).toMatch(/^[0-9a-f]{32}$/);
  });

  it('is made for devices of iOS alone', async () => {
    const { gateway, client } = await startBoth();
    const { target } = item();
    const outcomes = await send(client, [
      { ...item(), target: { kind: 'audience', audience: { kind: 'everyone', platforms: ['ios'] } } },
      { ...item(), target: { ...target, platform: 'android' } as SendItem['target'] },
      item(`../../${'a'.repeat(58)}`),
      item('1234567890'),
      { ...item(), message: { ...message, extras: { big: 'x'.repeat(4096) } } },
    ]);
    expect(outcomes.map(({ kind }) => kind)).toEqual([
      'rejected',
      'rejected',
      'invalidTarget',
      'invalidTarget',
      'rejected',
    ]);
    expect(gateway.counters.requests).toBe(0);
  });

  it.each<[ApnsReason | ApnsFault, Partial<SendOutcome>]>([
    ['Unregistered', { kind: 'invalidTarget', since: expect.any(Date) as Date }],
    ['BadDeviceToken', { kind: 'wrongBinding' }],
    ['PayloadTooLarge', { kind: 'rejected' }],
    ['TopicDisallowed', { kind: 'misconfigured', field: 'bundleId' }],
    ['TooManyRequests', { kind: 'throttled', scope: 'target' }],
    ['InternalServerError', { kind: 'transient', vendorCode: 'InternalServerError' }],
    ['ServiceUnavailable', { kind: 'transient', vendorCode: 'ServiceUnavailable' }],
    ['emptyBody', { kind: 'transient', vendorCode: '503' }],
    ['emptyRefusal', { kind: 'rejected', vendorCode: '400' }],
    ['htmlPage', { kind: 'transient', reason: 'gateway.unreadable_answer' }],
    ['reasonless', { kind: 'transient', vendorCode: '503' }],
    ['resetRefused', { kind: 'transient' }],
    ['resetInternal', { kind: 'unknown' }],
    ['resetCancel', { kind: 'unknown' }],
    ['drop', { kind: 'unknown' }],
  ])('that ends in %s is not repeated', async (step, expected) => {
    const { gateway, client } = await startBoth();
    expect(await sendOne(client, item(apnsToken(step)))).toMatchObject(expected);
    expect(gateway.counters.requests).toBe(1);
    expect(await sendOne(client)).toMatchObject({ kind: 'accepted' });
  });
});

describe('an expired provider token', () => {
  it('is signed anew, and the request sent once more', async () => {
    const { gateway, client } = await startBoth();
    gateway.script('*', ['ExpiredProviderToken']);
    expect(await sendOne(client)).toMatchObject({ kind: 'accepted' });
    expect(gateway.counters).toMatchObject({ requests: 2, providerTokens: 2 });
  });

  it('is signed anew once for all requests in flight', async () => {
    const { gateway, client } = await startBoth();
    gateway.script(
      '*',
      Array.from({ length: 20 }, () => 'ExpiredProviderToken' as const),
    );
    gateway.hold();
    const sending = send(client, items(20));
    await gateway.received(20);
    gateway.release();
    expect(kindsOf(await sending)).toEqual(['accepted']);
    expect(gateway.counters).toMatchObject({ requests: 40, providerTokens: 2 });
  });

  it('is a matter of settings when the new one is refused as well', async () => {
    const { gateway, client } = await startBoth({ now: () => Date.now() + 7_200_000 });
    expect(await sendOne(client)).toMatchObject({ kind: 'misconfigured', reason: 'credentials.expired' });
    expect(gateway.counters.requests).toBe(2);
  });
});

describe('a connection', () => {
  it('that is refused leaves the message unsent, and is made again', async () => {
    const { gateway, client } = await startBoth();
    await gateway.refuse();
    expect(await sendOne(client)).toMatchObject({ kind: 'transient', reason: 'network.unreachable' });
    await gateway.listen();
    expect(await sendOne(client)).toMatchObject({ kind: 'accepted' });
  });

  it('needs a certificate of the configured authority', async () => {
    const gateway = await startGateway({ authority: await createAuthority() });
    const client = await openClient(gateway.url);
    expect(await sendOne(client)).toMatchObject({ kind: 'transient', reason: 'network.unreachable' });
    expect(gateway.counters.requests).toBe(0);
  });

  it('that drops leaves the fate of what is in flight open', async () => {
    const { gateway, client } = await startBoth();
    gateway.hold();
    const sending = send(client, items(50));
    await gateway.received(50);
    gateway.drop();
    expect(kindsOf(await sending)).toEqual(['unknown']);
    gateway.release();
    expect(await sendOne(client)).toMatchObject({ kind: 'accepted' });
  });

  it.each([true, false])(
    'that is told to go away (in two steps: %s) loses no request without an outcome',
    async (twoStep) => {
      const { gateway, client } = await startBoth();
      gateway.hold();
      const sending = send(client, items(50));
      await gateway.received(50);
      gateway.goaway({ twoStep });
      expect(kindsOf(await sending)).toEqual(['unknown']);
      gateway.release();
      expect(await sendOne(client)).toMatchObject({ kind: 'accepted' });
      expect(gateway.requests.at(-1)?.connection).toBe(2);
    },
  );

  it('knows which requests a parting gateway has not looked at', async () => {
    const { gateway, client } = await startBoth();
    gateway.hold();
    const sending = send(client, items(5));
    await gateway.received(5);
    gateway.goaway({ lastStreamId: 1 });
    const outcomes = await sending;
    expect(outcomes.map(({ kind }) => kind)).toEqual(['unknown', 'transient', 'transient', 'transient', 'transient']);
  });

  it('that keeps breaking gives every request exactly one outcome', async () => {
    const { gateway, client } = await startBoth({ dropEvery: 100, record: 5000 });
    const outcomes = await send(client, items(1000));
    expect(kindsOf(outcomes).filter((kind) => !['accepted', 'transient', 'unknown'].includes(kind))).toEqual([]);
    expect(outcomes.filter(({ kind }) => kind === 'accepted').length).toBeLessThanOrEqual(gateway.counters.accepted);
    expect(Math.max(...gateway.acceptedByToken.values())).toBe(1);
  });

  it('is replaced when it swallows requests', async () => {
    const gateway = await startGateway();
    const relay = await startRelay(Number(new URL(gateway.url).port));
    cleanups.push(() => relay.close());
    const client = await openClient(`https://127.0.0.1:${relay.port}`, { requestTimeoutMs: 500 });
    expect(await sendOne(client)).toMatchObject({ kind: 'accepted' });
    relay.freeze();
    expect(kindsOf(await send(client, items(4)))).toEqual(['unknown']);
    expect(await sendOne(client)).toMatchObject({ kind: 'unknown', reason: 'network.timeout' });
    await untilAccepted(client);
    expect(gateway.requests.at(-1)?.connection).toBe(2);
  });

  it('stays when an answer comes between timeouts', async () => {
    const { gateway, client } = await startBoth({}, { requestTimeoutMs: 500 });
    const silent = Array.from({ length: 4 }, (_, number) => item(apnsToken('silence', { number })));
    expect(kindsOf(await send(client, silent))).toEqual(['unknown']);
    await untilAccepted(client);
    expect(kindsOf(await send(client, silent))).toEqual(['unknown']);
    await untilAccepted(client);
    expect(gateway.counters.connections).toBe(1);
  });

  /** On a busy machine even a good request may exceed the short timeout of these tests. */
  async function untilAccepted(client: ChannelClient): Promise<void> {
    for (let tries = 0; tries < 10; tries++) if ((await sendOne(client)).kind === 'accepted') return;
    throw new Error('never accepted');
  }
});

describe('the requests in flight', () => {
  it('are at most 500 per connection', async () => {
    const { gateway, client } = await startBoth({ maxConcurrentStreams: 2000 });
    gateway.hold();
    const sending = Promise.all([send(client, items(700)), send(client, items(700))]);
    await gateway.received(500);
    gateway.release();
    expect(kindsOf((await sending).flat())).toEqual(['accepted']);
    expect(gateway.counters).toMatchObject({ requests: 1400, accepted: 1400, maxStreams: 500, connections: 1 });
  });

  it('are spread over the connections', async () => {
    const { gateway, client } = await startBoth({}, { connections: 3, inFlightPerConnection: 10 });
    gateway.hold();
    const sending = send(client, items(100));
    await gateway.received(30);
    expect(gateway.counters).toMatchObject({ requests: 30, maxStreams: 10, connections: 3 });
    gateway.release();
    expect(kindsOf(await sending)).toEqual(['accepted']);
  });

  it('fit a gateway that takes one at a time', async () => {
    const { gateway, client } = await startBoth({ maxConcurrentStreams: 1 });
    expect(kindsOf(await send(client, items(200)))).toEqual(['accepted']);
    expect(gateway.counters.accepted).toBe(200);
  });

  it('are unknown after an abortion, those that wait are unsent', async () => {
    const { gateway, client } = await startBoth({}, { inFlightPerConnection: 1 });
    const abort = new AbortController();
    gateway.hold();
    const sending = send(client, items(3), abort.signal);
    await gateway.received(1);
    abort.abort();
    expect((await sending).map(({ kind }) => kind)).toEqual(['unknown', 'transient', 'transient']);
    gateway.release();
    await within(client.close());
    expect(gateway.counters.requests).toBe(1);
  });

  it('are awaited by close, even those of an aborted call', async () => {
    const { gateway, client } = await startBoth();
    const abort = new AbortController();
    gateway.hold();
    const sending = send(client, items(2), abort.signal);
    await gateway.received(2);
    abort.abort();
    await sending;
    const closing = client.close();
    gateway.release();
    await within(closing);
    expect(gateway.counters.answers).toEqual({ 200: 2 });
    expect(await sendOne(client)).toEqual({ kind: 'transient', reason: 'channel.closed' });
  });
});

describe('a device of unknown environment', () => {
  const sandboxToken = apnsToken('ok', { environment: 'sandbox' });

  async function startTwo(settings: object = {}) {
    const production = await startGateway({ environment: 'production' });
    const sandbox = await startGateway({ environment: 'sandbox' });
    const client = await openClient(production.url, { sandboxUrl: sandbox.url, ...settings });
    return { production, sandbox, client };
  }

  it('is tried at the configured gateway first', async () => {
    const { production, sandbox, client } = await startTwo();
    const outcome = await sendOne(client, item(apnsToken(), 'unknown'));
    expect(outcome).toMatchObject({ kind: 'accepted', environment: 'production' });
    expect([production.counters.requests, sandbox.counters.connections]).toEqual([1, 0]);
  });

  it('is found at the other one', async () => {
    const { production, client } = await startTwo();
    const outcome = await sendOne(client, item(sandboxToken, 'unknown'));
    expect(outcome).toMatchObject({ kind: 'accepted', environment: 'sandbox' });
    expect(production.counters.answers).toEqual({ '400 BadDeviceToken': 1 });
  });

  it('is found from the sandbox as well', async () => {
    const { client } = await startTwo({ environment: 'sandbox' });
    const outcome = await sendOne(client, item(apnsToken(), 'unknown'));
    expect(outcome).toMatchObject({ kind: 'accepted', environment: 'production' });
  });

  it('is dead when both refuse the token', async () => {
    const { production, sandbox, client } = await startTwo();
    const token = apnsToken('BadDeviceToken', { environment: 'sandbox' });
    expect(await sendOne(client, item(token, 'unknown'))).toMatchObject({ kind: 'invalidTarget' });
    expect([production.counters.requests, sandbox.counters.requests]).toEqual([1, 1]);
  });

  it('is decided later when the other gateway is in trouble', async () => {
    const { sandbox, client } = await startTwo();
    sandbox.script('*', ['ServiceUnavailable']);
    expect(await sendOne(client, item(sandboxToken, 'unknown'))).toMatchObject({ kind: 'transient' });
  });

  it('does not stop the integration when the key is limited to one environment', async () => {
    const { sandbox, client } = await startTwo();
    sandbox.script('*', ['BadEnvironmentKeyInToken', 'BadEnvironmentKeyInToken']);
    expect(await sendOne(client, item(sandboxToken, 'unknown'))).toMatchObject({ kind: 'wrongBinding' });
    expect(await sendOne(client, item(sandboxToken, 'sandbox'))).toMatchObject({ kind: 'wrongBinding' });
  });

  it('is another matter than one of known environment', async () => {
    const { sandbox, client } = await startTwo();
    expect(await sendOne(client, item(sandboxToken, 'production'))).toMatchObject({ kind: 'wrongBinding' });
    expect(sandbox.counters.connections).toBe(0);
    expect(await sendOne(client, item(sandboxToken, 'sandbox'))).toEqual({
      kind: 'accepted',
      vendorMessageId: expect.any(String) as string,
    });
  });
});

describe('the test of a connection', () => {
  it('proves the credentials with a device that does not exist', async () => {
    const { gateway, client } = await startBoth();
    expect(await within(client.check(NEVER))).toMatchObject({ ok: true });
    expect(gateway.counters.answers).toEqual({ '400 BadDeviceToken': 1 });
    expect(gateway.requests[0]?.headers['apns-push-type']).toBe('background');
  });

  it('names the key when the gateway does not know it', async () => {
    const gateway = await startGateway({ credentials: apnsTestCredentials() });
    const client = await openClient(gateway.url);
    expect(await within(client.check(NEVER))).toEqual({
      ok: false,
      code: 'credentials.invalid',
      detail: 'InvalidProviderToken',
      field: 'p8',
    });
  });

  it('names the bundle id when the key may not use it', async () => {
    const { client } = await startBoth({}, { bundleId: 'com.example.other' });
    expect(await within(client.check(NEVER))).toMatchObject({ ok: false, field: 'bundleId' });
  });

  it('names the key when it cannot sign', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const p8 = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    const client = await new ApnsChannel().open(
      Object.assign(new ApnsConfig(), { ...credentials, p8, bundleId: BUNDLE }),
    );
    expect(await client.check(NEVER)).toMatchObject({ ok: false, code: 'credentials.key_unusable', field: 'p8' });
  });

  it('tells a gateway that cannot be reached', async () => {
    const client = await openClient('https://127.0.0.1:1');
    expect(await within(client.check(NEVER))).toMatchObject({ ok: false, code: 'network.unreachable' });
  });
});
