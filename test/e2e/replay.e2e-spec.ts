import { kf5Chat, kf5Samples, kf5Ticket, nimMessage, sendCallback } from '@bellhop/simulators';
import { EventRouter } from '../../src/core/routing/event-router.js';
import { routeNudge } from '../../src/core/routing/route.nudge.js';
import { publicId } from '../../src/platform/ids.js';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { EchoVendorModule } from '../support/echo-vendor.js';
import { freshApnsToken, Shop } from '../support/shop.js';

const APP = { appKey: 'app-key', appSecret: 'app-secret' };
const EARLY = '2026-01-01T00:00:00Z';
const HOUR = 60 * 60_000;

interface Replayed {
  readonly dryRun: boolean;
  readonly matched: number;
  readonly routed: number;
  readonly read: number;
  readonly unusable: number;
  readonly gone: number;
  readonly nextCursor: string | null;
}

interface Difference {
  readonly kind: string;
  readonly eventId: string | null;
  readonly reason: string | null;
  readonly fields: readonly {
    readonly pointer: string;
    readonly stored: string | null;
    readonly parsed: string | null;
  }[];
}

interface Compared {
  readonly callbacks: number;
  readonly same: number;
  readonly different: number;
  readonly skipped: number;
  readonly places: readonly { readonly place: string; readonly count: number }[];
  readonly differences: readonly Difference[];
  readonly nextCursor: string | null;
}

describe('replay', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let shop: Shop;
  let kf5: { readonly id: string; readonly publicId: string; readonly inboundUrl: string };

  beforeAll(async () => {
    gateways = await startGateways();
    platform = await TestPlatform.start({ role: 'api' });
  });
  afterAll(async () => {
    await platform?.stop();
    await gateways?.close();
  });
  beforeEach(async () => {
    shop = await Shop.open(platform, gateways);
    kf5 = await shop.vendor('kf5');
  });

  const replay = async (body: object, headers = {}): Promise<Replayed> => {
    const reply = await shop.app.call<Replayed>('POST', '/v1/events/replay', { from: EARLY, ...body }, headers);
    expect([reply.status, reply.body]).toEqual([202, reply.body]);
    return reply.body;
  };
  const shadow = async (body: object = {}): Promise<Compared> => {
    const reply = await shop.app.call<Compared>('POST', '/v1/events/replay/shadow', { from: EARLY, ...body });
    expect([reply.status, reply.body]).toEqual([200, reply.body]);
    return reply.body;
  };
  const route = async (): Promise<void> => {
    const waiting = (await rows()).filter(({ state }) => state === 'accepted');
    if (waiting.length === 0) return;
    const events = waiting.map(({ id, integration_id: integrationId }) => ({ appId: shop.app.id, id, integrationId }));
    await platform.app.get(EventRouter).route(routeNudge(events));
  };
  const rows = () =>
    shop.query<{ id: string; integration_id: string; state: string; reason: string | null; received_at: Date }>(
      'SELECT * FROM inbound_event WHERE app_id = $1 ORDER BY id',
    );
  const states = async () => (await rows()).map(({ state, reason }) => (reason ? `${state}(${reason})` : state));
  const post = (callback: Parameters<typeof sendCallback>[1], to = kf5) => sendCallback(to.inboundUrl, callback);
  const chat = (text: string) => kf5Chat({ userId: '40158', text, devices: [] });
  /** Events that nobody could be found for. */
  const unroutable = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await post(chat(`message ${i}`));
    await route();
    expect(await states()).toEqual(Array(count).fill('ignored(unroutable)'));
  };

  describe('of many events', () => {
    it('routes once more what was read, for instance once an identity has been linked', async () => {
      await unroutable(3);
      await shop.app.device('user_1', 'apns', freshApnsToken());
      await shop.link('user_1', kf5.publicId, 'kf5.user_id', '40158');
      expect(await replay({})).toEqual({
        dryRun: false,
        matched: 3,
        routed: 3,
        read: 0,
        unusable: 0,
        gone: 0,
        nextCursor: null,
      });
      expect(await states()).toEqual(Array(3).fill('accepted'));
      await route();
      expect(await states()).toEqual(Array(3).fill('routed'));
      expect(await shop.notifications()).toHaveLength(3);
      expect(await replay({})).toMatchObject({ matched: 0, routed: 0 });
    });

    it('reads what could not be read, once that is possible, and says what is left', async () => {
      for (const sample of [kf5Samples.missingComma, kf5Samples.form]) expect((await post(sample)).status).toBe(200);
      await post(kf5Samples.ambiguous);
      // As a fix of the adapter would: the bytes can be read now. Those of the last one are gone.
      const [first, , last] = await shop.query<{ callback_id: string }>(
        'SELECT callback_id FROM inbound_event WHERE app_id = $1 ORDER BY id',
      );
      await shop.query(
        'UPDATE inbound_raw SET body = $3 WHERE app_id = $1 AND callback_id = $2',
        first?.callback_id,
        Buffer.from(chat('at last').body),
      );
      await shop.query('DELETE FROM inbound_raw WHERE app_id = $1 AND callback_id = $2', last?.callback_id);
      expect(await replay({ state: 'quarantined' })).toMatchObject({
        matched: 3,
        routed: 0,
        read: 1,
        unusable: 1,
        gone: 1,
      });
      expect(await states()).toEqual([
        'routed(replayed)',
        expect.stringMatching(/^quarantined\(kf5\./),
        expect.stringMatching(/^quarantined\(kf5\./),
        'accepted',
      ]);
    });

    it('that is dry counts and changes nothing', async () => {
      await unroutable(2);
      const before = await rows();
      expect(await replay({ dryRun: true })).toMatchObject({ dryRun: true, matched: 2, routed: 0, nextCursor: null });
      expect(await rows()).toEqual(before);
    });

    it('goes page by page', async () => {
      await unroutable(5);
      const first = await replay({ limit: 2 });
      expect(first).toMatchObject({ matched: 5, routed: 2 });
      const second = await replay({ limit: 2, cursor: first.nextCursor });
      expect(second).toMatchObject({ matched: 3, routed: 2 });
      expect(await replay({ limit: 2, cursor: second.nextCursor })).toMatchObject({
        matched: 1,
        routed: 1,
        nextCursor: null,
      });
      expect(await states()).toEqual(Array(5).fill('accepted'));
    });

    it('is of a time, an integration, a state and a reason', async () => {
      await unroutable(2);
      const other = await shop.vendor('kf5');
      await post(kf5Samples.form, other);
      const [first, second] = await rows();
      const count = async (body: object) => (await replay({ dryRun: true, ...body })).matched;
      expect(await count({})).toBe(3);
      expect(await count({ from: second?.received_at })).toBe(2);
      expect(await count({ to: second?.received_at })).toBe(1);
      expect(await count({ from: first?.received_at, to: first?.received_at })).toBe(0);
      expect(await count({ integrationId: other.publicId })).toBe(1);
      expect(await count({ state: 'ignored' })).toBe(2);
      expect(await count({ state: 'failed' })).toBe(0);
      expect(await count({ reason: 'unroutable' })).toBe(2);
    });

    it('takes nothing of another app, nor what led to something', async () => {
      await unroutable(1);
      const mine = shop;
      shop = await Shop.open(platform, gateways);
      expect(await replay({})).toMatchObject({ matched: 0 });
      shop = mine;
      await shop.query(`UPDATE inbound_event SET state = 'routed' WHERE app_id = $1`);
      expect(await replay({})).toMatchObject({ matched: 0 });
    });

    it('under an idempotency key is made once', async () => {
      await unroutable(2);
      const key = { 'idempotency-key': 'replay-1' };
      const first = await replay({ limit: 1 }, key);
      expect(await replay({ limit: 1 }, key)).toEqual(first);
      expect((await states()).sort()).toEqual(['accepted', 'ignored(unroutable)']);
    });

    it('does not push what nobody wants to hear any more', async () => {
      await unroutable(1);
      await shop.query(`UPDATE inbound_event SET received_at = received_at - interval '2 days' WHERE app_id = $1`);
      await shop.app.device('user_1', 'apns', freshApnsToken());
      await shop.link('user_1', kf5.publicId, 'kf5.user_id', '40158');
      await replay({});
      await route();
      expect((await shop.deliveries()).every(({ expires_at }) => expires_at.getTime() < Date.now() - 12 * HOUR)).toBe(
        true,
      );
    });
  });

  describe('in the shadow', () => {
    it('tells that nothing would be different, and changes nothing', async () => {
      const nim = await shop.vendor('nim', APP);
      await post(chat('Hello'));
      await post(
        kf5Ticket({ userId: '40158', ticketId: '7', devices: [{ token: freshApnsToken(), platform: 'ios' }] }),
      );
      await post(kf5Samples.form);
      await sendCallback(
        nim.inboundUrl,
        nimMessage(APP, { fromAccount: 'a', to: 'b', body: 'x\0y\ud800' }, { now: new Date() }),
      );
      await route();
      const before = await everything();
      expect(await shadow()).toEqual({
        callbacks: 4,
        same: 4,
        different: 0,
        skipped: 0,
        places: [],
        differences: [],
        nextCursor: null,
      });
      expect(await everything()).toEqual(before);
    });

    it('lists by JSON Pointer what today’s adapter would say otherwise', async () => {
      const token = freshApnsToken();
      await post(kf5Ticket({ userId: '40158', ticketId: '7', devices: [{ token, platform: 'ios' }] }));
      await post(chat('Hello'));
      // As an adapter of then would have said it.
      await change((event) => ({
        ...event,
        push: { ...(event.push as object), collapseId: 'old', badge: 1 },
        recipient: { identities: [], devices: [{ token: 'abc', platform: 'ios' }] },
      }));
      const compared = await shadow();
      expect(compared).toMatchObject({ callbacks: 2, same: 0, different: 2 });
      expect(compared.places).toEqual([
        { place: '/push/badge', count: 2 },
        { place: '/push/collapseId', count: 2 },
        { place: '/recipient/identities/*', count: 2 },
        { place: '/recipient/devices/*', count: 1 },
        { place: '/recipient/devices/*/token', count: 1 },
      ]);
      const [ticket, message] = (await rows()).map(({ id }) => publicId('evt', id));
      const field = (pointer: string, stored: string | null, parsed: string | null) => ({ pointer, stored, parsed });
      const identity = field('/recipient/identities/0', null, '{"kind":"kf5.user_id","value":"40158"}');
      expect(byPointer(compared.differences[0])).toEqual([
        ticket,
        'changed',
        field('/push/badge', '1', null),
        field('/push/collapseId', '"old"', '"kf5-ticket-7"'),
        field('/recipient/devices/0/token', '"(hidden)"', '"(hidden)"'),
        identity,
      ]);
      expect(byPointer(compared.differences[1])).toEqual([
        message,
        'changed',
        field('/push/badge', '1', null),
        field('/push/collapseId', '"old"', null),
        field('/recipient/devices/0', '{"token":"(hidden)","platform":"ios"}', null),
        identity,
      ]);
      expect(JSON.stringify(compared)).not.toContain(token);
    });

    it('tells what could be read now, and what no more', async () => {
      await post(kf5Samples.form);
      await post(chat('Hello'));
      const [unreadable, readable] = await shop.query<{ callback_id: string }>(
        'SELECT callback_id FROM inbound_event WHERE app_id = $1 ORDER BY id',
      );
      for (const [row, body] of [
        [unreadable, chat('at last').body],
        [readable, 'no json'],
      ] as const) {
        await shop.query(
          'UPDATE inbound_raw SET body = $3 WHERE app_id = $1 AND callback_id = $2',
          row?.callback_id,
          Buffer.from(body),
        );
      }
      const { differences } = await shadow();
      expect(differences).toMatchObject([
        { kind: 'readable', reason: null },
        { kind: 'unreadable', reason: 'kf5.body_not_json' },
      ]);
    });

    it('is of a time, an integration and a state, page by page', async () => {
      const other = await shop.vendor('kf5');
      await post(chat('1'));
      await post(chat('2'), other);
      await post(kf5Samples.form);
      const [, second] = await rows();
      expect(await shadow({ integrationId: other.publicId })).toMatchObject({ callbacks: 1 });
      expect(await shadow({ from: second?.received_at })).toMatchObject({ callbacks: 2 });
      expect(await shadow({ to: second?.received_at })).toMatchObject({ callbacks: 1 });
      expect(await shadow({ state: 'quarantined' })).toMatchObject({ callbacks: 1, same: 1 });
      const first = await shadow({ limit: 2 });
      expect([first.callbacks, first.nextCursor]).toEqual([2, expect.any(String)]);
      expect(await shadow({ limit: 2, cursor: first.nextCursor })).toMatchObject({ callbacks: 1, nextCursor: null });
    });

    it('is of one app, and needs the scope admin', async () => {
      await post(chat('Hello'));
      const other = await platform.createApp();
      const body = { from: EARLY };
      expect((await other.call('POST', '/v1/events/replay/shadow', body)).body).toMatchObject({ callbacks: 0 });
      const { key } = await platform.createApp(['broadcast']);
      for (const path of ['/v1/events/replay', '/v1/events/replay/shadow']) {
        const reply = await platform.request('POST', path, { key, body });
        expect([path, reply.status]).toEqual([path, 403]);
      }
    });

    it.each([
      ['', {}, '/from'],
      ['', { from: EARLY, state: 'routed' }, '/state'],
      ['', { from: EARLY, limit: 10_001 }, '/limit'],
      ['/shadow', { from: EARLY, limit: 1_001 }, '/limit'],
      ['/shadow', { from: EARLY, cursor: 'x' }, '/cursor'],
      ['/shadow', { from: 'yesterday' }, '/from'],
    ])('%s refuses %j', async (path, body, field) => {
      const reply = await shop.app.call(`POST`, `/v1/events/replay${path}`, body);
      expect([reply.status, reply.body]).toMatchObject([400, { errors: [{ field }] }]);
    });
  });

  describe('in the shadow, of a callback with several events', () => {
    let echoes: TestPlatform;

    beforeAll(async () => {
      echoes = await TestPlatform.start({ role: 'api', plugins: [EchoVendorModule] });
    });
    afterAll(() => echoes?.stop());

    it('tells what is added and what is missing, and takes no repetition for either', async () => {
      const app = await echoes.createApp();
      const echo = await app.integrate({ plugin: 'echo', name: 'Echo', config: {} });
      const say = (body: string) =>
        sendCallback(echo.inboundUrl, { method: 'POST', path: '', query: {}, headers: {}, body });
      await say('one');
      await say('one,two,three');
      const ask = async () => (await app.call<Compared>('POST', '/v1/events/replay/shadow', { from: EARLY })).body;
      expect(await ask()).toMatchObject({ callbacks: 2, same: 3, different: 0 });
      // As if the adapter of then had not known "three", and had made something of "four".
      await echoes.sql.query(`UPDATE inbound_raw SET body = 'one,two,four,five' WHERE body = 'one,two,three'`);
      const { differences, same } = await ask();
      expect(same).toBe(2);
      expect(
        differences.map(({ kind, fields }) => [kind, fields[0]?.pointer, fields[0]?.stored, fields[0]?.parsed]),
      ).toEqual([
        ['changed', '/key', '"three"', '"four"'],
        ['added', '', null, expect.stringContaining('"key":"five"')],
      ]);
      await echoes.sql.query(`UPDATE inbound_raw SET body = 'one,two' WHERE body = 'one,two,four,five'`);
      expect((await ask()).differences).toMatchObject([{ kind: 'missing' }]);
    });
  });

  /** Every row of what events lead to. */
  async function everything(): Promise<unknown> {
    const tables = ['inbound_event', 'inbound_raw', 'notification', 'delivery', 'device', 'presence', 'audit_entry'];
    const queries = tables.map((table) => shop.query(`SELECT * FROM ${table} WHERE app_id = $1 ORDER BY 1, 2`));
    const jobs = platform.sql.query('SELECT id, state FROM pgboss.job ORDER BY id');
    const guards = platform.sql.query('SELECT * FROM inbound_guard ORDER BY 1, 2');
    return Promise.all([...queries, jobs, guards]);
  }

  async function change(edit: (event: Record<string, unknown>) => object): Promise<void> {
    const events = await shop.query<{ id: string; event: Record<string, unknown> }>(
      'SELECT id, event FROM inbound_event WHERE app_id = $1',
    );
    for (const { id, event } of events) {
      const changed = JSON.stringify(edit(event));
      await shop.query('UPDATE inbound_event SET event = $3 WHERE app_id = $1 AND id = $2', id, changed);
    }
  }
});

function byPointer(difference: Difference | undefined): unknown[] {
  const fields = difference?.fields.toSorted((a, b) => (a.pointer < b.pointer ? -1 : 1)) ?? [];
  return [difference?.eventId, difference?.kind, ...fields];
}
