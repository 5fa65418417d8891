import { startUdeskSimulator, udeskClose, udeskMessages, type UdeskSimulator } from '@bellhop/simulators';
import { type ApiReply, type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { type Refused, refusalOf, SharedClock } from '../support/delegated.js';
import { Shop } from '../support/shop.js';

// What apps ask of Udesk through our API: links to the chat page, the push switch, ratings. Udesk takes 60 calls a minute.

const START = '2026-01-15T08:00:00Z';
const PLUGIN_ID = 42;
const DAY_MS = 86_400_000;

describe('calls to Udesk', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let vendor: UdeskSimulator;
  let clock: SharedClock;
  let shop: Shop;
  let udesk: Awaited<ReturnType<Shop['vendor']>>;

  beforeAll(async () => {
    gateways = await startGateways();
    platform = await TestPlatform.start({ egressAllow: ['127.0.0.1:*'] });
    clock = new SharedClock(platform, START);
    vendor = await startUdeskSimulator({ now: () => clock.now().getTime() });
  });
  afterAll(async () => {
    await platform?.stop();
    await vendor?.close();
    await gateways?.close();
  });
  beforeEach(async () => {
    clock.moveTo(START);
    vendor.reset();
    shop = await Shop.open(platform, gateways);
    udesk = await shop.vendor('udesk', {
      baseUrl: vendor.url,
      ...vendor.account,
      imWebPluginId: PLUGIN_ID,
      imUserKey: 'key-of-the-web-plugin',
    });
  });

  const act = <T extends object>(action: string, input: object): Promise<ApiReply<{ data: T } & Refused>> =>
    shop.app.call('POST', `/v1/integrations/${udesk.publicId}/actions/${action}`, { input });
  const link = (token: string) => act<{ link: string; signed: boolean; pushing: boolean }>('h5-link', { token });
  const turn = (on: boolean) =>
    shop.app.call<{ identities: object[] } & Refused>('PUT', `/v1/users/ann/push-switch/${udesk.publicId}`, { on });
  const pass = (ms: number) => clock.moveTo(new Date(clock.now().getTime() + ms));
  const status = () => act('customer-status', { token: 'nobody' });

  it('issue signed links to the chat page, and switch pushing on once a day', async () => {
    const customer = vendor.addCustomer({ web_token: 'user_1' });
    const { status: code, body } = await link('user_1');
    expect([code, body.data]).toMatchObject([200, { signed: true, pushing: true }]);
    const { origin, pathname, searchParams } = new URL(body.data.link);
    expect([origin, pathname]).toEqual([vendor.url, '/im_client/']);
    expect(Object.fromEntries(searchParams)).toMatchObject({
      web_plugin_id: String(PLUGIN_ID),
      h5push: 'true',
      web_token: 'user_1',
      signature: expect.stringMatching(/^[0-9A-F]{40}$/) as string,
    });
    expect(customer.pushing).toBe(true);
    expect(vendor.requests).toMatchObject([
      { path: 'im/h5push', body: { web_token: 'user_1', im_web_plugin_id: PLUGIN_ID, h5push: true } },
    ]);
    expect((await link('user_1')).body.data.pushing).toBe(true);
    expect(vendor.counters.requests).toBe(1);
    pass(DAY_MS);
    await link('user_1');
    expect(vendor.counters.requests).toBe(2);
  });

  it('switch pushing on and off for everybody who is linked', async () => {
    const customer = vendor.addCustomer({ web_token: 'user_1' });
    expect(refusalOf(await turn(true))).toEqual([422, 'identity.unknown']);
    await shop.link('ann', udesk.publicId, 'udesk.web_token', 'user_1');
    expect((await turn(true)).body.identities).toEqual([{ kind: 'udesk.web_token', value: 'user_1', accepted: true }]);
    expect(customer.pushing).toBe(true);
    pass(1_000);
    expect([(await turn(false)).status, customer.pushing]).toEqual([200, false]);
    // Each call is signed anew: Udesk takes no nonce twice.
    expect(new Set(vendor.requests.map(({ query }) => query.nonce)).size).toBe(2);
    expect(new Set(vendor.requests.map(({ query }) => query.sign_version))).toEqual(new Set(['v2']));
  });

  it('say when Udesk does not know the customer', async () => {
    await shop.link('ann', udesk.publicId, 'udesk.web_token', 'stranger');
    expect(refusalOf(await turn(true))).toEqual([422, 'customer.invalid']);
  });

  it('pass on the rating that a closed conversation asked for', async () => {
    await shop.link('ann', udesk.publicId, 'udesk.web_token', 'user_1');
    const phones = await shop.person('ann');
    const closing = udeskClose({ conversationId: 3_001, survey: true, at: clock.now() });
    await shop.deliver(
      udesk.inboundUrl,
      udeskMessages({ webToken: 'user_1', pluginId: PLUGIN_ID, messages: [closing] }),
    );
    expect(shop.payload(phones).deepLink).toBe('shop://support/udesk/survey?conversation=3001');
    vendor.closeConversation(3_001, [36]);
    const answer = { conversationId: '3001', optionId: 36, remark: '很好' };
    const reply = await act('survey-answer', answer);
    expect([reply.status, reply.body.data]).toEqual([200, {}]);
    expect(vendor.surveys).toEqual([{ conversation: 3_001, option: 36, remark: '很好' }]);
    pass(1_000);
    expect(refusalOf(await act('survey-answer', { ...answer, conversationId: '9' }))).toEqual([
      422,
      'conversation.closed',
    ]);
    expect(refusalOf(await act('survey-answer', { ...answer, optionId: 'good' }))).toEqual([
      400,
      'request.invalid',
      '/input/optionId',
    ]);
  });

  it('are 60 a minute, and tell when the next one may be made', async () => {
    const statuses = new Map<number, number>();
    for (let call = 0; call < 120; call++) {
      const reply = await status();
      statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1);
      if (reply.status === 429) {
        expect(refusalOf(reply)).toEqual([429, 'rate.no_slot']);
        expect(reply.headers.get('retry-after')).toBe('1');
        expect(reply.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      }
      pass(500);
    }
    expect(Object.fromEntries(statuses)).toEqual({ 200: 60, 429: 60 });
    expect(vendor.counters).toEqual({ requests: 60, answers: { '200 1000': 60 } });
  });

  it('wait as long as Udesk itself says', async () => {
    vendor.script('im/customer_status', [{ status: 429, headers: { 'retry-after': '17' }, body: 'Retry later' }]);
    const reply = await status();
    expect([...refusalOf(reply), reply.headers.get('retry-after')]).toEqual([429, 'rate.exceeded', '17']);
  });

  it('tell a rating whose fate is unknown from one that was refused', async () => {
    vendor.script('im/sessions/survey', ['drop']);
    const reply = await act('survey-answer', { conversationId: '3001', optionId: 36 });
    expect(refusalOf(reply)).toEqual([502, 'network.no_answer']);
    expect(vendor.counters.requests).toBe(1);
  });

  it('go to no private address unless it is allowed', async () => {
    const guarded = await TestPlatform.start({ role: 'api' });
    const app = await guarded.createApp();
    const config = { baseUrl: vendor.url, ...vendor.account, imWebPluginId: PLUGIN_ID };
    const { publicId } = await app.integrate({ plugin: 'udesk', name: 'Udesk', config });
    const path = `/v1/integrations/${publicId}/actions/customer-status`;
    expect(refusalOf(await app.call<Refused>('POST', path, { input: { token: 'nobody' } }))).toEqual([
      409,
      'egress.refused',
    ]);
    expect(vendor.counters.requests).toBe(0);
    await guarded.stop();
  });
});
