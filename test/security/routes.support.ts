import { startWebhookReceiver, type WebhookReceiver } from '@bellhop/simulators';
import type { OpenAPIObject } from '@nestjs/swagger';
import type { DataSource } from 'typeorm';
import { ApiKeysService } from '../../src/access/api-keys.service.js';
import type { Scope } from '../../src/access/api-key.entity.js';
import { OperatorsService } from '../../src/access/operators/operators.service.js';
import { buildDocument } from '../../src/openapi.js';
import { newId, publicId } from '../../src/platform/ids.js';
import { PLUGIN_MODULES } from '../../src/plugins.js';
import {
  type ApiReply,
  type Gateways,
  PLATFORM_KEY,
  startGateways,
  type TestApp,
  TestPlatform,
} from '../support/app.js';
import { EchoVendorModule } from '../support/echo-vendor.js';
import { PeopleModule, PeopleVendor } from '../support/fake-people.js';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']> & {
  'x-scope'?: Scope;
  'x-session'?: boolean;
};

/** A route as the OpenAPI document describes it. */
export interface Route {
  /** The operationId. */
  readonly id: string;
  readonly method: string;
  /** With `{names}`. */
  readonly path: string;
  /** Absent: public, or for people who are signed in. */
  readonly scope: Scope | undefined;
  /** For people who are signed in, whatever their roles. */
  readonly session: boolean;
  readonly operation: Operation;
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

export function routesOf({ paths }: OpenAPIObject): Route[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation: Operation | undefined = item[method];
      if (!operation) return [];
      const { operationId: id = '', 'x-scope': scope, 'x-session': session = false } = operation;
      return [{ id, method: method.toUpperCase(), path, scope, session, operation }];
    }),
  );
}

export const isUnsafe = ({ method }: Route): boolean => method !== 'GET';

/** Values for the names in paths. */
export type Names = Readonly<Record<string, string>>;

/** What a call says besides its address. */
export interface Call {
  readonly body?: object;
  readonly query?: string;
  /** In the place of those of the app. */
  readonly names?: Names;
}

/** A secret of each kind that a body can hold; none may be found again where it does not belong. */
export const SECRETS = {
  config: 'marked-secret-of-a-vendor',
  another: 'marked-secret-that-replaces-it',
  token: '5ec7e70ken5ec7e70ken5ec7e70ken5ec7e70ken5ec7e70ken5ec7e70ken5ec7'.replaceAll(/[^0-9a-f]/g, 'a'),
};

const SPAN = { from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' };
const CONTENT = { title: 'Hello', body: 'there' };
const TEMPLATE = {
  kind: 'conversation.message',
  messageType: 'text',
  locale: 'fr',
  title: 'a',
  body: '{{sender.name}}',
};

/**
 * A call of every unsafe route that succeeds on a furnished app, in an order in which each finds what it needs.
 * A route that is not here fails the specs.
 */
export function callsOn(app: FurnishedApp): Readonly<Record<string, Call>> {
  const { names } = app;
  const identity = { integrationId: app.integration, kind: 'people.user_id', value: 'v-1' };
  const webhook = { url: `${app.receiverUrl}/more`, events: ['delivery.dead'] };
  const key = { name: 'Another', scopes: ['read'] };
  return {
    createApp: { body: { name: 'Second', deepLinkScheme: 'second' } },
    updateApp: { body: { name: 'Renamed' } },
    createApiKey: { body: key },
    rotateApiKey: { body: { overlapSeconds: 60 } },
    revokeApiKey: {},
    createPlatformKey: { body: { name: 'Another' } },
    rotatePlatformKey: { names: { keyId: app.platformKey }, body: {} },
    revokePlatformKey: { names: { keyId: app.platformKey } },
    inviteOperator: { body: { email: `another@${app.app.id}.example.com`, name: 'Ada', roles: [] } },
    changeOperator: { body: { roles: [{ role: 'developer', appId: names['appId'] }] } },
    issueOperatorLink: {},
    signOutOperator: {},
    removeOperator: {},
    createIntegration: {
      body: { plugin: 'people', name: 'More people', config: { ...app.config, secret: SECRETS.config } },
    },
    reviseIntegration: { body: { name: 'People, renamed', config: { secret: SECRETS.another } } },
    checkIntegration: {},
    rotateUrlSecret: { body: { graceSeconds: 60 } },
    runAction: { body: { input: { name: 'Ada' } } },
    mirrorAllTags: {},
    setPushSwitch: { body: { on: true } },
    pauseIntegration: { body: { detail: 'maintenance' } },
    resumeIntegration: {},
    createNotification: { body: { audience: { users: ['u-1'] }, content: CONTENT } },
    explainNotification: { body: { audience: { users: ['u-1'] }, content: CONTENT } },
    redriveDeadLetters: { body: { dryRun: true } },
    retryDelivery: { body: { ttlSeconds: 600 } },
    pauseNotification: {},
    resumeNotification: {},
    cancelNotification: {},
    replayEvent: {},
    replayEvents: { body: { ...SPAN, dryRun: true } },
    shadowReplayEvents: { body: SPAN },
    setTags: { body: { tags: ['vip'] } },
    setTagsBatch: { body: { userIds: ['u-1'], tags: ['vip'] } },
    previewAudience: { body: { audience: { users: ['u-1'] } } },
    createTemplate: { body: { ...TEMPLATE, locale: 'de' } },
    previewTemplate: { body: TEMPLATE },
    replaceTemplate: { body: { ...TEMPLATE, title: 'b' } },
    removeTemplate: {},
    createWebhook: { body: webhook },
    reviseWebhook: { body: { description: 'Orders' } },
    rotateWebhookSecret: { body: { graceSeconds: 60 } },
    testWebhook: {},
    resendWebhookMessage: {},
    enableWebhook: {},
    deleteWebhook: {},
    linkIdentity: { body: identity },
    unlinkIdentity: { query: new URLSearchParams(identity).toString() },
    reportPresence: { body: { state: 'foreground', client: 'mobile', ttlSeconds: 60 } },
    setPreferences: { body: { dndStart: '22:00', dndEnd: '07:00', dndTimeZone: 'Asia/Shanghai' } },
    registerDevice: {
      names: { ...names, installationId: 'another-phone' },
      body: { gateway: 'apns', token: SECRETS.token, platform: 'ios', environment: 'sandbox' },
    },
    removeDevice: {},
    eraseUser: {},
    restoreDevices: { body: { from: '2026-01-01T00:00:00Z', dryRun: true } },
  };
}

/** An app that has one of everything that a path can name. */
export class FurnishedApp {
  private constructor(
    readonly app: TestApp,
    readonly names: Names,
    readonly platformKey: string,
    readonly receiverUrl: string,
    readonly config: Readonly<Record<string, unknown>>,
  ) {}

  get integration(): string {
    return this.names['integrationId'] ?? '';
  }

  static async furnish({ platform, vendor, receiver, gateways }: House): Promise<FurnishedApp> {
    const app = await platform.createApp();
    const config = { ...vendor.config, secret: SECRETS.config };
    const { id, publicId: integrationId } = await app.integrate({
      plugin: 'people',
      name: 'People',
      config,
      settings: { mirrorTags: true },
    });
    await app.integrate({ plugin: 'apns', name: 'iPhones', config: gateways.apnsConfig });
    const make = async (path: string, body: object): Promise<string> => {
      const reply = await app.call<{ id: string }>('POST', path, body);
      if (reply.status >= 300) throw new Error(`${path} answered ${reply.status}: ${JSON.stringify(reply.body)}`);
      return reply.body.id;
    };
    const device = await app.device('u-1', 'apns', SECRETS.token.replace('a', 'b'));
    const templateId = await make('/v1/templates', TEMPLATE);
    const webhookId = await make('/v1/webhooks', { url: receiver.url, events: ['delivery.dead'] });
    const notificationId = await make('/v1/notifications', {
      audience: { users: ['u-1'] },
      content: CONTENT,
      schedule: { at: '2099-01-01T00:00:00Z' },
      ttlSeconds: 3600,
    });
    const rows = await insertRows(app, id, uuidOf(notificationId), uuidOf(webhookId));
    const keys = platform.app.get(ApiKeysService);
    const { row: key } = await keys.issue(app.id, { name: 'Spare', scopes: ['read'] });
    const { row: platformKey } = await keys.issue(null, { name: 'Spare', scopes: ['platform'] });
    const person = { email: `ada@${app.id}.example.com`, name: 'Ada', roles: [] };
    const { operator } = await platform.app.get(OperatorsService).invite(person);
    const names = {
      appId: publicId('app', app.id),
      keyId: publicId('key', key.id),
      integrationId,
      actionId: 'greet',
      userId: 'u-1',
      installationId: device.installationId,
      deviceId: publicId('dev', device.id),
      templateId,
      webhookId,
      notificationId,
      operatorId: publicId('opr', operator.id),
      id: notificationId,
      pluginId: 'people',
      ...rows,
    };
    return new FurnishedApp(app, names, publicId('key', platformKey.id), receiver.url, config);
  }

  /** The address of a route, with the names of this app. */
  address({ path }: Route, { names, query }: Call = {}): string {
    const all: Names = { ...this.names, ...names };
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
      const value = all[name];
      if (value === undefined) throw new Error(`Nothing is known for {${name}} of ${path}.`);
      return encodeURIComponent(value);
    });
    return query ? `${filled}?${query}` : filled;
  }

  /** The call with the key that may make it, unless another one is given. */
  async call<T = Record<string, unknown>>(route: Route, call: Call = {}, key?: string): Promise<ApiReply<T>> {
    const own = route.scope === 'platform' ? PLATFORM_KEY : this.app.key;
    return this.app.platform.request<T>(route.method, this.address(route, call), { key: key ?? own, body: call.body });
  }
}

/** What no call makes at once: an event that was ignored, a delivery that is dead, a message of a webhook. */
async function insertRows(app: TestApp, integrationId: string, notificationId: string, endpointId: string) {
  const { sql } = app.platform;
  const [event, delivery, message] = [newId(), newId(), newId()];
  const echo = await app.integrate({ plugin: 'echo', name: 'Echo', config: {} });
  await fetch(echo.inboundUrl, { method: 'POST', body: 'word' });
  await sql.query(`UPDATE inbound_event SET state = 'ignored', reason = 'unroutable' WHERE app_id = $1`, [app.id]);
  const [row] = await sql.query<{ id: string }[]>('SELECT id FROM inbound_event WHERE app_id = $1', [app.id]);
  await sql.query(
    `INSERT INTO delivery (app_id, id, notification_id, integration_id, channel, user_id, platform, locale, priority, state,
                           reason, expires_at, created_at, updated_at)
     VALUES ($1, $2, $3, $4, 'people', 'u-1', 'ios', 'en', 'high', 'dead', 'attempts', now() + interval '1 hour', now(), now())`,
    [app.id, delivery, notificationId, integrationId],
  );
  await sql.query(
    `INSERT INTO webhook_message (app_id, id, endpoint_id, type, payload, state, created_at, updated_at)
     VALUES ($1, $2, $3, 'delivery.dead', '{}', 'dead', now(), now())`,
    [app.id, message, endpointId],
  );
  return {
    eventId: publicId('evt', row?.id ?? event),
    deliveryId: publicId('dlv', delivery),
    messageId: publicId('whm', message),
  };
}

/** Every row of an app, as text; use of a key leaves its mark and changes nothing else. */
export async function everyRowOf(sql: DataSource, appId: string): Promise<string> {
  const tables = await sql.query<{ name: string }[]>(
    `SELECT c.table_name AS name FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
     WHERE c.column_name = 'app_id' AND c.table_schema = 'public' AND t.table_type = 'BASE TABLE'
       AND c.table_name <> 'api_key' ORDER BY 1`,
  );
  expect(tables.length).toBeGreaterThan(15);
  const parts = tables.map(
    ({ name }) =>
      `SELECT coalesce(string_agg(r::text, E'\\n' ORDER BY r::text), '') AS rows FROM "${name}" r WHERE app_id = $1`,
  );
  const rows = await sql.query<{ rows: string }[]>(parts.join(' UNION ALL '), [appId]);
  return rows.map((row) => row.rows).join('\n');
}

const uuidOf = (id: string): string => id.replace(/^\w+_/, '');

/** A platform with every plugin, and what the plugins talk to. Nothing is routed or sent by itself. */
export class House {
  private constructor(
    readonly platform: TestPlatform,
    readonly vendor: PeopleVendor,
    readonly receiver: WebhookReceiver,
    readonly gateways: Gateways,
    readonly document: OpenAPIObject,
    readonly routes: readonly Route[],
  ) {}

  static async open(): Promise<House> {
    const vendor = await PeopleVendor.start();
    const receiver = await startWebhookReceiver();
    const gateways = await startGateways();
    const platform = await TestPlatform.start({
      role: 'api',
      plugins: [...PLUGIN_MODULES, PeopleModule, EchoVendorModule],
      egressAllow: ['127.0.0.1:*'],
    });
    const document = buildDocument(platform.app);
    return new House(platform, vendor, receiver, gateways, document, routesOf(document));
  }

  route(id: string): Route {
    const route = this.routes.find((it) => it.id === id);
    if (!route) throw new Error(`There is no route ${id}.`);
    return route;
  }

  async close(): Promise<void> {
    await this.platform.stop();
    await this.vendor.goAway();
    await this.receiver.close();
    await this.gateways.close();
  }
}
