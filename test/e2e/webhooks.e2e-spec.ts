import { type ReceivedWebhook, startWebhookReceiver, type WebhookReceiver } from '@bellhop/simulators';
import { Webhook } from 'standardwebhooks';
import type { WebhookEventType } from '../../src/core/webhooks/webhook-event.js';
import { WebhookOutbox } from '../../src/core/webhooks/webhook-outbox.js';
import { Environment } from '../../src/platform/env.js';
import { Sql } from '../../src/platform/sql.js';
import { eventually, type TestApp, TestPlatform } from '../support/app.js';

interface WebhookReply {
  readonly id: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly state: string;
  readonly stateReason: string | null;
  readonly previousSecretExpiresAt: string | null;
  readonly secret: string;
}

interface MessageReply {
  readonly id: string;
  readonly webhookId: string;
  readonly state: string;
  readonly attempts: readonly { outcome: string; vendorCode?: string }[];
  readonly payload: object;
}

interface ProblemReply {
  readonly code: string;
  readonly errors?: readonly { field: string; message: string }[];
}

const NOWHERE = 'https://93.184.216.34/bellhop';

describe('webhooks', () => {
  let platform: TestPlatform;
  let receiver: WebhookReceiver;
  let app: TestApp;

  beforeAll(async () => {
    platform = await TestPlatform.start();
    // Like the clock, the egress of a test platform is set by hand: receivers listen on loopback.
    Object.assign(platform.app.get(Environment), { egressAllow: ['127.0.0.1:*'] });
  });
  afterAll(() => platform?.stop());

  beforeEach(async () => {
    receiver = await startWebhookReceiver();
    app = await platform.createApp();
  });
  afterEach(() => receiver.close());

  async function subscribe(url = receiver.url, events: readonly WebhookEventType[] = ['delivery.dead']) {
    const { status, body } = await app.call<WebhookReply>('POST', '/v1/webhooks', { url, events });
    expect(status).toBe(201);
    receiver.trust(body.secret);
    return body;
  }

  function announce(deliveryId: string, of: TestApp = app): Promise<void> {
    const announcement = { type: 'delivery.dead', data: { deliveryId }, at: new Date() } as const;
    const { app: graph } = platform;
    return graph.get(Sql).transaction((tx) => graph.get(WebhookOutbox).announce(tx, of.id, [announcement]));
  }

  const listed = async (id: string, query = ''): Promise<readonly MessageReply[]> =>
    (await app.call<{ data: readonly MessageReply[] }>('GET', `/v1/webhooks/${id}/messages${query}`)).body.data;

  const settled = (id: string, state: string): Promise<MessageReply> =>
    eventually(async () => (await listed(id)).find((message) => message.state === state));

  it('tells a secret once, and only when it is new', async () => {
    const { id, secret } = await subscribe();
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const replies = [
      await app.call('GET', `/v1/webhooks/${id}`),
      await app.call('GET', '/v1/webhooks'),
      await app.call('PATCH', `/v1/webhooks/${id}`, { description: 'Orders', events: ['receipt.opened'] }),
    ];
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(JSON.stringify(replies)).not.toMatch(/whsec_|ecret":"/);
    expect(replies[2]?.body).toMatchObject({ id, description: 'Orders', events: ['receipt.opened'], state: 'active' });
    const { body } = await app.call<WebhookReply>('POST', `/v1/webhooks/${id}/rotate-secret`, { graceSeconds: 60 });
    expect(body.secret).not.toBe(secret);
    expect(Date.parse(body.previousSecretExpiresAt ?? '')).toBeGreaterThan(Date.now() + 50_000);
  });

  it('belong to one app', async () => {
    const { id } = await subscribe();
    const stranger = await platform.createApp();
    const paths = ['', '/rotate-secret', '/enable', '/test', '/messages'].map((path) => `/v1/webhooks/${id}${path}`);
    for (const path of paths) {
      const method = path.endsWith(id) || path.endsWith('messages') ? 'GET' : 'POST';
      const { status } = await stranger.call(method, path, method === 'POST' ? {} : undefined);
      expect([path, status]).toEqual([path, 404]);
    }
    expect((await stranger.call('DELETE', `/v1/webhooks/${id}`)).status).toBe(404);
    expect((await stranger.call<{ data: [] }>('GET', '/v1/webhooks')).body.data).toEqual([]);
    expect((await app.call('DELETE', `/v1/webhooks/${id}`)).status).toBe(204);
    expect((await app.call('GET', `/v1/webhooks/${id}`)).status).toBe(404);
  });

  it.each([
    ['https://169.254.169.254/latest/meta-data/', 'private'],
    ['https://10.0.0.1/', 'private'],
    ['https://[::ffff:10.0.0.1]/', 'private'],
    ['https://0xa9fea9fe/', 'private'],
    ['https://localhost/', 'private'],
    ['http://93.184.216.34/', 'https'],
    ['https://93.184.216.34:22/', 'port'],
    ['https://user:password@93.184.216.34/', 'user name'],
    ['hooks.example.com', 'absolute'],
  ])('refuse the address %s', async (url, word) => {
    const created = await app.call<ProblemReply>('POST', '/v1/webhooks', { url, events: ['delivery.dead'] });
    const issue = { field: '/url', message: expect.stringContaining(word) as string };
    expect([created.status, created.body.code, created.body.errors]).toEqual([422, 'webhook.url_refused', [issue]]);
    const { id } = await subscribe(NOWHERE);
    const revised = await app.call<ProblemReply>('PATCH', `/v1/webhooks/${id}`, { url });
    expect([revised.status, revised.body.errors]).toEqual([422, [issue]]);
    expect((await app.call<WebhookReply>('GET', `/v1/webhooks/${id}`)).body.url).toBe(NOWHERE);
  });

  it.each([
    [{ events: ['delivery.dead'] }, '/url'],
    [{ url: NOWHERE }, '/events'],
    [{ url: NOWHERE, events: [] }, '/events'],
    [{ url: NOWHERE, events: ['delivery.dead', 'delivery.dead'] }, '/events'],
    [{ url: NOWHERE, events: ['delivery.accepted'] }, '/events'],
    [{ url: NOWHERE, events: ['delivery.dead'], secret: 'whsec_mine' }, '/secret'],
    [{ url: NOWHERE, events: ['delivery.dead'], description: 'a\0b' }, '/description'],
  ])('refuse %j', async (body, field) => {
    const reply = await app.call<ProblemReply>('POST', '/v1/webhooks', body);
    expect([reply.status, new Set(reply.body.errors?.map((error) => error.field))]).toEqual([400, new Set([field])]);
  });

  it('are twenty at most', async () => {
    for (let i = 0; i < 20; i++) await subscribe(NOWHERE);
    const reply = await app.call<ProblemReply>('POST', '/v1/webhooks', { url: NOWHERE, events: ['delivery.dead'] });
    expect([reply.status, reply.body.code]).toEqual([422, 'webhook.too_many']);
  });

  it('can be tried out', async () => {
    const { id } = await subscribe();
    expect((await app.call('POST', `/v1/webhooks/${id}/test`)).body).toEqual({ ok: true });
    expect(receiver.requests).toMatchObject([{ genuine: true, payload: { type: 'webhook.test', data: {} } }]);
    receiver.script('status404');
    expect((await app.call('POST', `/v1/webhooks/${id}/test`)).body).toEqual({
      ok: false,
      code: 'webhook.refused',
      detail: 'HTTP 404',
    });
    expect(await listed(id)).toEqual([]);
  });

  it('tell what happened, signed as the reference library expects', async () => {
    const { id, secret } = await subscribe();
    await announce('dlv_1');
    const message = await settled(id, 'delivered');
    const [call] = receiver.requests as [ReceivedWebhook];
    const payload = new Webhook(secret).verify(call.body, call.headers as Record<string, string>);
    expect(payload).toMatchObject({ type: 'delivery.dead', data: { deliveryId: 'dlv_1' } });
    expect(message).toMatchObject({ webhookId: call.id, payload, attempts: [{ outcome: 'accepted' }] });
    const stranger = await platform.createApp();
    await announce('dlv_2', stranger);
    expect(await listed(id)).toHaveLength(1);
  });

  it('list their messages page by page and by state, and send one again under its id', async () => {
    const { id } = await subscribe();
    for (const delivery of ['dlv_1', 'dlv_2', 'dlv_3']) await announce(delivery);
    await receiver.received(3);
    await eventually(async () => (await listed(id, '?state=delivered')).length === 3);
    expect(await listed(id, '?state=dead')).toEqual([]);
    const page = await app.call<{ nextCursor: string }>('GET', `/v1/webhooks/${id}/messages?limit=2`);
    const rest = await listed(id, `?limit=2&cursor=${page.body.nextCursor}`);
    expect(rest.map(({ payload }) => payload)).toMatchObject([{ data: { deliveryId: 'dlv_1' } }]);

    const [first] = rest as [MessageReply];
    const path = `/v1/webhooks/${id}/messages/${first.id}`;
    expect((await app.call('POST', `${path}/resend`)).status).toBe(200);
    await receiver.received(4);
    expect(receiver.counters.repeated).toBe(1);
    expect(receiver.requests.at(-1)).toMatchObject({ id: first.webhookId, genuine: true });
    const again = await eventually(async () => {
      const { body } = await app.call<MessageReply>('GET', path);
      return body.state === 'delivered' && body;
    });
    expect(again.attempts).toHaveLength(2);
  });

  it('are disabled by 410, and deliver what has been waiting once they are enabled', async () => {
    const { id } = await subscribe();
    receiver.script('status410');
    await announce('dlv_1');
    await eventually(async () => (await app.call<WebhookReply>('GET', `/v1/webhooks/${id}`)).body.state === 'disabled');
    const [message] = (await listed(id)) as [MessageReply];
    expect(message).toMatchObject({ state: 'waiting', attempts: [{ vendorCode: 'HTTP 410' }] });
    const resent = await app.call<ProblemReply>('POST', `/v1/webhooks/${id}/messages/${message.id}/resend`);
    expect([resent.status, resent.body.code]).toEqual([409, 'webhook.disabled']);
    const { body } = await app.call<WebhookReply>('POST', `/v1/webhooks/${id}/enable`);
    expect(body).toMatchObject({ state: 'active', stateReason: null });
    expect((await settled(id, 'delivered')).webhookId).toBe(message.webhookId);
  });
});
