import type { InboundEvent } from '@bellhop/contracts';
import { type Callback, echatChat, kf5Chat, nimLogin, nimMessage, sendCallback } from '@bellhop/simulators';
import { issuePushInfo } from '../../libs/vendors/echat/src/echat.crypto.js';
import { ErasureService } from '../../src/core/erasure/erasure.service.js';
import { ReceiptTokens } from '../../src/core/receipts/receipt-tokens.js';
import { EventRouter } from '../../src/core/routing/event-router.js';
import { routeNudge } from '../../src/core/routing/route.nudge.js';
import { newId, publicId } from '../../src/platform/ids.js';
import { eventually, type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { occurrences } from '../support/database-dump.js';
import { freshApnsToken, type Phones, Shop } from '../support/shop.js';

const APP = { appKey: 'app-key', appSecret: 'app-secret' };
const ECHAT = { token: 'echat-token' };
const NOW = () => ({ now: new Date() });
const FUTURE = '2099-01-01T00:00:00Z';

/** Stands in everything that tells of the person; so long that nothing sealed holds it by chance. */
const MARK = 'qz7mk4wx8jd2vb5t';
const USER = `user-${MARK}-1`;
const VERA = 'vera-1001';
const WANG = 'wang-1002';
const KF5_ID = `kf-${MARK}-2`;
const ACCID = `acc-${MARK}-3`;

interface TableErasure {
  readonly table: string;
  readonly deleted: number;
  readonly cleared: number;
}

interface Report {
  readonly erasedAt: string;
  readonly cancelled: number;
  readonly tables: readonly TableErasure[];
}

interface EventRow {
  readonly state: string;
  readonly reason: string | null;
  readonly key: string;
  readonly event: { readonly recipient: { readonly identities: readonly { value: string }[] } } | null;
}

describe('a person who is to be forgotten', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let shop: Shop;

  beforeAll(async () => {
    gateways = await startGateways();
    platform = await TestPlatform.start({ egressAllow: ['127.0.0.1:*'] });
  });
  afterAll(async () => {
    await platform?.stop();
    await gateways?.close();
  });
  beforeEach(async () => {
    shop = await Shop.open(platform, gateways);
  });
  afterEach(() => {
    gateways.apns.reset();
    gateways.fcm.reset();
  });

  const ok = async <T = { id: string }>(method: string, path: string, body?: unknown, headers = {}): Promise<T> => {
    const reply = await shop.app.call<T>(method, path, body, headers);
    expect([path, reply.status < 300, reply.body]).toEqual([path, true, reply.body]);
    return reply.body;
  };
  const erase = (userId = USER): Promise<Report> => ok('DELETE', `/v1/users/${userId}`);
  const touched = ({ tables }: Report): Record<string, [deleted: number, cleared: number]> =>
    Object.fromEntries(
      tables.filter((one) => one.deleted + one.cleared > 0).map((one) => [one.table, [one.deleted, one.cleared]]),
    );
  const hits = (...texts: string[]) => occurrences(platform.sql, texts);
  const eventRows = () => shop.query<EventRow>('SELECT * FROM inbound_event WHERE app_id = $1 ORDER BY id');

  /** Somebody of whom every table tells. */
  class Plot {
    readonly user: Phones;
    readonly vera: Phones;
    readonly orphan = freshApnsToken();
    nim: { readonly id: string; readonly publicId: string; readonly inboundUrl: string };
    kf5: { readonly id: string; readonly publicId: string; readonly inboundUrl: string };
    /** For both of them, in the far future. */
    scheduled: string;

    static async lay(): Promise<Plot> {
      const plot = new Plot();
      await plot.name();
      await plot.receive();
      await plot.notify();
      await plot.plant();
      return plot;
    }

    /** Everything that stands for the person. */
    get texts(): readonly string[] {
      const { iphone, android, iosToken, androidToken } = this.user;
      const ids = [iphone.id, android.id].flatMap((id) => [id, id.replaceAll('-', '')]);
      return [MARK, Buffer.from(USER).toString('base64url'), iosToken, androidToken, this.orphan, ...ids];
    }

    private async name(): Promise<void> {
      Object.assign(this, { vera: await shop.person(VERA) });
      this.kf5 = await shop.vendor('kf5');
      this.nim = await shop.vendor('nim', APP);
      // A device that nobody owned when the callback came.
      await shop.deliver(
        this.kf5.inboundUrl,
        kf5Chat({ userId: KF5_ID, text: `${MARK} early`, devices: [{ token: this.orphan, platform: 'ios' }] }),
      );
      Object.assign(this, { user: await shop.person(USER) });
      await shop.link(USER, this.kf5.publicId, 'kf5.user_id', KF5_ID);
      await shop.link(USER, this.nim.publicId, 'nim.accid', ACCID);
      await ok('PUT', `/v1/users/${USER}/tags`, { tags: ['vip', MARK] }, { 'idempotency-key': `tags-${USER}` });
      await ok('PUT', `/v1/users/${USER}/presence/phone-${MARK}`, { state: 'offline' });
      await ok('PUT', `/v1/users/${USER}/preferences`, { mutedConversations: [`c-${MARK}`] });
      await ok('PUT', `/v1/users/${VERA}/preferences`, { friends: [ACCID, WANG], blockedSenders: [ACCID] });
      const moved = { installationId: `tablet-${MARK}`, gateway: 'apns', platform: 'ios', token: freshApnsToken() };
      const { installationId, ...device } = moved;
      await ok('PUT', `/v1/users/${USER}/devices/${installationId}`, device, { 'idempotency-key': 'a-neutral-key' });
    }

    private async receive(): Promise<void> {
      const key = 'np-key-0123456789';
      const echat = await shop.vendor('echat', { ...ECHAT, pushInfoKey: key });
      const pushInfo = issuePushInfo(key, echat.id, USER);
      const chat = { companyId: '60', msgId: '1', uid: '7', content: `chat ${MARK}`, pushInfo };
      await shop.deliver(echat.inboundUrl, echatChat(ECHAT, chat, NOW()));
      const { inboundUrl } = this.nim;
      const nim = (message: Parameters<typeof nimMessage>[1]): Promise<void> =>
        shop.deliver(inboundUrl, nimMessage(APP, message, NOW()));
      await shop.deliver(this.kf5.inboundUrl, kf5Chat({ userId: KF5_ID, text: `answer ${MARK}`, devices: [] }));
      await nim(REPEATED);
      await nim({ fromAccount: ACCID, fromNick: MARK, to: VERA, body: `from ${MARK}` });
      await nim({ fromAccount: WANG, to: 'team', convType: 'TEAM', body: 'for all', tMembers: [ACCID, VERA] });
      await shop.deliver(inboundUrl, nimLogin(APP, { accid: ACCID, clientType: 'IOS', deviceId: `d-${MARK}` }, NOW()));
      const unreadable = `{"user":{"user_id":"${KF5_ID}"} "notification":{}}`;
      expect((await sendCallback(this.kf5.inboundUrl, post(unreadable))).status).toBe(200);
    }

    private async notify(): Promise<void> {
      await ok('POST', '/v1/webhooks', { url: 'http://127.0.0.1:9/', events: ['receipt.opened'] });
      const theirs = await shop.notify({ users: [USER] }, { title: `For ${MARK}` });
      await shop.notify({ users: [USER, VERA] }, { title: 'For both' });
      await shop.notify({ devices: [publicId('dev', this.user.iphone.id)] }, { title: `Phone of ${MARK}` });
      await shop.settled();
      await ok('POST', `/v1/integrations/${shop.fcm.publicId}/pause`, { detail: 'maintenance' });
      await shop.notify({ users: [USER] }, { title: `Held ${MARK}` });
      await shop.settled();
      const schedule = { at: FUTURE };
      await shop.notify({ users: [USER] }, { title: `Later ${MARK}` }, { schedule });
      this.scheduled = await shop.notify({ users: [USER, VERA] }, { title: 'Later' }, { schedule });
      const [delivery] = await shop.query<{ id: string }>(
        `SELECT id FROM delivery WHERE app_id = $1 AND notification_id = $2 AND channel = 'apns' LIMIT 1`,
        uuidOf(theirs),
      );
      const receipt = platform.app.get(ReceiptTokens).issue(shop.app.id, delivery?.id ?? '');
      await ok('POST', '/v1/receipts', { receipts: [{ receipt, kind: 'opened' }] });
    }

    /** What takes a vendor with millions of people to come about. */
    private async plant(): Promise<void> {
      const { id: integrationId } = this.nim;
      await shop.query(
        `INSERT INTO tag_outbox (app_id, integration_id, user_id, version, updated_at) VALUES ($1, $2, $3, $4, now())`,
        integrationId,
        USER,
        newId(),
      );
      await platform.sql.query(
        `INSERT INTO inbound_guard (integration_id, key, body_hash, seen_at, expires_at)
         VALUES ($1, $2, '', now(), now() + interval '1 day')`,
        [integrationId, `nim:${ACCID}:digest`],
      );
      const target = { kind: 'audience', audience: { kind: 'users', users: [ACCID, WANG] } };
      const attempts = [{ at: FUTURE, outcome: 'rejected', detail: `No such account: ${ACCID}` }];
      await shop.query(
        `WITH told AS (
           INSERT INTO notification (app_id, id, source, category, content, audience, priority, state, planned_until,
                                     expires_at, created_at)
           VALUES ($1, $2, 'api', 'general', '{"copy":{"default":{}},"extras":{}}', '{"allOf":["vip"]}', 'high', 'done', $3,
                   now(), now()))
         INSERT INTO delivery (app_id, id, notification_id, integration_id, channel, locale, priority, state, reason, detail,
                               target, attempts, expires_at, created_at, updated_at)
         VALUES ($1, $4, $2, $5, 'nim', 'en', 'high', 'failed', 'rejected', $6, $7, $8, now(), now(), now())`,
        newId(),
        USER,
        newId(),
        integrationId,
        `about ${ACCID}`,
        JSON.stringify(target),
        JSON.stringify(attempts),
      );
    }
  }

  describe('and of whom every table tells', () => {
    let plot: Plot;
    let before: Readonly<Record<string, number>>;
    let report: Report;

    beforeEach(async () => {
      plot = await Plot.lay();
      before = await hits(...plot.texts);
      report = await erase();
    });

    it('leaves no trace in any column of the database', async () => {
      // The plot is as thick as it is meant to be.
      expect(Object.keys(before)).toEqual(expect.arrayContaining(EVERYWHERE));
      expect(await hits(...plot.texts)).toEqual({});
      const [sealed] = await shop.query<{ count: number }>(
        'SELECT count(*)::int FROM device WHERE app_id = $1 AND user_id IS DISTINCT FROM $2',
        VERA,
      );
      expect(sealed).toEqual({ count: 0 });
    });

    it('is told what was done, table by table', () => {
      expect(touched(report)).toEqual({
        device: [4, 0],
        identity: [2, 0],
        preference: [1, 1],
        presence: [2, 0],
        user_tag: [1, 0],
        tag_outbox: [1, 0],
        inbound_event: [0, 8],
        inbound_raw: [8, 0],
        inbound_guard: [1, 0],
        notification: [0, expect.any(Number)],
        delivery: [0, expect.any(Number)],
        receipt: [2, 0],
        webhook_message: [1, 0],
        idempotency_key: [2, 0],
        audit_entry: [0, expect.any(Number)],
      });
      expect(report.cancelled).toBe(1);
    });

    it('is not there any more when they are to be forgotten again', async () => {
      const again = await erase();
      expect([touched(again), again.cancelled]).toEqual([{}, 0]);
      expect(again.tables.map(({ table }) => table)).toEqual(report.tables.map(({ table }) => table));
    });

    it('leaves figures and states as they are', async () => {
      const open = new Set(['queued', 'sending', 'held']);
      for (const { id, target_count, pending_count, state } of await shop.notifications()) {
        const deliveries = (await shop.deliveries()).filter((row) => row.notification_id === id);
        const pending = deliveries.filter((delivery) => open.has(delivery.state)).length;
        expect([id, pending_count]).toEqual([id, pending]);
        if (target_count > 0) expect([id, deliveries.length]).toEqual([id, target_count]);
        expect(['done', 'scheduled']).toContain(state);
      }
      expect(await shop.outcomes()).toContain('cancelled(user_erased)');
      const daily = await shop.app.call<{ data: unknown[] }>('GET', `/v1/notifications/${plot.scheduled}/report`);
      expect(daily.status).toBe(200);
    });

    it('leaves what is about others', async () => {
      const { body: devices } = await shop.app.call<{ data: unknown[] }>('GET', `/v1/users/${VERA}/devices`);
      expect(devices.data).toHaveLength(2);
      const { body: preferences } = await shop.app.call('GET', `/v1/users/${VERA}/preferences`);
      expect(preferences).toMatchObject({ friends: [WANG], blockedSenders: [] });
      const group = (await eventRows()).filter(({ event }) => JSON.stringify(event).includes('for all'));
      expect(group.map(({ event }) => event?.recipient.identities.map(({ value }) => value))).toEqual([[VERA]]);
      const { body: later } = await shop.app.call('GET', `/v1/notifications/${plot.scheduled}`);
      expect(later).toMatchObject({ audience: { users: [VERA] }, content: { copy: { default: { title: 'Later' } } } });
      const { body: letter } = await shop.app.call<{ data: { userId: string | null }[] }>(
        'GET',
        `/v1/notifications?limit=200`,
      );
      const both = letter.data.filter((one) => JSON.stringify(one).includes('For both'));
      expect(both).toMatchObject([{ audience: { users: [VERA] } }]);
      const theirs = (await shop.deliveries()).filter(({ user_id }) => user_id === VERA);
      expect(theirs.length).toBeGreaterThan(2);
    });

    it('stays forgotten when the vendor sends the same once more', async () => {
      const events = await eventRows();
      expect((await sendCallback(plot.nim.inboundUrl, nimMessage(APP, REPEATED, NOW()))).status).toBe(200);
      expect(await eventRows()).toEqual(events);
      expect(await hits(MARK)).toEqual({});
    });

    it('was erased by somebody, and nobody can read whom', async () => {
      const { body } = await shop.app.call<{
        data: { action: string; target: string | null; address: string | null }[];
      }>('GET', '/v1/audit?action=eraseUser');
      expect(body.data).toMatchObject([
        { action: 'eraseUser', target: null, address: null, actor: { kind: 'api_key' } },
      ]);
    });
  });

  describe('while something is on its way', () => {
    it('gets what a gateway already has, and nothing after it', async () => {
      const token = freshApnsToken();
      await shop.app.device(USER, 'apns', token);
      gateways.apns.script(token, [{ status: 503, reason: 'ServiceUnavailable' }]);
      gateways.apns.hold();
      await shop.notify({ users: [USER] });
      await gateways.apns.received(1);
      const erased = erase();
      await eventually(async () => (await shop.query('SELECT 1 FROM device WHERE app_id = $1')).length === 0);
      expect(await shop.outcomes()).toEqual(['sending']);
      gateways.apns.release();
      expect((await erased).cancelled).toBe(1);
      expect(await shop.outcomes()).toEqual(['cancelled(user_erased)']);
      expect(shop.onApns(token)).toHaveLength(1);
      await shop.expectSums();
    });
  });

  it('is erased in one app, and stays in another one', async () => {
    await shop.person(USER);
    const other = await Shop.open(platform, gateways);
    await other.person(USER);
    await other.notify({ users: [USER] }, { title: MARK });
    await other.settled();
    await shop.app.call('DELETE', `/v1/users/${USER}`);
    const left = await hits(USER);
    expect(left).toMatchObject({ 'device.user_id': 2, 'delivery.user_id': 2 });
    expect((await other.deliveries()).map(({ state }) => state)).toEqual(['accepted', 'accepted']);
    expect(touched(await ok<Report>('DELETE', `/v1/users/${USER}`))).toEqual({});
    expect((await other.app.call('DELETE', `/v1/users/${USER}`)).status).toBe(200);
    expect(await hits(USER)).toEqual({});
  });

  it.each(['text', '7', 'user', 'conversation.message', 'nim'])(
    'may be called %s: what others wrote stays',
    async (userId) => {
      await shop.person(VERA);
      const nim = await shop.vendor('nim', APP);
      const message = { fromAccount: WANG, to: VERA, body: `Hello 7 text user ${userId}` };
      await shop.deliver(nim.inboundUrl, nimMessage(APP, message, NOW()));
      await shop.notify({ users: [VERA] }, { title: '7 text user' });
      await shop.settled();
      await shop.app.device(userId, 'apns', freshApnsToken());
      const seen = async () => [await eventRows(), await shop.query('SELECT * FROM inbound_raw WHERE app_id = $1')];
      const before = await seen();
      const isSure = userId.length >= 16;
      const { device, inbound_event: events } = touched(await erase(userId));
      expect(device).toEqual([1, 0]);
      // A name that long is no word of anybody's message, but for a person who is called like a kind of events.
      if (isSure) expect(events).toEqual([0, 1]);
      else expect(await seen()).toEqual(before);
    },
  );

  it('takes nothing from a device that nobody owns', async () => {
    const theirs = await shop.app.device(USER, 'apns', freshApnsToken());
    const nobodys = await shop.app.device('left', 'apns', freshApnsToken());
    await shop.query(`UPDATE device SET user_id = NULL WHERE app_id = $1 AND user_id = 'left'`);
    const devices = [publicId('dev', theirs.id), publicId('dev', nobodys.id)];
    const id = await shop.notify({ devices }, { title: 'Update the app' });
    await shop.settled();
    await erase();
    expect((await shop.app.call('GET', `/v1/notifications/${id}`)).body).toMatchObject({
      audience: { devices: [devices[1]] },
      content: { copy: { default: { title: 'Update the app' } } },
    });
    expect((await shop.deliveries()).map((row) => row.device_id)).toEqual(expect.arrayContaining([null, nobodys.id]));
  });

  it('under an idempotency key is erased once, and the key does not tell whom', async () => {
    await shop.person(USER);
    const headers = { 'idempotency-key': `erase-${USER}` };
    const first = await ok<Report>('DELETE', `/v1/users/${USER}`, undefined, headers);
    expect(touched(first)).toMatchObject({ device: [2, 0] });
    expect(touched(await ok<Report>('DELETE', `/v1/users/${USER}`, undefined, headers))).toEqual({});
    expect(await hits(USER)).toEqual({});
  });

  it('needs the scope admin', async () => {
    const { key } = await platform.createApp(['broadcast']);
    for (const [method, path] of [
      ['DELETE', ''],
      ['GET', '/export'],
    ] as const) {
      const reply = await platform.request(method, `/v1/users/${USER}${path}`, { key });
      expect([reply.status, reply.body]).toMatchObject([403, { code: 'auth.scope_missing' }]);
    }
  });

  describe('where nobody routes or sends', () => {
    let api: TestPlatform;

    beforeAll(async () => {
      api = await TestPlatform.start({ role: 'api' });
    });
    afterAll(() => api?.stop());
    beforeEach(async () => {
      shop = await Shop.open(api, gateways);
    });
    afterEach(() => api.setTime(undefined));

    const route = async () => {
      const rows = await shop.query<{ id: string; integration_id: string }>(
        `SELECT id, integration_id FROM inbound_event WHERE app_id = $1 AND state = 'accepted' ORDER BY id`,
      );
      const events = rows.map(({ id, integration_id: integrationId }) => ({ appId: shop.app.id, id, integrationId }));
      if (events.length > 0) await api.app.get(EventRouter).route(routeNudge(events));
    };

    it('gets no event that waits, and the others of its group get theirs', async () => {
      await shop.person(VERA);
      await shop.app.device(USER, 'apns', freshApnsToken());
      const nim = await shop.vendor('nim', APP);
      const group = { fromAccount: WANG, to: 'team', convType: 'TEAM', body: 'Hello', tMembers: [USER, VERA] };
      await shop.post(nim.inboundUrl, nimMessage(APP, group, NOW()));
      await shop.post(nim.inboundUrl, nimMessage(APP, { fromAccount: VERA, to: USER, body: MARK }, NOW()));
      await erase();
      await route();
      expect((await eventRows()).map(({ state, reason }) => [state, reason])).toEqual([
        ['routed', null],
        ['ignored', 'user_erased'],
      ]);
      expect((await shop.deliveries()).map(({ user_id }) => user_id)).toEqual([VERA, VERA]);
      expect(await occurrences(api.sql, [MARK])).toEqual({});
    });

    it('is erased to the end by the sweep when the process dies half-way', async () => {
      await shop.person(USER);
      const nim = await shop.vendor('nim', APP);
      await shop.link(USER, nim.publicId, 'nim.accid', ACCID);
      await shop.post(nim.inboundUrl, nimMessage(APP, { fromAccount: VERA, to: ACCID, body: 'Hello' }, NOW()));
      await route();
      await shop.notify({ users: [USER] }, { title: MARK });
      await api.sql.query(
        `CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'killed'; END $$`,
      );
      await api.sql.query('CREATE TRIGGER die BEFORE UPDATE ON inbound_event FOR EACH ROW EXECUTE FUNCTION die()');
      expect((await shop.app.call('DELETE', `/v1/users/${USER}`)).status).toBe(500);
      await api.sql.query('DROP TRIGGER die ON inbound_event');
      await api.sql.query('DROP FUNCTION die()');
      // By now nothing links the names of the vendor to the person any more, except what is sealed.
      expect(await occurrences(api.sql, [ACCID])).not.toEqual({});
      expect(await shop.query('SELECT 1 FROM identity WHERE app_id = $1')).toEqual([]);
      const sweep = () => api.app.get(ErasureService).sweep();
      await sweep();
      expect(await occurrences(api.sql, [ACCID])).not.toEqual({});
      api.setTime(new Date(Date.now() + 2 * 90_000));
      await sweep();
      expect(await occurrences(api.sql, [MARK])).toEqual({});
      expect(await shop.query('SELECT 1 FROM erasure WHERE app_id = $1')).toEqual([]);
    });

    it('is not planned on from where an audience stands', async () => {
      await shop.app.device('a-1', 'apns', freshApnsToken());
      await shop.app.device(USER, 'apns', freshApnsToken());
      await shop.query(
        `INSERT INTO notification (app_id, id, source, category, content, audience, priority, state, planned_until,
                                   expires_at, created_at)
         VALUES ($1, $2, 'api', 'general', '{"copy":{"default":{}}}', '{"allOf":["vip"]}', 'high', 'planning', $3, now(), now())`,
        newId(),
        USER,
      );
      await erase();
      expect(await shop.query('SELECT planned_until FROM notification WHERE app_id = $1')).toEqual([
        { planned_until: 'a-1' },
      ]);
    });
  });

  describe('asks first what is known', () => {
    interface Exported {
      readonly userId: string;
      readonly [part: string]: unknown;
    }
    const exported = () => ok<Exported>('GET', `/v1/users/${USER}/export`);

    it('and gets everything, part by part', async () => {
      const plot = await Plot.lay();
      const whole = await exported();
      expect(Object.keys(whole)).toEqual([
        'userId',
        'exportedAt',
        'preferences',
        'tags',
        'identities',
        'devices',
        'presence',
        'tagMirror',
        'events',
        'callbacks',
        'deliveries',
        'notifications',
        'receipts',
        'webhookMessages',
      ]);
      expect(whole).toMatchObject({
        userId: USER,
        preferences: { mutedConversations: [`c-${MARK}`] },
        tags: { tags: ['vip', MARK] },
        tagMirror: [{ integrationId: plot.nim.publicId, state: 'waiting' }],
        webhookMessages: [{ type: 'receipt.opened', payload: { data: { userId: USER } } }],
      });
      const lengths = Object.entries(whole).flatMap(([part, value]) =>
        Array.isArray(value) ? [[part, value.length]] : [],
      );
      expect(Object.fromEntries(lengths)).toMatchObject({
        identities: 2,
        devices: 3,
        presence: 2,
        events: 7,
        callbacks: 7,
        receipts: 2,
      });
      const text = JSON.stringify(whole);
      const words = ['to', 'from', 'answer', 'chat', 'For', 'Held', 'Later', 'Phone of'].map((one) => `${one} ${MARK}`);
      for (const told of [...words, `${MARK} early`]) expect([told, text.includes(told)]).toEqual([told, true]);
      // Of others there is nothing but what they wrote to them; of devices there are no addresses.
      expect(text).toContain('for all');
      const inGroup = (whole.events as { event: InboundEvent }[]).find(
        ({ event }) => event.message?.text === 'for all',
      );
      expect(inGroup?.event.recipient.identities).toEqual([{ kind: 'nim.accid', value: ACCID }]);
      expect(JSON.stringify(whole.events)).not.toContain(plot.orphan);
      expect(Object.keys((whole.devices as object[])[0] ?? {}).filter((name) => /token/i.test(name))).toEqual([
        'tokenUpdatedAt',
        'tokenTail',
      ]);
      const bodies = (whole.callbacks as { bodyBase64: string }[]).map((one) => Buffer.from(one.bodyBase64, 'base64'));
      expect(bodies.filter((body) => body.includes('for all'))).toEqual([]);
      expect(bodies.filter((body) => body.includes(`answer ${MARK}`))).toHaveLength(1);
    });

    it('and gets it as a file, in pieces where there is much', async () => {
      await shop.person(USER);
      await shop.query(
        `WITH told AS (
           INSERT INTO notification (app_id, id, source, category, content, audience, priority, state, expires_at, created_at)
           VALUES ($1, $2, 'api', 'general', '{"copy":{"default":{"body":"x"}}}', '{}', 'high', 'done', now(), now()))
         INSERT INTO delivery (app_id, id, notification_id, user_id, locale, priority, state, expires_at, created_at, updated_at)
         SELECT $1, (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint + n), 12, '0') || '7000800000000000' || lpad(to_hex(n), 4, '0'))::uuid,
                $2, $3, 'en', 'high', 'accepted', now(), now(), now() FROM generate_series(1, 25000) n`,
        newId(),
        USER,
      );
      const response = await fetch(`${platform.url}/v1/users/${USER}/export`, {
        headers: { authorization: `Bearer ${shop.app.key}` },
      });
      expect(response.headers.get('content-disposition')).toBe('attachment; filename="user.json"');
      expect(response.headers.get('transfer-encoding')).toBe('chunked');
      const whole = (await response.json()) as { deliveries: { id: string }[] };
      expect(new Set(whole.deliveries.map(({ id }) => id)).size).toBe(25_000);
    });

    it('and gets nothing about people who are not there, or any more', async () => {
      const empty = await exported();
      expect(
        Object.values(empty)
          .filter((part) => Array.isArray(part))
          .flat(),
      ).toEqual([]);
      await shop.person(USER);
      await erase();
      expect({ ...(await exported()), exportedAt: null }).toEqual({ ...empty, exportedAt: null });
    });
  });
});

/** A message that the vendor sends twice. */
const REPEATED = {
  fromAccount: VERA,
  to: ACCID,
  body: `to ${MARK}`,
  msgidServer: '81',
  msgidClient: 'client-message-1',
};

const EVERYWHERE = [
  'audit_entry.address',
  'audit_entry.target',
  'delivery.attempts',
  'delivery.detail',
  'delivery.device_id',
  'delivery.target',
  'delivery.user_id',
  'device.installation_id',
  'device.user_id',
  'identity.user_id',
  'identity.value',
  'idempotency_key.key',
  'inbound_event.conversation',
  'inbound_event.event',
  'inbound_event.key',
  'inbound_guard.key',
  'inbound_raw.body',
  'notification.audience',
  'notification.content',
  'notification.decisions',
  'notification.planned_until',
  'preference.blocked_senders',
  'preference.friends',
  'preference.muted_conversations',
  'preference.user_id',
  'presence.session',
  'presence.user_id',
  'receipt.subject',
  'tag_outbox.user_id',
  'user_tag.tags',
  'user_tag.user_id',
  'webhook_message.payload',
];

const post = (body: string): Callback => ({ method: 'POST', path: '', query: {}, headers: {}, body });

const uuidOf = (id: string): string => id.slice(4).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
