import { EgressRefusedError, readConfig, type SendItem } from '@bellhop/contracts';
import { type ChannelStub, describeChannel, testContext } from '@bellhop/contracts/testing';
import { startWebhookReceiver, type WebhookReceiver } from '@bellhop/simulators';
import { Webhook } from 'standardwebhooks';
import { WebhookChannel } from './webhook.channel.js';
import { WebhookConfig } from './webhook.manifest.js';

const SECRET = 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=';
const OLD_SECRET = 'whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=';
const NEVER = new AbortController().signal;

let receiver: WebhookReceiver;
let sequence = 0;

const configFor = (more: object = {}): WebhookConfig =>
  readConfig(WebhookConfig, { url: receiver.url, secret: SECRET, ...more });

function anItem(userId = 'u-1001'): SendItem {
  const message = { title: '客服', body: '您好', extras: { a: 'b' }, priority: 'high' as const };
  return {
    id: `0190b7a0-0000-7000-8000-${String(++sequence).padStart(12, '0')}`,
    message: { ...message, expiresAt: new Date('2026-11-21T00:00:00Z') },
    target: { kind: 'vendorUser', userId },
    receipt: 'r'.repeat(64),
  };
}

/** The receiver; a new one after `stop`. */
const stub: ChannelStub = {
  start: async () => {
    receiver = await startWebhookReceiver({ secrets: [SECRET] });
  },
  stop: () => receiver.close(),
  hold: () => {
    const before = receiver.counters.requests;
    receiver.hold();
    return { arrived: () => receiver.received(before + 1), release: () => receiver.release() };
  },
};

describeChannel(new WebhookChannel(), {
  config: configFor,
  cases: [
    { item: anItem('u-ok'), outcome: 'accepted' },
    { item: anItem('u-status400'), outcome: 'transient' },
    { item: anItem('u-status410'), outcome: 'misconfigured' },
    { item: anItem('u-busy'), outcome: 'throttled' },
    { item: anItem('u-redirect'), outcome: 'rejected' },
    { item: anItem('u-drop'), outcome: 'transient' },
    { item: anItem('u-huge'), outcome: 'accepted' },
    { item: anItem('u-1001'), outcome: 'accepted' },
  ],
  stub,
});

describe('the webhook channel', () => {
  beforeEach(() => stub.start());
  afterEach(() => stub.stop());

  const open = (more: object = {}, context = testContext()) => new WebhookChannel().open(configFor(more), context);

  it('posts what the reference library verifies on the raw body', async () => {
    const client = await open();
    const item = anItem();
    expect(await client.sender?.send([item], NEVER)).toEqual([{ kind: 'accepted' }]);
    const [call] = receiver.requests;
    expect(new Webhook(SECRET).verify(call?.body ?? '', call?.headers as Record<string, string>)).toMatchObject({
      type: 'notification.requested',
      timestamp: new Date(0x0190b7a00000).toISOString(),
      data: { userId: 'u-1001', title: '客服', receipt: item.receipt },
    });
    expect(call?.headers).toMatchObject({ 'content-type': 'application/json' });
    expect(call?.body).toBe(JSON.stringify(call?.payload));
  });

  it('sends what inspect showed', async () => {
    const item = anItem();
    const { rendered } = new WebhookChannel().inspect(item);
    await (await open()).sender?.send([item], NEVER);
    const [call] = receiver.requests;
    expect([rendered?.payload, rendered?.bytes]).toEqual([call?.payload, Buffer.byteLength(call?.body ?? '')]);
    expect(call?.headers).toMatchObject(rendered?.headers ?? {});
  });

  it('keeps id and body when it tries again, and dates the attempt', async () => {
    let now = new Date('2026-11-20T08:00:00Z');
    await receiver.close();
    receiver = await startWebhookReceiver({ secrets: [SECRET], now: () => now });
    const client = await open({}, testContext({ now: () => now }));
    const item = anItem('u-fail1');
    expect(await client.sender?.send([item], NEVER)).toMatchObject([{ kind: 'transient', vendorCode: 'HTTP 500' }]);
    now = new Date('2026-11-20T08:05:00Z');
    expect(await client.sender?.send([item], NEVER)).toEqual([{ kind: 'accepted' }]);
    const [first, second] = receiver.requests;
    expect([second?.id, second?.body, second?.earlier]).toEqual([first?.id, first?.body, 1]);
    expect(first?.id).toBe(`msg_${item.id.replaceAll('-', '')}`);
    expect(first?.headers['webhook-timestamp']).toBe('1795161600');
    expect(second?.headers['webhook-timestamp']).toBe('1795161900');
  });

  it('is believed by receivers with the old secret and with the new one while it is being changed', async () => {
    const client = await open({ previousSecret: OLD_SECRET });
    receiver.distrust(SECRET);
    receiver.trust(OLD_SECRET);
    expect(await client.sender?.send([anItem()], NEVER)).toEqual([{ kind: 'accepted' }]);
    receiver.distrust(OLD_SECRET);
    receiver.trust(SECRET);
    expect(await client.sender?.send([anItem()], NEVER)).toEqual([{ kind: 'accepted' }]);
    const { headers, body = '' } = receiver.requests[0] ?? {};
    for (const secret of [SECRET, OLD_SECRET]) new Webhook(secret).verify(body, headers as Record<string, string>);
    expect(headers?.['webhook-signature']).toMatch(/^v1,\S+ v1,\S+$/);
  });

  it('makes ten calls at a time', async () => {
    const client = await open();
    receiver.hold();
    const items = Array.from({ length: 30 }, () => anItem());
    const sending = Promise.all([
      client.sender?.send(items.slice(0, 15), NEVER),
      client.sender?.send(items.slice(15), NEVER),
    ]);
    await receiver.received(10);
    receiver.release();
    expect((await sending).flat()).toEqual(items.map(() => ({ kind: 'accepted' })));
    expect(receiver.counters).toMatchObject({ requests: 30, mostAtOnce: 10, repeated: 0 });
  });

  it('waits as long as the receiver asks', async () => {
    const client = await open();
    expect(await client.sender?.send([anItem('u-busy7')], NEVER)).toEqual([
      { kind: 'throttled', scope: 'channel', reason: 'webhook.busy', vendorCode: 'HTTP 429', retryAfterMs: 7_000 },
    ]);
  });

  it('says which address the egress refuses', async () => {
    const egress = {
      call: () => Promise.reject(new EgressRefusedError('must start with https://')),
      refusal: () => 'no',
    };
    const client = await open({}, testContext({ egress }));
    const refused = { reason: 'egress.refused', field: 'url', detail: 'must start with https://' };
    expect(await client.sender?.send([anItem()], NEVER)).toEqual([{ kind: 'misconfigured', ...refused }]);
    expect(await client.check(NEVER)).toEqual({
      ok: false,
      code: 'egress.refused',
      detail: refused.detail,
      field: 'url',
    });
  });

  it('reaches people only', async () => {
    const client = await open();
    const everyone = { kind: 'audience', audience: { kind: 'everyone', platforms: ['ios'] } } as const;
    expect(await client.sender?.send([{ ...anItem(), target: everyone }], NEVER)).toEqual([
      { kind: 'rejected', reason: 'target.unsupported' },
    ]);
    expect(new WebhookChannel().inspect({ ...anItem(), target: everyone })).toEqual({
      issues: [{ field: '/audience', message: 'must be people' }],
      warnings: [],
    });
    expect(receiver.counters.requests).toBe(0);
  });

  it('is checked with an event that concerns nobody', async () => {
    const client = await open();
    expect(await client.check(NEVER)).toMatchObject({ ok: true });
    expect(receiver.requests[0]).toMatchObject({ genuine: true, payload: { type: 'webhook.test', data: {} } });
    receiver.distrust(SECRET);
    receiver.trust(OLD_SECRET);
    expect(await client.check(NEVER)).toEqual({
      ok: false,
      code: 'webhook.refused',
      detail: 'HTTP 401',
      field: 'secret',
    });
    await client.close();
    expect(await client.check(NEVER)).toMatchObject({ ok: false, code: 'channel.closed' });
    expect(await client.sender?.send([anItem()], NEVER)).toEqual([{ kind: 'transient', reason: 'channel.closed' }]);
  });
});
