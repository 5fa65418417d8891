import { echatReply, kf5Ticket, nimMessage, type NimMessage, udeskClose, udeskMessages } from '@bellhop/simulators';
import { TemplatesModule } from '../../src/core/templates/templates.module.js';
import { TemplatesService } from '../../src/core/templates/templates.service.js';
import { Clock } from '../../src/platform/clock.js';
import { newId, publicId } from '../../src/platform/ids.js';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { AcmeModule } from '../support/example-vendor/index.js';
import { type RestApp, startRestApp } from '../support/rest-app.js';
import { freshApnsToken, freshFcmToken, type Phones, Shop } from '../support/shop.js';

interface TemplateReply {
  readonly id: string;
  readonly code: string;
  readonly errors: readonly { readonly field: string; readonly message: string }[];
}
interface PreviewReply extends Omit<TemplateReply, 'id'> {
  readonly title: string | null;
  readonly body: string | null;
  readonly missing: readonly string[];
  readonly unusedBecause: string | null;
}

const ENGLISH = { kind: 'conversation.message', locale: 'en', body: 'News from {{sender.name}}' };

describe('templates', () => {
  let rest: RestApp;
  let key: string;
  let appId: string;

  beforeAll(async () => {
    rest = await startRestApp(AcmeModule, TemplatesModule);
  });
  afterAll(() => rest?.close());
  beforeEach(async () => {
    const seeded = await rest.seed('admin');
    key = seeded.key;
    appId = seeded.app.id;
  });

  const post = (body: object) => rest.call<TemplateReply>('POST', '/v1/templates', { key, body });
  const put = (id: string, body: object) => rest.call<TemplateReply>('PUT', `/v1/templates/${id}`, { key, body });
  const preview = (body: object) => rest.call<PreviewReply>('POST', '/v1/templates/preview', { key, body });
  const rows = () => rest.dataSource.query<object[]>('SELECT * FROM copy_template WHERE app_id = $1', [appId]);
  const bodiesForEvents = async (): Promise<unknown[]> =>
    (await rest.get(TemplatesService).forEvents(appId)).map(({ body }) => body);

  it('are created, looked at, replaced and removed', async () => {
    const created = await post({ ...ENGLISH, messageType: 'text', title: '{{app.name}}' });
    expect([created.status, created.body]).toEqual([
      201,
      {
        ...ENGLISH,
        id: expect.stringMatching(/^tpl_[0-9a-f]{32}$/),
        messageType: 'text',
        title: '{{app.name}}',
        createdAt: expect.any(String),
        updatedAt: expect.any(String),
      },
    ]);
    const path = `/v1/templates/${created.body.id}`;
    expect((await rest.call('GET', path, { key })).body).toEqual(created.body);
    const replaced = await put(created.body.id, { ...ENGLISH, locale: 'en-GB' });
    expect([replaced.status, replaced.body]).toMatchObject([200, { locale: 'en-GB', messageType: null, title: null }]);
    expect((await rest.call('GET', path, { key })).body).toEqual(replaced.body);
    expect((await rest.call('DELETE', path, { key })).status).toBe(204);
    expect((await rest.call('DELETE', path, { key })).status).toBe(404);
    expect((await rest.call('GET', path, { key })).status).toBe(404);
    expect((await put(created.body.id, ENGLISH)).status).toBe(404);
    expect(await rows()).toEqual([]);
  });

  it('exist once per kind, message type and locale', async () => {
    const first = await post(ENGLISH);
    const others = [
      { ...ENGLISH, messageType: 'text' },
      { ...ENGLISH, locale: 'en-GB' },
    ];
    for (const other of others) expect((await post(other)).status).toBe(201);
    for (const twin of [ENGLISH, ...others]) {
      const { status, body } = await post({ ...twin, body: 'Another' });
      expect([status, body.code]).toEqual([409, 'template.exists']);
    }
    expect((await put(first.body.id, { ...ENGLISH, messageType: 'text' })).body.code).toBe('template.exists');
    expect((await put(first.body.id, { ...ENGLISH, body: 'Another' })).status).toBe(200);
    expect(await rows()).toHaveLength(3);
    const replies = await Promise.all(Array.from({ length: 20 }, () => post({ ...ENGLISH, locale: 'fr' })));
    expect(Map.groupBy(replies, ({ status }) => status).get(409)).toHaveLength(19);
  });

  it('belong to their app', async () => {
    const { body } = await post(ENGLISH);
    const stranger = await rest.seed('admin');
    for (const method of ['GET', 'DELETE'])
      expect((await rest.call(method, `/v1/templates/${body.id}`, { key: stranger.key })).status).toBe(404);
    expect((await rest.call('POST', '/v1/templates', { key: stranger.key, body: ENGLISH })).status).toBe(201);
    const list = await rest.call<{ data: TemplateReply[] }>('GET', '/v1/templates', { key: stranger.key });
    expect(list.body.data.map(({ id }) => id)).not.toContain(body.id);
  });

  it('are listed by pages, newest first', async () => {
    for (const locale of ['a', 'b', 'c', 'd', 'e']) await post({ ...ENGLISH, locale });
    type Page = { data: { locale: string }[]; nextCursor: string | null };
    const first = await rest.call<Page>('GET', '/v1/templates?limit=3', { key });
    expect(first.body.data.map(({ locale }) => locale)).toEqual(['e', 'd', 'c']);
    const rest2 = await rest.call<Page>('GET', `/v1/templates?limit=3&cursor=${first.body.nextCursor}`, { key });
    expect([rest2.body.data.map(({ locale }) => locale), rest2.body.nextCursor]).toEqual([['b', 'a'], null]);
  });

  it('are written with the scope admin, and looked at with read', async () => {
    const reader = await rest.seed('send');
    for (const [method, path] of [
      ['POST', '/v1/templates'],
      ['PUT', '/v1/templates/tpl_1'],
      ['DELETE', '/v1/templates/tpl_1'],
    ] as const)
      expect((await rest.call(method, path, { key: reader.key, body: ENGLISH })).status).toBe(403);
    expect((await rest.call('GET', '/v1/templates', { key: reader.key })).status).toBe(200);
    expect((await rest.call('POST', '/v1/templates/preview', { key: reader.key, body: ENGLISH })).status).toBe(200);
  });

  describe('are refused, with nothing stored', () => {
    it.each<[object, fields: string[]]>([
      [{ kind: 'conversation.massage' }, ['/kind']],
      [{ kind: 'push.requested' }, ['/kind']],
      [{ kind: 'kf5.own_kind' }, ['/kind']],
      [{ kind: 'ticket.replied', messageType: 'text', body: '{{ticket.id}}' }, ['/messageType']],
      [{ body: '{{ticket.id}}' }, ['/body']],
      [{ body: '{{#sender.name}}x{{/sender.name}}' }, ['/body']],
      [{ body: '{{>partial}}' }, ['/body']],
      [{ body: '{{!comment}}' }, ['/body']],
      [{ body: '{{{sender.name}}}' }, ['/body']],
      [{ body: '{{=<% %>=}}' }, ['/body']],
      [{ body: '{{sender.name' }, ['/body']],
      [{ body: ' ' }, ['/body']],
      [{ body: '{{constructor}}' }, ['/body']],
      [
        { title: '{{sender.nmae}}', body: '{{>x}}', messageType: 'text', kind: 'staff.outreach' },
        ['/messageType', '/title', '/body'],
      ],
    ])('422 %j', async (more, fields) => {
      for (const send of [post, preview]) {
        const { status, body } = await send({ ...ENGLISH, ...more });
        expect([status, body.code, body.errors.map(({ field }) => field)]).toEqual([422, 'template.invalid', fields]);
      }
      expect(await rows()).toEqual([]);
    });

    it.each<[object, field: string]>([
      [{ kind: undefined }, '/kind'],
      [{ kind: 7 }, '/kind'],
      [{ locale: undefined }, '/locale'],
      [{ locale: '' }, '/locale'],
      [{ locale: 'x'.repeat(65) }, '/locale'],
      [{ locale: 'a\nb' }, '/locale'],
      [{ messageType: 'picture' }, '/messageType'],
      [{ messageType: '' }, '/messageType'],
      [{ title: '' }, '/title'],
      [{ title: 'x'.repeat(201) }, '/title'],
      [{ title: 'a\nb' }, '/title'],
      [{ body: undefined }, '/body'],
      [{ body: '' }, '/body'],
      [{ body: 'x'.repeat(1_001) }, '/body'],
      [{ body: ['x'] }, '/body'],
      [{ body: 'a\0b' }, '/body'],
      [{ subtitle: 'x' }, '/subtitle'],
    ])('400 %j', async (more, field) => {
      for (const send of [post, preview]) {
        const { status, body } = await send({ ...ENGLISH, ...more });
        expect([status, ...new Set(body.errors.map((error) => error.field))]).toEqual([400, field]);
      }
      expect(await rows()).toEqual([]);
    });

    it('names the unknown variables and those that there are', async () => {
      const { body } = await post({ kind: 'ticket.replied', locale: 'en', body: '{{ticket.no}}' });
      expect(body.errors[0]?.message).toBe(
        'must not use {{ticket.no}}; known are app.name, count, ticket.id, sender.name, message.text',
      );
    });

    it('beyond a thousand of one app', async () => {
      await rest.dataSource.query(
        `INSERT INTO copy_template (app_id, id, kind, locale, body, created_at, updated_at)
         SELECT $1, gen_random_uuid(), 'staff.outreach', 'l' || n, 'x', now(), now() FROM generate_series(1, 1000) n`,
        [appId],
      );
      expect((await post(ENGLISH)).body.code).toBe('template.too_many');
    });
  });

  it('take texts to their limits, and kinds of plugins', async () => {
    const longest = { title: 'x'.repeat(200), body: 'x'.repeat(1_000), locale: 'l'.repeat(64) };
    expect((await post({ ...ENGLISH, ...longest })).status).toBe(201);
    const own = { kind: 'acme.order_shipped', locale: 'en', body: '{{copy.body}}\n{{attributes.carrier}}' };
    expect((await post(own)).status).toBe(201);
  });

  describe('for events', () => {
    afterEach(() => {
      rest.get(Clock).now = () => new Date();
    });

    it('are at hand at once here, and within two seconds everywhere', async () => {
      const now = new Date();
      rest.get(Clock).now = () => now;
      expect(await bodiesForEvents()).toEqual([]);
      const { body } = await post({ ...ENGLISH, body: 'One' });
      expect(await bodiesForEvents()).toEqual([[{ words: 'One' }]]);
      await put(body.id, { ...ENGLISH, body: 'Two' });
      expect(await bodiesForEvents()).toEqual([[{ words: 'Two' }]]);
      // Another process.
      await rest.dataSource.query(`UPDATE copy_template SET body = '{{count}}' WHERE app_id = $1`, [appId]);
      expect(await bodiesForEvents()).toEqual([[{ words: 'Two' }]]);
      rest.get(Clock).now = () => new Date(now.getTime() + 2_000);
      expect(await bodiesForEvents()).toEqual([[{ variable: 'count' }]]);
      await rest.call('DELETE', `/v1/templates/${body.id}`, { key });
      expect(await bodiesForEvents()).toEqual([]);
    });

    it('leave out what cannot be read', async () => {
      await post({ ...ENGLISH, body: 'One' });
      const { body } = await post({ ...ENGLISH, locale: 'fr', body: 'Un' });
      await rest.dataSource.query(`UPDATE copy_template SET body = '{{#x' WHERE app_id = $1 AND locale = 'fr'`, [
        appId,
      ]);
      rest.get(Clock).now = () => new Date(Date.now() + 5_000);
      expect(body.id).toBeDefined();
      expect(await bodiesForEvents()).toEqual([[{ words: 'One' }]]);
    });
  });

  describe('previews', () => {
    /** An event as it is stored. */
    async function stored(event: { kind: string } | null, app = appId): Promise<string> {
      const ids = [newId(), newId(), newId()];
      await rest.dataSource.query(
        `INSERT INTO integration (app_id, id, plugin, name, config, sealed_secrets, settings, url_secret_hash)
         VALUES ($1, $2, 'acme', 'Test', '{}', '', '{}', '')`,
        [app, ids[0]],
      );
      await rest.dataSource.query(
        `INSERT INTO inbound_event (app_id, id, integration_id, callback_id, position, kind, key, event, state, received_at)
         VALUES ($1, $2::uuid, $3, $4, 0, $5, $2::uuid::text, $6, 'routed', now())`,
        [app, ids[1], ids[0], ids[2], event?.kind ?? null, JSON.stringify(event)],
      );
      return publicId('evt', ids[1] as string);
    }
    const said = {
      kind: 'conversation.message',
      key: 'k',
      recipient: { identities: [], devices: [] },
      sender: { name: 'Bob', role: 'staff' },
      message: { type: 'text', vendorType: 't', text: 'hi' },
      push: { notify: true },
    };

    it.each<[object, object]>([
      [
        { title: '{{app.name}}', body: '{{sender.name}}: {{message.text}}' },
        { title: 'Acme', body: 'Amy: Your parcel is on its way' },
      ],
      [{ body: '{{count}} new' }, { title: null, body: '3 new', missing: [], unusedBecause: null }],
      [
        { messageType: 'image', body: '{{message.text}} {{message.type}}' },
        { body: null, missing: ['message.text'], unusedBecause: 'value_missing' },
      ],
      [{ messageType: 'file', body: '{{attachment.name}}' }, { body: 'offer.pdf' }],
      [
        { messageType: 'custom', body: 'A signal' },
        { body: 'A signal', unusedBecause: null },
      ],
      [{ kind: 'ticket.replied', body: '#{{ticket.id}}' }, { body: '#4711' }],
      [{ kind: 'acme.order_shipped', body: '{{copy.body}}' }, { body: 'A text' }],
      [
        { kind: 'acme.order_shipped', body: '{{attributes.x}}' },
        { body: null, missing: ['attributes.x'] },
      ],
      [
        { title: '{{sender.name}}', body: 'News', hideContent: true },
        { title: null, body: 'News', missing: ['sender.name'], unusedBecause: null },
      ],
      [
        { body: '{{message.text}}', hideContent: true },
        { body: null, unusedBecause: 'value_missing' },
      ],
      [
        { title: 'x'.repeat(61), body: 'y'.repeat(101) },
        { title: `${'x'.repeat(59)}…`, body: `${'y'.repeat(99)}…` },
      ],
    ])('of a sample: %j', async (draft, expected) => {
      const { status, body } = await preview({ ...ENGLISH, ...draft });
      expect([status, body]).toMatchObject([200, expected]);
      expect(await rows()).toEqual([]);
    });

    it.each<[object, object, object]>([
      [{}, {}, { body: 'News from Bob', unusedBecause: null }],
      [{ sender: undefined }, {}, { body: null, missing: ['sender.name'], unusedBecause: 'value_missing' }],
      [{ push: { notify: true, text: 'p' } }, {}, { body: 'News from Bob', unusedBecause: 'explicit_text' }],
      [{ message: { type: 'custom', vendorType: 'c', text: null } }, {}, { unusedBecause: 'no_words' }],
      [{}, { body: '{{count}}' }, { body: '1' }],
    ])('of what has happened: %j %j', async (more, draft, expected) => {
      const eventId = await stored({ ...said, ...more });
      const { status, body } = await preview({ ...ENGLISH, ...draft, eventId });
      expect([status, body]).toMatchObject([200, expected]);
    });

    it('are for events of the kind and type, and of the app', async () => {
      const eventId = await stored(said);
      const ticket = await preview({ kind: 'ticket.replied', locale: 'en', body: 'x', eventId });
      expect([ticket.status, ticket.body.code, ticket.body.errors]).toEqual([
        422,
        'template.event_foreign',
        [{ field: '/eventId', message: 'is of kind conversation.message' }],
      ]);
      const picture = await preview({ ...ENGLISH, messageType: 'image', eventId });
      expect(picture.body.errors).toEqual([{ field: '/eventId', message: 'is a message of type text' }]);
      const stranger = await rest.seed('admin');
      for (const id of [await stored(said, stranger.app.id), await stored(null), publicId('evt', newId()), 'evt_x'])
        expect((await preview({ ...ENGLISH, eventId: id })).status).toBe(404);
    });
  });
});

describe('events', () => {
  const APP = { appKey: 'app-key', appSecret: 'app-secret' };
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

  const save = async (...templates: object[]): Promise<void> => {
    for (const template of templates) expect((await shop.app.call('POST', '/v1/templates', template)).status).toBe(201);
  };
  /** What the iPhone and the Android phone of a person showed. */
  const shown = (phones: Phones) =>
    [shop.alerts(phones), shop.notices(phones)].map(([push]) => [push?.title, push?.body]);

  it('of KF5 show the template in the language of each device', async () => {
    const phones = await shop.person('user_1');
    await save(
      { kind: 'ticket.replied', locale: 'zh', title: '{{app.name}}', body: '工单 {{ticket.id}} 有进展' },
      { kind: 'ticket.replied', locale: 'en', body: 'News on ticket {{ticket.id}}' },
    );
    const { publicId: id, inboundUrl } = await shop.vendor('kf5');
    await shop.link('user_1', id, 'kf5.user_id', '40057');
    await shop.deliver(inboundUrl, kf5Ticket({ userId: 40057, ticketId: '123', devices: [] }));
    expect(shown(phones)).toEqual([
      ['Shop', '工单 123 有进展'],
      ['Ticket updated', 'News on ticket 123'],
    ]);
  });

  describe('of NIM', () => {
    const saying = (more: Partial<NimMessage> = {}) =>
      nimMessage(
        APP,
        { fromAccount: 'zhangsan', fromNick: '张三', to: 'lisi', body: 'hello', ...more },
        { now: new Date() },
      );
    const keyed = async (contentKey?: string): Promise<Phones> => {
      const [iosToken, androidToken] = [freshApnsToken(), freshFcmToken()];
      const iphone = await shop.app.device('lisi', 'apns', iosToken, { contentKey });
      const android = await shop.app.device('lisi', 'fcm', androidToken, { locale: 'en' });
      return { userId: 'lisi', iphone, android, iosToken, androidToken };
    };
    const templates = [
      { kind: 'conversation.message', messageType: 'text', locale: 'en', body: 'You have a new message' },
      { kind: 'conversation.message', messageType: 'text', locale: 'zh-Hans', body: '您有一条新消息' },
    ];

    it.each([
      ['en', 'You have a new message'],
      ['zh-Hans', '您有一条新消息'],
      ['fr', 'hello'],
      [undefined, 'hello'],
    ])('show a device with the content key %p: %s', async (contentKey, body) => {
      const phones = await keyed(contentKey);
      await save(...templates);
      await shop.deliver((await shop.vendor('nim', APP)).inboundUrl, saying());
      expect(shown(phones)).toEqual([
        ['张三', body],
        ['张三', 'You have a new message'],
      ]);
    });

    it('keep the text that the sender chose, and stay silent without words', async () => {
      const phones = await keyed('en');
      await save(...templates, { kind: 'notification.custom', locale: 'en', body: 'A notification' });
      const { inboundUrl } = await shop.vendor('nim', APP);
      await shop.deliver(
        inboundUrl,
        saying({ convType: 'CUSTOM_PERSON', msgType: 'CUSTOM_P2P_MSG', customApnsText: 'p' }),
      );
      await shop.deliver(inboundUrl, saying({ msgType: 'CUSTOM', body: '' }));
      expect(shown(phones)).toEqual([
        ['张三', 'p'],
        ['张三', 'p'],
      ]);
      expect(await shop.outcomes()).toEqual(['accepted', 'accepted', 'skipped(no_push_copy)', 'skipped(no_push_copy)']);
    });

    it('hide what was written, whatever the template says', async () => {
      const phones = await keyed('en');
      await save(
        { kind: 'conversation.message', locale: 'en', body: '{{sender.name}}: {{message.text}}' },
        { kind: 'conversation.message', locale: 'default', title: '{{sender.name}}', body: 'Look into {{app.name}}' },
      );
      await shop.deliver((await shop.vendor('nim', APP, { hideContent: true })).inboundUrl, saying({ body: 'secret' }));
      expect(shown(phones)).toEqual([
        ['New message', 'Look into Shop'],
        ['New message', 'Look into Shop'],
      ]);
    });
  });

  it('of Udesk and Echat show theirs as well', async () => {
    const phones = await shop.person('user_1');
    await save(
      { kind: 'conversation.closed', locale: 'default', body: 'Bye' },
      { kind: 'leave_message.replied', locale: 'en', body: '{{sender.name}} replied' },
    );
    const udesk = await shop.vendor('udesk');
    await shop.link('user_1', udesk.publicId, 'udesk.web_token', 'web_1');
    await shop.deliver(udesk.inboundUrl, udeskMessages({ webToken: 'web_1', pluginId: 42, messages: [udeskClose()] }));
    const echat = await shop.vendor('echat', { token: 'echat-token' });
    await shop.deliver(
      echat.inboundUrl,
      echatReply(
        { token: 'echat-token' },
        'msgReply',
        { companyId: '60', msgId: '7', uid: 'user_1', replyContent: 'secret' },
        { now: new Date() },
      ),
    );
    expect(shop.notices(phones).map(({ body }) => body)).toEqual(['Bye', expect.stringContaining(' replied')]);
    expect(shop.alerts(phones).map(({ body }) => body)).toEqual(['Bye', 'secret']);
  });
});
