import {
  apnsToken,
  callbackUrl,
  type Callback,
  echatChat,
  kf5Chat,
  nimMessage,
  rongCloudMessage,
  startEchatApiSimulator,
  startNimSimulator,
  startRongCloudSimulator,
  startUdeskSimulator,
  startWebhookReceiver,
  udeskMessages,
  udeskText,
} from '@bellhop/simulators';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Client } from 'pg';
import { newKey } from '../../src/platform/env.keys.js';
import { eventually, type Gateways, startGateways } from '../support/app.js';
import { freshDatabase, type FreshDatabase } from '../support/postgres.js';
import { type CallOptions, ObservedPlatform } from './observed-platform.js';
import { type Hit, type Marker, Recorder, spellingsOf } from './recorder.js';

const planted = (): string => randomBytes(16).toString('hex');

/** Nobody outside may see these, anywhere. */
const SECRETS = {
  'password of the database': `pw${planted()}`,
  'platform key': `pk${planted()}${planted()}`,
  'App Secret of RongCloud': planted(),
  'App Secret of NIM': planted(),
  'API token of Udesk': planted(),
  'IM key of Udesk': planted(),
  'token of Echat': planted(),
  'AES key of Echat': randomBytes(32).toString('base64').slice(0, 43),
  'pushInfo key of Echat': planted(),
  'secret of the webhook channel': `whsec_${randomBytes(32).toString('base64')}`,
  'authorization header of a stranger': `Basic ${planted()}`,
  cookie: planted(),
  'header of a caller': planted(),
  'parameter of an address': planted(),
  'guessed callback secret': planted(),
  'guessed API key': `bh_${randomBytes(32).toString('base64url')}`,
};
/** What people wrote: replies show it, nothing else does. */
const CONTENT = {
  'text of a callback': `call ${planted()}`,
  'title of a notification': `title ${planted()}`,
  'body of a notification': `body ${planted()}`,
  'broken body': `broken ${planted()}`,
  'refused value': `refused ${planted()}`,
};
const TOKENS = {
  'registered APNs token': randomBytes(32).toString('hex'),
  'registered FCM token': `fcmtoken${planted()}:APA91b${planted()}`,
  'APNs token of a callback': randomBytes(32).toString('hex'),
  'refused APNs token': apnsToken('Unregistered', { number: randomBytes(4).readUInt32BE() }),
  'malformed token': `malformed ${planted()}`,
};

const markersOf = (values: Readonly<Record<string, string>>): Marker[] =>
  Object.entries(values).map(([what, value]) => ({ what, value }));

/**
 * Plants secrets, device tokens and texts everywhere, drives the product through success and failure, and searches all
 * that leaves it: logs at their most talkative, metrics, every reply, the API document, and the tables.
 */
describe('planted secrets', () => {
  const recorder = new Recorder();
  const ring = newKey('k1');
  /** Made by the platform and shown once. */
  const issued: Record<string, string> = {};
  let database: FreshDatabase;
  let gateways: Gateways;
  let platform: ObservedPlatform;
  let simulators: Awaited<ReturnType<typeof startVendors>>;
  let key: string;
  let integrations: Record<string, { id: string; url: string }>;

  async function startVendors() {
    return {
      rongcloud: await startRongCloudSimulator({ appKey: 'app', appSecret: SECRETS['App Secret of RongCloud'] }),
      nim: await startNimSimulator({
        appKey: 'nimapp',
        appSecret: SECRETS['App Secret of NIM'],
        accounts: ['shop', 'ann'],
      }),
      udesk: await startUdeskSimulator({
        account: { email: 'a@example.com', apiToken: SECRETS['API token of Udesk'] },
      }),
      echat: await startEchatApiSimulator({ account: { ...echatKeys, companyId: '60' } }),
      receiver: await startWebhookReceiver({ secrets: [SECRETS['secret of the webhook channel']] }),
    };
  }

  const echatKeys = {
    token: SECRETS['token of Echat'],
    mode: 'secure',
    appId: 'ECHATAPP0001',
    encodingAesKey: SECRETS['AES key of Echat'],
    pushInfoKey: SECRETS['pushInfo key of Echat'],
  };

  const call = (method: string, address: string, options: CallOptions = {}) =>
    platform.call(method, address, { key, ...options });

  const integrate = async (plugin: string, config: object): Promise<void> => {
    const { status, body } = await call('POST', '/v1/integrations', {
      body: { plugin, name: plugin, config },
      shows: ({ callbackUrl: url }) => urlSecretOf(url),
    });
    expect([plugin, status, body['errors']]).toEqual([plugin, 201, undefined]);
    const url = String(body['callbackUrl']);
    issued[`callback secret of ${plugin}`] = urlSecretOf(url) as string;
    integrations[plugin] = { id: String(body['id']), url };
  };
  const urlSecretOf = (url: unknown): string | undefined => String(url).split('/').at(-1);

  const vendorCalls = async (plugin: string, callback: Callback): Promise<number> => {
    const { method, headers, body } = callback;
    const url = callbackUrl(integrations[plugin]?.url as string, callback);
    url.searchParams.set('hidden', SECRETS['parameter of an address']);
    return platform.post(url.href, {
      method,
      body,
      headers: { ...headers, cookie: SECRETS.cookie, 'x-hidden': SECRETS['header of a caller'] },
    });
  };

  const settled = () =>
    eventually(async () => {
      const client = new Client({ connectionString: database.url });
      await client.connect();
      const { rows } = await client.query<{ open: number }>(
        `SELECT ((SELECT count(*) FROM inbound_event WHERE state = 'accepted') + (SELECT count(*) FROM notification WHERE state = 'planning')
               + (SELECT count(*) FROM delivery WHERE state IN ('queued', 'sending') AND not_before IS NULL))::int AS open`,
      );
      await client.end();
      return rows[0]?.open === 0;
    }, 30_000);

  beforeAll(async () => {
    database = await freshDatabase();
    gateways = await startGateways();
    simulators = await startVendors();
    const withPassword = new URL(database.url);
    // Whatever the server asks for: this one lets everybody in, or has the password of its tests.
    if (!withPassword.password) withPassword.password = SECRETS['password of the database'];
    platform = await ObservedPlatform.start(
      {
        DATABASE_URL: withPassword.href,
        BELLHOP_KEYS: ring,
        BELLHOP_PLATFORM_KEY: SECRETS['platform key'],
        BELLHOP_SANDBOX: 'false',
        BELLHOP_EGRESS_ALLOW: '127.0.0.1:*',
      },
      recorder,
    );
  }, 90_000);
  afterAll(async () => {
    await platform?.stop();
    await gateways?.close();
    for (const simulator of Object.values(simulators ?? {})) await simulator.close();
    await database?.drop();
  });

  it('are planted: apps, keys, integrations, devices, webhooks', async () => {
    const operator = { key: SECRETS['platform key'] };
    const app = await call('POST', '/v1/apps', { ...operator, body: { name: 'Shop', deepLinkScheme: 'shop' } });
    const made = await call('POST', `/v1/apps/${String(app.body['id'])}/api-keys`, {
      ...operator,
      body: { name: 'tests', scopes: ['admin'] },
      shows: (body) => body['key'] as string,
    });
    key = String(made.body['key']);
    issued['API key'] = key;

    integrations = {};
    await integrate('apns', gateways.apnsConfig);
    await integrate('fcm', gateways.fcmConfig);
    await integrate('kf5', {});
    await integrate('udesk', {
      ...simulators.udesk.channelConfig(),
      imWebPluginId: 42,
      imUserKey: SECRETS['IM key of Udesk'],
    });
    await integrate('echat', { ...echatKeys, ...simulators.echat.channelConfig() });
    await integrate('rongcloud', simulators.rongcloud.channelConfig());
    await integrate('nim', simulators.nim.channelConfig('shop'));
    await integrate('webhook', { url: simulators.receiver.url, secret: SECRETS['secret of the webhook channel'] });

    const device = (user: string, install: string, body: object) =>
      call('PUT', `/v1/users/${user}/devices/${install}`, { body });
    const ios = { gateway: 'apns', platform: 'ios', environment: 'production' };
    expect((await device('ann', 'i1', { ...ios, token: TOKENS['registered APNs token'] })).status).toBe(200);
    expect(
      (await device('ann', 'i2', { gateway: 'fcm', platform: 'android', token: TOKENS['registered FCM token'] }))
        .status,
    ).toBe(200);
    expect((await device('bob', 'i3', { ...ios, token: TOKENS['refused APNs token'] })).status).toBe(200);
    expect((await device('bob', 'i4', { ...ios, token: TOKENS['malformed token'] })).status).toBe(422);

    const hook = await call('POST', '/v1/webhooks', {
      body: {
        url: `${simulators.receiver.url}/ours`,
        events: ['device.retired', 'delivery.failed', 'integration.paused'],
      },
      headers: { 'idempotency-key': 'hook-1' },
      shows: (body) => body['secret'] as string,
    });
    issued['secret of our webhook'] = String(hook.body['secret']);
    expect(hook.status).toBe(201);
    const turned = await call('POST', `/v1/webhooks/${String(hook.body['id'])}/rotate-secret`, {
      body: {},
      shows: (body) => body['secret'] as string,
    });
    issued['secret of our webhook, rotated'] = String(turned.body['secret']);
    const address = await call('POST', `/v1/integrations/${integrations['kf5']?.id}/rotate-url-secret`, {
      body: { graceSeconds: 600 },
      shows: ({ callbackUrl: url }) => urlSecretOf(url),
    });
    issued['callback secret of kf5, rotated'] = urlSecretOf(address.body['callbackUrl']) as string;
    expect(Object.values(issued).every((value) => value.length > 20 && value !== 'undefined')).toBe(true);
  });

  it('go through callbacks of every vendor, good and bad', async () => {
    const now = new Date();
    const text = CONTENT['text of a callback'];
    const rongApp = { appKey: 'app', appSecret: SECRETS['App Secret of RongCloud'] };
    const nimApp = { appKey: 'nimapp', appSecret: SECRETS['App Secret of NIM'] };
    const token = TOKENS['APNs token of a callback'];
    const good: [string, Callback][] = [
      ['kf5', kf5Chat({ userId: 'kf5-ann', text, devices: [{ token, platform: 'ios' }] })],
      ['udesk', udeskMessages({ webToken: 'web_ann', pluginId: 42, messages: [udeskText(text, { at: now })] })],
      [
        'echat',
        echatChat(
          { token: echatKeys.token, secure: { appId: echatKeys.appId, encodingAesKey: echatKeys.encodingAesKey } },
          { companyId: '60', msgId: '1', uid: 'ann', content: text },
          { now },
        ),
      ],
      ['rongcloud', rongCloudMessage(rongApp, { fromUserId: 'bob', toUserId: 'ann', text }, { now })],
      ['nim', nimMessage(nimApp, { fromAccount: 'bob', fromNick: 'Bob', to: 'ann', body: text }, { now })],
    ];
    for (const [plugin, callback] of good) expect([plugin, await vendorCalls(plugin, callback)]).toEqual([plugin, 200]);
    // The same with a wrong signature, with a broken body, and to addresses that somebody guesses.
    for (const [plugin, callback] of good) {
      const forged = {
        ...callback,
        headers: { ...callback.headers, authorization: SECRETS['authorization header of a stranger'] },
      };
      await vendorCalls(plugin, { ...forged, body: `${CONTENT['broken body']}{"a":` });
      await platform.post(
        `${platform.url}/v1/inbound/${integrations[plugin]?.id}/${SECRETS['guessed callback secret']}/x`,
        {
          body: callback.body,
          headers: callback.headers,
        },
      );
      await platform.post(`${integrations[plugin]?.url}/${'x'.repeat(10)}?a=${SECRETS['parameter of an address']}`, {
        body: 'x'.repeat(400_000) + CONTENT['broken body'],
        headers: { 'content-encoding': 'gzip' },
      });
    }
    await settled();
    const events = await call('GET', '/v1/events?limit=200');
    expect((events.body['data'] as { state: string }[]).length).toBeGreaterThanOrEqual(5);
  });

  it('go out to every gateway, which takes, refuses, breaks off and is away', async () => {
    const content = { title: CONTENT['title of a notification'], body: CONTENT['body of a notification'] };
    const notify = async (users: string[], more: object = {}): Promise<void> => {
      const { status, body } = await call('POST', '/v1/notifications', {
        body: { audience: { users }, content, ...more },
      });
      expect([status, body['errors']]).toEqual([202, undefined]);
      await settled();
    };
    await notify(['ann', 'bob']);
    expect(gateways.apns.requests.map(({ token }) => token)).toContain(TOKENS['registered APNs token']);
    for (const plugin of ['rongcloud', 'nim', 'webhook']) await notify(['ann'], { channel: integrations[plugin]?.id });
    // A gateway that repeats in its refusal whom and what it was asked for.
    const echoed = JSON.stringify({
      error: { code: 400, message: `bad ${TOKENS['registered FCM token']}`, status: 'INVALID_ARGUMENT' },
    });
    gateways.fcm.script('*', [
      { status: 400, body: echoed },
      { status: 503, body: echoed },
      { status: 500, body: 'x' },
      'fin',
    ]);
    gateways.apns.script('*', ['BadCollapseId', 'InternalServerError', 'TooManyRequests', 'PayloadTooLarge']);
    for (let i = 0; i < 4; i++) await notify(['ann']);
    simulators.rongcloud.script(['html', 'code1008', 'fin']);
    for (let i = 0; i < 3; i++) await notify(['ann'], { channel: integrations['rongcloud']?.id });
    gateways.apns.script('*', ['InvalidProviderToken'], { repeatLast: true });
    await notify(['ann']);
    await gateways.close();
    await call('POST', `/v1/integrations/${integrations['apns']?.id}/resume`);
    await call('POST', '/v1/notifications', { body: { audience: { users: ['ann'] }, content } });
    for (const { id } of Object.values(integrations)) await call('POST', `/v1/integrations/${id}/check`);
  });

  it('are refused in every way', async () => {
    const value = CONTENT['refused value'];
    const headers = { 'x-hidden': SECRETS['header of a caller'], cookie: SECRETS.cookie };
    const hidden = `?hidden=${SECRETS['parameter of an address']}`;
    for (const bad of [SECRETS['guessed API key'], 'x'])
      await call('GET', `/v1/events${hidden}`, { key: bad, headers });
    await call('GET', '/v1/events', {
      key: '',
      headers: { authorization: SECRETS['authorization header of a stranger'] },
    });
    await call('POST', '/v1/notifications', { body: `{"audience": "${value}", `, headers });
    await call('POST', '/v1/notifications', {
      body: { audience: { users: ['ann'] }, content: { title: value, unknown: value } },
    });
    await call('POST', '/v1/notifications', {
      body: { audience: { users: [`${value}\u0000`] }, content: { body: value } },
    });
    await call('POST', '/v1/notifications', {
      body: { audience: { users: ['ann'] }, content: { body: 'x'.repeat(300_000) } },
    });
    await call('POST', '/v1/integrations', {
      body: { plugin: 'nim', name: 'x', config: { appKey: 'x', appSecret: SECRETS['App Secret of NIM'], mode: value } },
    });
    await call('PATCH', `/v1/integrations/${integrations['nim']?.id}`, {
      body: { config: { appSecret: { set: true, is: SECRETS['App Secret of NIM'] } } },
    });
    await call('PATCH', `/v1/integrations/${integrations['apns']?.id}`, {
      body: { config: { p8: SECRETS['header of a caller'] } },
    });
    await call('POST', `/v1/receipts${hidden}`, { body: { receipts: [{ token: value, kind: 'opened' }] } });
    // Spellings of a callback's address that reach the API instead, whose requests are logged.
    const address = integrations['udesk']?.url.slice(platform.url.length) ?? '';
    for (const spelled of [`/${address}`, address.replace('/v1/inbound', '/V1/Inbound'), `/v1/x/..${address}`]) {
      expect((await platform.call('POST', spelled, { body: {} })).status).toBeGreaterThanOrEqual(400);
    }
    await call('POST', '/v1/notifications/explain', {
      body: { audience: { users: ['ann', 'bob'] }, content: { body: 'x' } },
    });
  });

  it('are searched for in every address that can be read', async () => {
    const document = (await call('GET', '/docs-json')).body as { paths: Record<string, Record<string, unknown>> };
    const listed = async (address: string): Promise<Record<string, unknown>[]> => {
      const { body } = await call('GET', `${address}${address.includes('?') ? '&' : '?'}limit=200`);
      return (body['data'] as Record<string, unknown>[] | undefined) ?? [];
    };
    const ids = async (address: string): Promise<string[]> => (await listed(address)).map(({ id }) => String(id));
    const [events, notifications, webhooks] = [
      await ids('/v1/events'),
      await ids('/v1/notifications'),
      await ids('/v1/webhooks'),
    ];
    const [devices, apps] = [
      [...(await ids('/v1/users/ann/devices')), ...(await ids('/v1/users/bob/devices'))],
      (await call('GET', '/v1/apps', { key: SECRETS['platform key'] })).body['data'] as { id: string }[],
    ];
    const deliveries = (await Promise.all(notifications.map((id) => ids(`/v1/notifications/${id}/deliveries`)))).flat();
    const values: Record<string, readonly string[]> = {
      eventId: events,
      notificationId: notifications,
      deliveryId: deliveries,
      deviceId: devices,
      webhookId: webhooks,
      integrationId: Object.values(integrations).map(({ id }) => id),
      appId: apps.map(({ id }) => id),
      pluginId: Object.keys(integrations),
      userId: ['ann', 'bob'],
      id: [...events, ...notifications, ...deliveries],
    };
    const read: string[] = [];
    for (const [template, operations] of Object.entries(document.paths)) {
      // The bytes of a callback are what an administrator asks for there: with tokens, if the vendor put some in.
      if (!('get' in operations) || template.includes('/inbound/') || template.endsWith('/raw')) continue;
      for (const address of addressesOf(template, values)) {
        const admin = template.startsWith('/v1/apps') || template.startsWith('/v1/platform');
        await call('GET', address, admin ? { key: SECRETS['platform key'] } : {});
        read.push(template);
      }
    }
    expect(new Set(read).size).toBeGreaterThan(25);
    await call('GET', '/docs-yaml');
    await call('GET', '/docs');
    recorder.add('openapi.json', readFileSync('openapi.json', 'utf8'));
    // At the end, so that it counts everything.
    expect((await call('GET', '/metrics')).text).toContain('bellhop_deliveries_total');
  });

  it('are shown to nobody: 0 hits', async () => {
    await platform.stop();
    const config = JSON.parse(String(gateways.fcmConfig['serviceAccount'])) as { private_key: string };
    const secrets = [
      ...markersOf(SECRETS),
      ...markersOf(issued),
      { what: 'key of the ring', value: ring.slice(3) },
      ...linesOf('private key of APNs', String(gateways.apnsConfig['p8'])),
      ...linesOf('private key of FCM', config.private_key),
      ...markersOf(TOKENS),
    ];
    // What is known of a person holds the callbacks about them, with the parameters that those came with.
    const theirs = (hit: Hit): boolean => hit.what === 'parameter of an address' && hit.where.endsWith('/export');
    expect(recorder.find(secrets).filter((hit) => !theirs(hit))).toEqual([]);
    expect(recorder.find(markersOf(CONTENT), /^(log|openapi|reply to GET \/(metrics|docs|health))/)).toEqual([]);
    // The search itself works, and so did what was searched.
    expect(recorder.find(markersOf({ text: CONTENT['text of a callback'] }), /^reply to GET \/v1\/events/)).not.toEqual(
      [],
    );
    expect(recorder.find([{ what: 'a log line', value: 'Callback refused' }], /^log \(stdout\)/)).not.toEqual([]);
    expect(recorder.find([{ what: 'a failure', value: 'Integration paused' }], /^log/)).not.toEqual([]);
    expect([recorder.size > 200, recorder.length > 500_000]).toEqual([true, true]);
  });

  it('lie in no table in the clear, apart from the bytes that vendors sent', async () => {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    const tables = await client.query<{ name: string }>(
      `SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname NOT IN ('pg_catalog', 'information_schema')`,
    );
    const stored = new Recorder();
    for (const { name } of tables.rows) {
      const { rows } = await client.query<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
      stored.add(name, rows.map(({ row }) => row).join('\n'));
    }
    await client.end();
    const kept = /^(?!inbound_raw$|inbound_event$)/;
    // What a caller put beside the callback is kept with its bytes: credentials of proxies and browsers are not.
    const own = Object.fromEntries(
      Object.entries(SECRETS).filter(([what]) => !/header of a caller|parameter of an address/.test(what)),
    );
    expect(stored.find(markersOf({ ...own, ...issued }))).toEqual([]);
    expect(stored.find(markersOf(TOKENS), kept)).toEqual([]);
    expect(stored.find(markersOf({ text: CONTENT['text of a callback'] }))).not.toEqual([]);
  });
});

/** Each line of a key file by itself: they may be escaped and joined in many ways. */
const linesOf = (what: string, text: string): Marker[] =>
  text
    .split('\n')
    .filter((line) => /^[A-Za-z0-9+/]{40,}=*$/.test(line))
    .map((value) => ({ what, value }));

/** An address for each value of the last parameter; the others take their first. */
function addressesOf(template: string, values: Readonly<Record<string, readonly string[]>>): string[] {
  const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);
  const last = names.at(-1);
  if (!last) return [template];
  const choices = values[last] ?? ['none'];
  return choices.map((choice) =>
    template.replace(/\{(\w+)\}/g, (_, name: string) => (name === last ? choice : (values[name]?.[0] ?? 'none'))),
  );
}

describe('the search', () => {
  it.each([
    ['as it is', (value: string) => `a ${value} b`],
    ['in hexadecimal', (value: string) => Buffer.from(value).toString('hex')],
    ['in base64, wherever it begins', (value: string) => Buffer.from(`x${value}y`).toString('base64')],
    ['in base64 for addresses', (value: string) => Buffer.from(`xx${value}`).toString('base64url')],
    ['escaped', (value: string) => encodeURIComponent(value)],
  ])('finds a value %s', (_words, spell) => {
    const recorder = new Recorder();
    recorder.add('log', `before ${spell('pass/word+é?0123456789')} after`);
    expect(recorder.find([{ what: 'it', value: 'pass/word+é?0123456789' }])).not.toEqual([]);
    expect(spellingsOf('pass/word+é?0123456789').length).toBeGreaterThan(5);
  });
});
