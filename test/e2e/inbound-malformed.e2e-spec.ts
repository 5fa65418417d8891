import {
  type Callback,
  echatPush,
  echatSamples,
  kf5Chat,
  kf5Samples,
  nimCopy,
  nimMessage,
  rongCloudCallback,
  rongCloudSamples,
  sendCallback,
  udeskMessages,
  udeskSamples,
  udeskText,
} from '@bellhop/simulators';
import { publicId } from '../../src/platform/ids.js';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { rawRequest } from '../support/raw-http.js';
import { Shop } from '../support/shop.js';

const APP = { appKey: 'app-key', appSecret: 'app-secret' };
const ECHAT = { token: 'echat-token' };
const NOW = (): { now: Date } => ({ now: new Date() });

const post = (body: string): Callback => ({ method: 'POST', path: '', query: {}, headers: {}, body });
const json = (value: unknown): Callback => post(JSON.stringify(value));

/** What the printed samples and the sheets know of bodies that break their own grammar: [plugin, case, callback, states]. */
const BODIES: readonly [plugin: string, name: string, callback: () => Callback, status: number, states: string[]][] = [
  ['kf5', 'a legacy ticket', () => kf5Samples.legacyTicket, 200, ['routed']],
  ['kf5', 'a legacy chat', () => kf5Samples.legacyChat, 200, ['routed']],
  ['kf5', 'nobody to tell', () => kf5Samples.withoutRecipient, 200, ['ignored']],
  ['kf5', 'two things at once', () => kf5Samples.ambiguous, 200, ['quarantined']],
  ['kf5', 'a missing comma', () => kf5Samples.missingComma, 200, ['quarantined']],
  ['kf5', 'a form', () => kf5Samples.form, 200, ['quarantined']],
  ['kf5', 'nothing', () => post(''), 200, ['quarantined']],
  ['kf5', 'null', () => json(null), 200, ['quarantined']],
  ['udesk', 'trailing commas', () => udeskSamples.trailingCommas, 200, ['ignored']],
  ['udesk', 'a missing comma', () => udeskSamples.missingComma, 200, ['quarantined']],
  ['udesk', 'comments', () => udeskSamples.comments, 200, ['quarantined']],
  ['udesk', 'a survey that is none', () => udeskSamples.surveyPlaceholder, 200, ['ignored']],
  ['udesk', 'no messages', () => json({ web_token: 'u' }), 200, ['quarantined']],
  ['echat', 'the printed reply', () => echatPush(ECHAT, 'msgReply', echatSamples.msgReply, NOW()), 200, ['ignored']],
  ['echat', 'the printed outreach', () => echatPush(ECHAT, 'msgSend', echatSamples.msgSend, NOW()), 200, ['ignored']],
  ['echat', 'the printed chat', () => echatPush(ECHAT, 'chatSend', echatSamples.chatSend, NOW()), 200, ['ignored']],
  ['echat', 'an unknown push', () => echatPush(ECHAT, 'newKind', '<xml></xml>', NOW()), 200, ['ignored']],
  [
    'echat',
    'an entity',
    () => echatPush(ECHAT, 'chatSend', '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml>&a;</xml>', NOW()),
    200,
    ['quarantined'],
  ],
  [
    'rongcloud',
    'the printed route',
    () => rongCloudCallback(APP, 'application/x-www-form-urlencoded', rongCloudSamples.messageRoute, NOW()),
    200,
    ['ignored'],
  ],
  ['rongcloud', 'an empty form', () => rongCloudCallback(APP, 'text/plain', '', NOW()), 200, ['quarantined']],
  ['rongcloud', 'half a list', () => rongCloudCallback(APP, 'application/json', '[{', NOW()), 200, ['quarantined']],
  ['nim', 'an unknown event', () => nimCopy(APP, { eventType: '99' }, NOW()), 200, ['ignored']],
  ['nim', 'missing fields', () => nimCopy(APP, { eventType: '1', convType: 'PERSON' }, NOW()), 400, ['quarantined']],
  ['nim', 'a list', () => nimCopy(APP, [], NOW()), 400, ['quarantined']],
];

const CONFIGS: Readonly<Record<string, Record<string, unknown>>> = { echat: ECHAT, rongcloud: APP, nim: APP };

describe('callbacks that cannot be used as they are', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let shop: Shop;

  beforeAll(async () => {
    gateways = await startGateways();
    platform = await TestPlatform.start();
  });
  afterAll(async () => {
    await platform?.stop();
    await gateways?.close();
  });
  beforeEach(async () => {
    shop = await Shop.open(platform, gateways);
  });

  const rawBodies = async (): Promise<string[]> =>
    (await shop.query<{ body: Buffer }>('SELECT body FROM inbound_raw WHERE app_id = $1')).map(({ body }) =>
      body.toString('latin1'),
    );

  it.each(BODIES)('%s: %s is kept and answered as the vendor expects', async (plugin, _name, make, status, states) => {
    const { inboundUrl } = await shop.vendor(plugin, CONFIGS[plugin]);
    const callback = make();
    const reply = await sendCallback(inboundUrl, callback);
    expect(reply.status).toBe(status);
    await shop.settled();
    const events = await shop.events();
    expect(events.map(({ state }) => state)).toEqual(states);
    for (const { state, reason } of events) if (state !== 'routed') expect(reason).toMatch(/^[a-z_.0-9]+$/);
    expect(await rawBodies()).toEqual([Buffer.from(callback.body).toString('latin1')]);
    // The vendor sends it again, and it is known.
    expect((await sendCallback(inboundUrl, callback)).status).toBe(status);
    await shop.settled();
    expect(await shop.events()).toHaveLength(events.length);
  });

  describe('characters that no database takes', () => {
    it.each([
      ['NUL in a text', 'a\0b'],
      ['half a surrogate pair', 'a\ud83db'],
      ['both', '\0\udc00\0'],
    ])('%s reaches the phone, replaced', async (_name, text) => {
      const phones = await shop.person('user_1');
      const { inboundUrl, publicId: id } = await shop.vendor('kf5');
      await shop.link('user_1', id, 'kf5.user_id', '7');
      // JSON.stringify writes half a pair as an escape, which is how it travels.
      await shop.deliver(inboundUrl, kf5Chat({ userId: 7, text, devices: [] }));
      expect((await shop.events()).map(({ state }) => state)).toEqual(['routed']);
      expect(shop.pushes(phones)).toEqual([1, 1]);
      expect(shop.alerts(phones)[0]?.body).toMatch(/\uFFFD/);
    });

    it.each([
      [
        'NUL in an id',
        () => json({ user: { user_id: '7\0' }, notification: { ticket_id: '1\0\ud800', type: 'ticket' } }),
      ],
      ['NUL in a token', () => kf5Chat({ userId: 7, text: 'x', devices: [{ token: 'a\0\ud800', platform: 'ios' }] })],
      [
        'NUL in a conversation',
        () => json({ web_token: '\0', messages: [{ type: 'message', im_sub_session_id: '\0' }] }),
      ],
      [
        'a year that never was',
        () => json({ web_token: 'u', messages: [{ type: 'message', message_created_at: '0000-01-01 00:00:00' }] }),
      ],
    ])('%s never costs a callback', async (name, make) => {
      const { inboundUrl } = await shop.vendor(/conversation|year/.test(name) ? 'udesk' : 'kf5');
      const callback = make();
      expect((await sendCallback(inboundUrl, callback)).status).toBe(200);
      await shop.settled();
      const events = await shop.events();
      expect(events).toHaveLength(1);
      expect(['routed', 'ignored', 'quarantined']).toContain(events[0]?.state);
      expect(await rawBodies()).toEqual([callback.body]);
    });

    it('bytes that are no text are kept as they are', async () => {
      const { inboundUrl } = await shop.vendor('kf5');
      const body = Buffer.from([0x7b, 0x00, 0xff, 0xfe, 0xed, 0xa0, 0x80, 0x7d]);
      expect((await rawRequest(`${inboundUrl}/p%00ath?q=%00%ED%A0%80&%00=1`, { body })).status).toBe(200);
      await shop.settled();
      expect((await shop.events()).map(({ state }) => state)).toEqual(['quarantined']);
      expect(await rawBodies()).toEqual([body.toString('latin1')]);
    });
  });

  it('a body that the database refuses never fails its neighbours, and works once it is taken', async () => {
    const phones = await shop.person('user_1');
    const { inboundUrl, publicId: id } = await shop.vendor('udesk');
    await shop.link('user_1', id, 'udesk.web_token', 'web_1');
    const say = (text: string) =>
      sendCallback(inboundUrl, udeskMessages({ webToken: 'web_1', pluginId: 1, messages: [udeskText(text)] }));
    await platform.sql.query(
      `ALTER TABLE inbound_event ADD CONSTRAINT refused CHECK (event::text IS NULL OR event::text NOT LIKE '%poison%')`,
    );
    try {
      const texts = Array.from({ length: 50 }, (_, i) => (i === 23 ? 'poison' : `text ${i}`));
      const replies = await Promise.all(texts.map(say));
      expect(replies.map(({ status }) => status)).toEqual(Array(50).fill(200));
      await shop.settled();
      const byState = Map.groupBy(await shop.events(), ({ state }) => state);
      expect([byState.get('routed')?.length, byState.get('quarantined')?.length]).toEqual([49, 1]);
      expect(byState.get('quarantined')?.[0]?.reason).toBe('store.refused');
      expect(shop.pushes(phones)).toEqual([49, 49]);
    } finally {
      await platform.sql.query('ALTER TABLE inbound_event DROP CONSTRAINT refused');
    }
    const refused = (await shop.events()).find(({ state }) => state === 'quarantined');
    const replay = await shop.app.call('POST', `/v1/events/${publicId('evt', refused?.id ?? '')}/replay`);
    expect(replay.status).toBe(202);
    await shop.settled();
    expect(shop.alerts(phones).at(-1)?.body).toBe('poison');
    expect(shop.pushes(phones)).toEqual([50, 50]);
  });

  it('an event that cannot be routed fails alone, and the rest of its conversation is pushed', async () => {
    const phones = await shop.person('user_1');
    const { inboundUrl } = await shop.vendor('nim', APP);
    await platform.sql.query(
      `CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN
         IF NEW.event::text LIKE '%spoilt%' THEN NEW.event = '{}'; END IF;
         RETURN NEW;
       END $$`,
    );
    await platform.sql.query(
      `CREATE TRIGGER spoil BEFORE INSERT ON inbound_event FOR EACH ROW EXECUTE FUNCTION spoil()`,
    );
    try {
      const say = (body: string) => nimMessage(APP, { fromAccount: 'zhangsan', to: 'user_1', body }, NOW());
      await Promise.all(['one', 'spoilt', 'two', 'three'].map((text) => shop.post(inboundUrl, say(text))));
      await shop.settled();
    } finally {
      await platform.sql.query('DROP FUNCTION spoil CASCADE');
    }
    const states = (await shop.events()).map(({ state, reason }) => (reason ? `${state}(${reason})` : state));
    expect(states.toSorted()).toEqual(['failed(routing.error)', 'routed', 'routed', 'routed']);
    expect(shop.pushes(phones)).toEqual([3, 3]);
  });

  it('of an event that cannot be replayed it is said why', async () => {
    const { inboundUrl } = await shop.vendor('kf5');
    await shop.deliver(inboundUrl, kf5Samples.missingComma);
    const [event] = await shop.events();
    const { status, body } = await shop.app.call('POST', `/v1/events/${publicId('evt', event?.id ?? '')}/replay`);
    expect([status, body['code']]).toEqual([422, 'event.still_unreadable']);
  });
});
