import type { OpenAPIObject } from '@nestjs/swagger';
import type { Scope } from '../../src/access/api-key.entity.js';
import { buildDocument } from '../../src/openapi.js';
import { cursorOf } from '../../src/platform/pagination.js';
import { type Gateways, PLATFORM_KEY, startGateways, type TestApp, TestPlatform } from '../support/app.js';
import { type Browser, firstAdmin } from '../support/browser.js';

type Operation = OpenAPIObject['paths'][string]['get'] & { 'x-scope'?: Scope; 'x-session'?: boolean };
interface Route {
  readonly method: string;
  readonly path: string;
  readonly operation: NonNullable<Operation>;
}

/** Stands for the session of a person, where a key would not do. */
const SESSION = 'session';

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

/** A body that each operation with one accepts. */
const TEMPLATE = {
  kind: 'conversation.message',
  messageType: 'text',
  locale: 'en',
  title: 'a',
  body: '{{sender.name}}',
};
/** A literal address: nobody is asked for a name. */
const WEBHOOK = { url: 'https://93.184.216.34/bellhop', description: 'Orders', events: ['delivery.dead'] };

const BODIES: Readonly<Record<string, object>> = {
  createIntegration: {
    plugin: 'nim',
    name: 'NIM',
    config: { appKey: 'key', appSecret: 'secret', toleranceSeconds: 900 },
    settings: { hideContent: false, defaultLocale: 'en' },
  },
  reviseIntegration: { name: 'NIM', config: { appSecret: 'another' }, settings: { defaultLocale: 'en' } },
  pauseIntegration: { detail: 'maintenance' },
  rotateUrlSecret: { graceSeconds: 60 },
  createNotification: {
    audience: { users: ['user_1'] },
    content: {
      title: 'Hello',
      subtitle: 'you',
      body: 'there',
      localized: { 'zh-CN': { title: '您好' } },
      badge: 1,
      sound: 'default',
      collapseId: 'c',
      threadId: 't',
      deepLink: 'shop://x',
      extras: { a: 'b' },
      imageUrl: 'https://example.com/a.png',
      category: 'c',
      androidChannel: 'a',
    },
    category: 'orders',
    priority: 'normal',
    ttlSeconds: 600,
    forced: true,
  },
  explainNotification: {
    audience: { allOf: ['vip'], anyOf: ['a'], packageName: 'com.example.shop', platforms: ['ios'] },
    content: {
      body: 'there',
      overrides: { ios: { title: 'Hello', body: 'you', badge: 1, extras: { a: 'b' } }, android: { silent: false } },
    },
    schedule: { localTime: '2099-01-01T09:00', window: { start: '09:00', end: '21:00' } },
    onQuota: 'hold',
  },
  setTags: { tags: ['vip'] },
  setTagsBatch: { userIds: ['u-1'], tags: ['vip'] },
  previewAudience: {
    audience: {
      everyone: false,
      users: ['u-1'],
      allOf: ['a'],
      anyOf: ['b'],
      packageName: 'com.example.shop',
      platforms: ['ios'],
    },
  },
  runAction: { input: { name: 'x' } },
  setPushSwitch: { on: true },
  reportReceipts: {
    receipts: [{ receipt: 'x', kind: 'opened', at: '2026-01-01T00:00:00Z', installationId: 'i', platform: 'ios' }],
  },
  createTemplate: TEMPLATE,
  replaceTemplate: TEMPLATE,
  previewTemplate: { ...TEMPLATE, hideContent: true },
  createWebhook: WEBHOOK,
  reviseWebhook: WEBHOOK,
  rotateWebhookSecret: { graceSeconds: 60 },
  retryDelivery: { ttlSeconds: 600 },
  restoreDevices: { from: '2026-01-01T00:00:00Z', dryRun: true },
  redriveDeadLetters: {
    state: 'failed',
    reason: 'gateway.timeout',
    channel: 'apns',
    integrationId: `int_${'0'.repeat(32)}`,
    from: '2026-01-01T00:00:00Z',
    to: '2026-01-02T00:00:00Z',
    dryRun: true,
    perSecond: 10,
    limit: 10,
    startAt: '2026-01-01T00:00:00Z',
    ttlSeconds: 600,
  },
  replayEvents: {
    from: '2026-01-01T00:00:00Z',
    to: '2026-01-02T00:00:00Z',
    integrationId: `int_${'0'.repeat(32)}`,
    state: 'ignored',
    reason: 'unroutable',
    cursor: cursorOf('019a8f3b-2c4d-7e5f-a0b1-c2d3e4f50617'),
    dryRun: true,
    limit: 10,
  },
  shadowReplayEvents: {
    from: '2026-01-01T00:00:00Z',
    to: '2026-01-02T00:00:00Z',
    integrationId: `int_${'0'.repeat(32)}`,
    state: 'routed',
    cursor: cursorOf('019a8f3b-2c4d-7e5f-a0b1-c2d3e4f50617'),
    limit: 10,
  },
  createApp: { name: 'Shop', deepLinkScheme: 'shop', defaultLocale: 'en', timeZone: 'Asia/Shanghai' },
  updateApp: { name: 'Shop' },
  createApiKey: { name: 'Backend', scopes: ['send'], expiresAt: '2030-01-01T00:00:00Z' },
  rotateApiKey: { overlapSeconds: 60, expiresAt: '2030-01-01T00:00:00Z' },
  createPlatformKey: { name: 'Terraform', expiresAt: '2030-01-01T00:00:00Z' },
  rotatePlatformKey: { overlapSeconds: 60, expiresAt: '2030-01-01T00:00:00Z' },
  inviteOperator: { email: 'ada@example.com', name: 'Ada', roles: [{ role: 'viewer', appId: null }] },
  changeOperator: { name: 'Ada', roles: [{ role: 'viewer', appId: null }], state: 'active' },
  signIn: { email: 'ada@example.com', password: 'correct horse battery staple' },
  redeemLink: {
    token: 'A'.repeat(43),
    password: 'correct horse battery staple',
    email: 'ada@example.com',
    name: 'Ada',
  },
  changePassword: { current: 'correct horse battery staple', next: 'another horse battery staple' },
  registerDevice: {
    gateway: 'apns',
    token: '9f3c0b7d5e2a4861f0d3c5b7a9e1f2a4968b7c5d3e1f0a2b4c6d8e0f1a3b5c7d',
    platform: 'ios',
    environment: 'sandbox',
    appIdentifier: 'com.example.shop',
    locale: 'zh-CN',
    timeZone: 'Asia/Shanghai',
  },
  linkIdentity: { integrationId: 'int_1', kind: 'kf5.user_id', value: '7' },
  reportPresence: { state: 'foreground', client: 'mobile', ttlSeconds: 60, observedAt: '2026-01-01T00:00:00Z' },
  setPreferences: {
    dndStart: '22:00',
    dndEnd: '07:00',
    dndTimeZone: 'Asia/Shanghai',
    mutedConversations: ['c'],
    optedOut: ['o'],
    blockedSenders: ['b'],
    friends: ['f'],
  },
};

describe('every route', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let routes: Route[];
  let document: OpenAPIObject;
  let person: Browser;
  const apps = {} as Record<'read' | 'send' | 'admin', TestApp>;

  beforeAll(async () => {
    gateways = await startGateways();
    platform = await TestPlatform.start();
    person = await firstAdmin(platform);
    document = buildDocument(platform.app);
    routes = Object.entries(document.paths).flatMap(([path, item]) =>
      METHODS.flatMap((method) => {
        const operation = item[method] as Operation;
        return operation ? [{ method: method.toUpperCase(), path, operation }] : [];
      }),
    );
    for (const scope of ['read', 'send', 'admin'] as const) apps[scope] = await platform.createApp([scope]);
  });
  afterAll(async () => {
    await platform?.stop();
    await gateways?.close();
  });

  const guarded = (): Route[] => routes.filter(({ operation }) => operation['x-scope']);
  const concrete = (path: string): string =>
    path.replace(/\{(\w+)\}/g, (_, name: string) => (name === 'userId' || name === 'installationId' ? 'user_1' : 'x'));
  const call = ({ method, path }: Route, key?: string, body?: unknown) =>
    platform.request<{ code?: string; errors?: { field: string }[] }>(method, concrete(path), {
      ...(key === SESSION ? { headers: person.headers } : { key }),
      body,
    });
  /** A key that may do what the route does. */
  const keyFor = ({ operation }: Route): string => {
    if (operation['x-session']) return SESSION;
    return operation['x-scope'] === 'platform' ? PLATFORM_KEY : apps.admin.key;
  };
  const withBody = (): (Route & { body: object })[] =>
    routes
      .filter(({ operation }) => operation.requestBody)
      .map((route) => ({ ...route, body: BODIES[route.operation.operationId ?? ''] ?? {} }));

  it('is described: a stable name, a tag that is explained, named schemas', () => {
    const tags = new Map(document.tags?.map(({ name, description }) => [name, description]));
    const names = routes.map(({ operation }) => operation.operationId);
    expect(new Set(names).size).toBe(routes.length);
    for (const { operation } of routes) {
      expect(operation.operationId).toMatch(/^[a-z][A-Za-z]+$/);
      expect(operation.summary ?? operation.description ?? operation.tags?.includes('health')).toBeTruthy();
      expect(operation.tags?.every((tag) => tags.get(tag))).toBe(true);
    }
    const refs = [...JSON.stringify(document.paths).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(
      ([, name]) => name,
    );
    expect(refs.length).toBeGreaterThan(50);
    expect(refs.filter((name) => !document.components?.schemas?.[name ?? ''])).toEqual([]);
  });

  it('has a schema of its own for what it takes and for what it gives', () => {
    for (const { path, operation } of guarded()) {
      const bodies = [operation.requestBody, ...Object.values(operation.responses ?? {})] as { content?: object }[];
      const schemas = bodies.flatMap((part) => Object.values(part?.content ?? {}) as { schema: object }[]);
      for (const { schema } of schemas)
        expect([path, JSON.stringify(schema)]).toEqual([path, expect.stringContaining('$ref')]);
    }
  });

  it('refuses callers without a key, and with one that it does not know', async () => {
    expect(guarded().length).toBeGreaterThan(35);
    for (const route of guarded()) {
      for (const key of [undefined, 'bh_unknown']) {
        const { status, headers } = await call(route, key);
        expect([route.operation.operationId, status, headers.get('content-type')]).toEqual([
          route.operation.operationId,
          401,
          'application/problem+json',
        ]);
      }
    }
  });

  it('refuses keys without its scope', async () => {
    const weaker = { read: [], send: ['read'], admin: ['read', 'send'], platform: ['read', 'send', 'admin'] } as const;
    for (const route of guarded()) {
      const scope = route.operation['x-scope'] as keyof typeof weaker;
      const keys = [...weaker[scope].map((it) => apps[it].key), ...(scope === 'platform' ? [] : [PLATFORM_KEY])];
      for (const key of keys) {
        const { status, body } = await call(route, key);
        expect([route.operation.operationId, status, body.code]).toEqual([
          route.operation.operationId,
          403,
          'auth.scope_missing',
        ]);
      }
    }
  });

  it('is public only where it is meant to be', () => {
    const open = routes
      .filter(({ operation }) => !operation['x-scope'] && !operation['x-session'])
      .map(({ operation }) => String(operation.operationId));
    expect(open.toSorted()).toEqual([
      'beginOidcSignIn',
      'completeOidcSignIn',
      'getLiveness',
      'getMetrics',
      'getReadiness',
      'receiveCallbackGet',
      'receiveCallbackPost',
      'redeemLink',
      'reportReceipts',
      'signIn',
    ]);
  });

  it('answers ids of nothing and of nobody alike', async () => {
    const named = guarded().filter(({ path }) => /\{(?!userId|installationId)\w+\}/.test(path));
    expect(named.length).toBeGreaterThan(15);
    for (const route of named) {
      const { status, body } = await call(route, keyFor(route), BODIES[route.operation.operationId ?? '']);
      expect([route.operation.operationId, status, body.code]).toEqual([route.operation.operationId, 404, 'not_found']);
    }
  });

  it('with a body has an example here', () => {
    expect(
      withBody()
        .map(({ operation }) => String(operation.operationId))
        .toSorted(),
    ).toEqual(Object.keys(BODIES).toSorted());
  });

  it('refuses unknown fields and names them', async () => {
    for (const route of withBody()) {
      const { status, body } = await call(route, keyFor(route), { ...route.body, 'no/n~sense': 1 });
      expect([route.operation.operationId, status, body.errors]).toEqual([
        route.operation.operationId,
        400,
        [{ field: '/no~1n~0sense', message: expect.any(String) }],
      ]);
    }
  });

  it('never fails over a value, wherever it stands', async () => {
    const odd = [
      '\0',
      'a\0b',
      '\ud800',
      'x'.repeat(5_000),
      '',
      42,
      -1,
      1e308,
      true,
      null,
      [],
      {},
      [[]],
      { a: { b: 1 } },
    ];
    let calls = 0;
    for (const route of withBody()) {
      for (const place of leaves(route.body)) {
        for (const value of odd) {
          const { status } = await call(route, keyFor(route), planted(route.body, place, value));
          calls++;
          expect([route.operation.operationId, place, value, status < 500]).toEqual([
            route.operation.operationId,
            place,
            value,
            true,
          ]);
        }
      }
    }
    expect(calls).toBeGreaterThan(500);
  });

  it.each(['{', '[1', '"', 'nul', '{"a":}', '\0'])('refuses the malformed JSON %j', async (text) => {
    for (const route of withBody()) {
      const response = await fetch(platform.url + concrete(route.path), {
        method: route.method,
        headers: { authorization: `Bearer ${keyFor(route)}`, 'content-type': 'application/json' },
        body: text,
      });
      expect([route.operation.operationId, response.status]).toEqual([route.operation.operationId, 400]);
      expect(await response.json()).toMatchObject({ code: 'request.malformed' });
    }
  });

  it('refuses bodies that are too large', async () => {
    for (const route of withBody()) {
      const { status, body } = await call(route, keyFor(route), { ...route.body, more: 'x'.repeat(2_000_000) });
      expect([route.operation.operationId, status, body.code]).toEqual([
        route.operation.operationId,
        413,
        'request.too_large',
      ]);
    }
  });

  it('stands in the documents that are served', async () => {
    const ui = await platform.request<string>('GET', '/docs');
    expect([ui.status, ui.body]).toEqual([200, expect.stringContaining('Bellhop API')]);
    const json = await platform.request<OpenAPIObject>('GET', '/docs-json');
    expect([json.status, Object.keys(json.body.paths)]).toEqual([200, Object.keys(document.paths)]);
    const yaml = await platform.request<string>('GET', '/docs-yaml');
    expect([yaml.status, yaml.body]).toEqual([200, expect.stringContaining('operationId: createNotification')]);
  });
});

type Place = readonly string[];

function leaves(value: unknown, at: Place = []): Place[] {
  if (typeof value !== 'object' || value === null) return [at];
  const within = Object.entries(value).flatMap(([name, part]) => leaves(part, [...at, name]));
  return at.length > 0 ? [at, ...within] : within;
}

function planted(value: unknown, [name, ...rest]: Place, leaf: unknown): unknown {
  if (name === undefined) return leaf;
  const copy: Record<string, unknown> = Array.isArray(value) ? ([...value] as never) : { ...(value as object) };
  copy[name] = planted(copy[name], rest, leaf);
  return copy;
}
