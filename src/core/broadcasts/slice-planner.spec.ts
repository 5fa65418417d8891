import type { INestApplication } from '@nestjs/common';
import { type Gateways, startGateways, TestPlatform } from '../../../test/support/app.js';
import { arbitraryFrom } from '../../../test/support/arbitrary-notification.js';
import { Shop } from '../../../test/support/shop.js';
import { AccessService } from '../../access/access.service.js';
import { newId } from '../../platform/ids.js';
import { Sql } from '../../platform/sql.js';
import { IntegrationCache } from '../integrations/integration-cache.js';
import { AudienceSlices } from '../routing/audience-slices.js';
import { planDeliveries } from '../routing/delivery-plan.js';
import { localeOf } from '../routing/delivery-writer.js';
import { Directory } from '../routing/directory.js';
import { ExplainService } from './explain.service.js';
import { NotificationIntake } from './notification-intake.js';
import { intentOf } from './notification-intent.js';
import type { NotificationRequest } from './notification-request.js';
import { latestStart, startOf } from './schedule.js';
import { SlicePlanner } from './slice-planner.js';

/** More than a slice holds, so that every way of finding the next slice has its turn. */
const DEVICES = 12_000;
const SEED = 20_261_121;
const NOW = new Date('2031-05-05T12:00:00Z');
const PLAN: NotificationRequest = {
  audience: { everyone: true },
  content: { copy: { default: { title: 'Sale' } }, extras: {} },
  category: 'general',
  priority: 'normal',
  ttlSeconds: 3_600,
  forced: false,
  onQuota: 'hold',
};

/** What of a delivery is decided, as one text that can be compared. */
interface Decided {
  readonly user_id: string | null;
  readonly channel: string | null;
  readonly integration_id: string | null;
  readonly platform: string | null;
  readonly locale: string;
  readonly priority: string;
  readonly state: string;
  readonly reason: string | null;
  readonly not_before: Date | null;
  readonly expires_at: Date;
}
const textOf = (row: Decided): string =>
  JSON.stringify([
    row.user_id,
    row.channel,
    row.integration_id,
    row.platform,
    row.locale,
    row.priority,
    row.state,
    row.reason,
    row.not_before,
    row.expires_at,
  ]);

describe(`planning a broadcast to ${DEVICES} devices (seed ${SEED})`, () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let shop: Shop;
  let app: INestApplication;
  let tagsOf: ReadonlyMap<string, readonly string[]>;

  beforeAll(async () => {
    gateways = await startGateways();
    platform = await TestPlatform.start({ role: 'api' });
    app = platform.app;
    shop = await Shop.open(platform, gateways);
    tagsOf = await populate();
  }, 60_000);
  afterAll(async () => {
    await platform?.stop();
    await gateways?.close();
  });
  beforeEach(async () => {
    platform.setTime(NOW);
    await shop.query(
      `WITH gone AS (DELETE FROM pgboss.job WHERE name = 'deliver') DELETE FROM delivery WHERE app_id = $1`,
    );
    await shop.query('DELETE FROM delivery_tally WHERE app_id = $1');
  });

  /** People with one device or two, and whatever may bear on a decision. @returns their tags. */
  async function populate(): Promise<Map<string, string[]>> {
    const random = arbitraryFrom(SEED);
    const maybe = <T>(probability: number, value: T) => (random.chance(probability) ? value : null);
    const tags = new Map<string, string[]>();
    const devices = Array.from({ length: DEVICES }, (_, i) => {
      const gateway = random.pick(['apns', 'fcm', 'fcm', 'none']);
      const user = maybe(0.97, `user-${random.int(0, DEVICES)}`);
      if (user)
        tags.set(
          user,
          ['all', 'most', 'half', 'tenth', 'rare'].filter((_tag, n) => random.chance([0.97, 0.62, 0.5, 0.1, 0.01][n]!)),
        );
      return {
        id: newId(),
        user_id: user,
        installation_id: `install-${i}`,
        platform: gateway === 'apns' ? 'ios' : 'android',
        gateway,
        app_identifier: random.pick(['com.example.shop', 'com.example.lite', null]),
        locale: random.pick(['zh-CN', 'en', null]),
        content_key: maybe(0.2, 'promo'),
        time_zone: random.pick(['Asia/Shanghai', 'America/New_York', null]),
        state: random.pick(['active', 'active', 'active', 'active', 'retired']),
      };
    });
    const habits = devices.flatMap(({ user_id, installation_id }) => (user_id ? [{ user_id, installation_id }] : []));
    const preferences = new Map(
      habits
        .filter(() => random.chance(0.3))
        .map(({ user_id }) => [
          user_id,
          {
            user_id,
            push_enabled: random.chance(0.8),
            dnd_start: maybe(0.3, '22:00'),
            dnd_end: maybe(0.9, '07:00'),
            dnd_time_zone: maybe(0.5, 'Europe/Berlin'),
            opted_out: random.some(['general', 'news']),
            friends: maybe(0.2, []),
            allow_strangers: random.chance(0.5),
            quiet_on_desktop: random.chance(0.2),
          },
        ]),
    );
    const sessions = habits
      .filter(() => random.chance(0.4))
      .map(({ user_id, installation_id }, i) => ({
        user_id,
        ...random.pick([
          { source: 'app', session: installation_id, client: 'mobile' },
          { source: 'app', session: `install-${i}`, client: 'mobile' },
          { source: shop.apns.id, session: `s-${i}`, client: 'mobile' },
          { source: shop.apns.id, session: `s-${i}`, client: 'desktop' },
        ]),
        state: random.pick(['online', 'foreground', 'background', 'offline', 'loggedOut', 'kicked']),
        observed_at: NOW,
        expires_at: random.pick([null, new Date(NOW.getTime() - 1_000), new Date(NOW.getTime() + 3_600_000)]),
      }));
    const insert = (statement: string, rows: readonly object[]) => shop.query(statement, JSON.stringify(rows));
    await insert(
      `INSERT INTO device (app_id, identifier, sealed_token, token_hash, token_updated_at, last_seen_at, id, user_id,
                           installation_id, platform, gateway, app_identifier, locale, content_key, time_zone, state)
       SELECT $1, 'token', '', sha256(installation_id::bytea), now(), now(), d.* FROM json_to_recordset($2)
         AS d (id uuid, user_id text, installation_id text, platform text, gateway text, app_identifier text, locale text,
               content_key text, time_zone text, state text)`,
      devices,
    );
    await insert(
      `INSERT INTO user_tag (app_id, version, updated_at, user_id, tags)
       SELECT $1, gen_random_uuid(), now(), t.* FROM json_to_recordset($2) AS t (user_id text, tags text[])`,
      [...tags].map(([user_id, own]) => ({ user_id, tags: own })),
    );
    await insert(
      `INSERT INTO preference (app_id, user_id, push_enabled, dnd_start, dnd_end, dnd_time_zone, opted_out, friends,
                               allow_strangers, quiet_on_desktop)
       SELECT $1, p.* FROM json_to_recordset($2) AS p (user_id text, push_enabled boolean, dnd_start text, dnd_end text,
         dnd_time_zone text, opted_out text[], friends text[], allow_strangers boolean, quiet_on_desktop boolean)`,
      [...preferences.values()],
    );
    await insert(
      `INSERT INTO presence (app_id, user_id, source, session, client, state, observed_at, expires_at)
       SELECT $1, s.* FROM json_to_recordset($2) AS s (user_id text, source text, session text, client text, state text,
         observed_at timestamptz, expires_at timestamptz)
       ON CONFLICT DO NOTHING`,
      sessions,
    );
    return tags;
  }

  /** What one decision after the other would write, by device. */
  async function decideEach(request: NotificationRequest, meant: Meant): Promise<Map<string, string>> {
    const { schedule = {}, ttlSeconds, priority } = request;
    const now = startOf(schedule, NOW);
    const owner = await app.get(AccessService).getApp(shop.app.id);
    const channels = await app.get(IntegrationCache).channelsOf(shop.app.id);
    const used = request.channel ? channels.filter(({ row }) => row.id === shop.apns.id) : channels;
    const rows = await shop.query<{ id: string }>(`SELECT id FROM device WHERE app_id = $1 AND state = 'active'`);
    const sql = app.get(Sql);
    const ids = rows.map(({ id }) => id);
    const devices = (await app.get(Directory).devices(sql, shop.app.id, ids, [])).filter((device) =>
      meant({ ...device, tags: tagsOf.get(device.userId ?? '') ?? [] }),
    );
    const candidates = await app.get(AudienceSlices).withOwners(sql, shop.app.id, devices);
    const plans = planDeliveries(intentOf(request), schedule, candidates, { app: owner, channels: used, now });
    return new Map(
      plans.map(({ candidate, channel, skip, notBefore }) => [
        candidate.device!.id,
        textOf({
          user_id: candidate.userId,
          channel: channel?.plugin.id ?? null,
          integration_id: channel?.row.id ?? null,
          platform: candidate.device!.platform,
          locale: localeOf({ candidate, terms: { locale: owner.defaultLocale } }),
          priority,
          state: skip ? 'skipped' : 'queued',
          reason: skip ?? null,
          not_before: notBefore ?? null,
          expires_at: new Date((notBefore ?? now).getTime() + ttlSeconds * 1000),
        }),
      ]),
    );
  }

  /** Plans nudge after nudge, as workers would. */
  async function plan(request: NotificationRequest): Promise<string> {
    const id = await app.get(NotificationIntake).create(shop.app.id, request);
    platform.setTime(startOf(request.schedule ?? {}, NOW));
    await planned(id);
    return id;
  }

  /** Resolves when a worker has nothing left to plan. */
  async function planned(id: string): Promise<void> {
    const isOpen = () =>
      shop.query(`SELECT 1 FROM notification WHERE app_id = $1 AND id = $2 AND state IN ('scheduled', 'planning')`, id);
    while ((await isOpen()).length > 0) await app.get(SlicePlanner).plan({ appId: shop.app.id, notificationId: id });
  }

  type Meant = (device: {
    readonly platform: string;
    readonly gateway: string;
    readonly appIdentifier: string | null;
    readonly tags: readonly string[];
  }) => boolean;
  const cases: [name: string, request: Partial<NotificationRequest>, meant: Meant][] = [
    ['everyone', {}, () => true],
    ['everyone, whatever they want', { forced: true, category: 'news' }, () => true],
    ['one platform', { audience: { everyone: true, platforms: ['ios'] } }, ({ platform: os }) => os === 'ios'],
    ['more people by tags than a slice holds', { audience: { allOf: ['all'] } }, ({ tags }) => tags.includes('all')],
    ['people by tags who are two slices', { audience: { allOf: ['most'] } }, ({ tags }) => tags.includes('most')],
    [
      'people by tags who are a slice',
      { audience: { allOf: ['all', 'half'] } },
      ({ tags }) => tags.includes('all') && tags.includes('half'),
    ],
    [
      'few people',
      { audience: { anyOf: ['tenth', 'rare'] } },
      ({ tags }) => tags.includes('tenth') || tags.includes('rare'),
    ],
    [
      'a package',
      { audience: { packageName: 'com.example.lite' } },
      ({ appIdentifier }) => appIdentifier === 'com.example.lite',
    ],
    [
      'a package and tags',
      {
        audience: { packageName: 'com.example.shop', allOf: ['all'], anyOf: ['half', 'rare'], platforms: ['android'] },
      },
      ({ appIdentifier, platform: os, tags }) =>
        appIdentifier === 'com.example.shop' &&
        os === 'android' &&
        tags.includes('all') &&
        (tags.includes('half') || tags.includes('rare')),
    ],
    ['a window', { schedule: { window: { start: '09:00', end: '10:00' } } }, () => true],
    [
      'a local time',
      { audience: { allOf: ['all'] }, schedule: { localTime: '2031-05-06T08:00' } },
      ({ tags }) => tags.includes('all'),
    ],
    ['a moment', { schedule: { at: '2031-05-05T22:30:00Z' }, priority: 'high' }, () => true],
    ['a category that people have opted out of', { category: 'news' }, () => true],
  ];

  it.each(cases)('decides for %s as it would for each alone', async (_, more, meant) => {
    const request = { ...PLAN, ...more };
    const expected = await decideEach(request, meant);
    const explanation = await app.get(ExplainService).explain(shop.app.id, request);
    const id = await plan(request);
    const rows = await shop.query<Decided & { id: string; device_id: string }>(
      'SELECT * FROM delivery WHERE app_id = $1',
    );
    expect(new Map(rows.map((row) => [row.device_id, textOf(row)]))).toEqual(expected);
    expect(rows).toHaveLength(expected.size);
    const queued = rows.filter(({ state }) => state === 'queued');
    const [notification] = await shop.query<Record<string, unknown>>(
      'SELECT target_count AS targets, pending_count AS pending, state, expires_at AS until FROM notification WHERE app_id = $1 AND id = $2',
      id,
    );
    const until = new Date(latestStart(request.schedule ?? {}, NOW).getTime() + request.ttlSeconds * 1000);
    expect(notification).toEqual({ targets: rows.length, pending: queued.length, state: 'sending', until });
    expect([explanation.targets, explanation.send]).toEqual([rows.length, queued.length]);
    await expectNudges(queued);
    await expectTallies(rows);
  });

  it('goes through one channel', async () => {
    const request = { ...PLAN, channel: shop.apns.publicId };
    const expected = await decideEach(request, ({ gateway }) => gateway === 'apns');
    await plan(request);
    const rows = await shop.query<Decided & { device_id: string }>('SELECT * FROM delivery WHERE app_id = $1');
    expect(new Map(rows.map((row) => [row.device_id, textOf(row)]))).toEqual(expected);
  });

  it('is shared by two workers, and every device is told once', async () => {
    const request = { ...PLAN, audience: { allOf: ['most'] } };
    const expected = await decideEach(request, ({ tags }) => tags.includes('most'));
    const id = await app.get(NotificationIntake).create(shop.app.id, request);
    await Promise.all([planned(id), planned(id)]);
    const rows = await shop.query<{ device_id: string }>('SELECT device_id FROM delivery WHERE app_id = $1');
    expect(rows.map((row) => row.device_id).toSorted()).toEqual([...expected.keys()].toSorted());
  });

  it('looks at few people one by one', async () => {
    const habits = jest.spyOn(app.get(Directory), 'habits');
    await plan(PLAN);
    const lookedAt = habits.mock.calls.reduce((sum, [, , users]) => sum + users.length, 0);
    habits.mockRestore();
    expect(lookedAt).toBeLessThan(DEVICES / 2);
  });

  /** Every delivery that may be sent is in one nudge of its integration, which does not come before it is due. */
  async function expectNudges(queued: readonly (Decided & { id: string })[]): Promise<void> {
    const jobs = await shop.query<{ data: { integrationId: string; ids: string[] }; due: Date }>(
      `SELECT data, start_after AS due FROM pgboss.job WHERE name = 'deliver' AND data ->> 'appId' = $1::uuid::text`,
    );
    const rowOf = new Map(queued.map((row) => [row.id, row]));
    const nudged = jobs.flatMap(({ data, due }) => data.ids.map((id) => ({ id, due, through: data.integrationId })));
    expect(nudged.map(({ id }) => id).toSorted()).toEqual([...rowOf.keys()].toSorted());
    const wrong = nudged.filter(({ id, due, through }) => {
      const row = rowOf.get(id);
      return through !== row?.integration_id || (row.not_before !== null && due < row.not_before);
    });
    expect(wrong).toEqual([]);
  }

  async function expectTallies(rows: readonly Decided[]): Promise<void> {
    const counted = await shop.query<{ key: string; targeted: number; skipped: number }>(
      `SELECT channel || ' ' || platform AS key, sum(targeted)::int AS targeted, sum(skipped)::int AS skipped
       FROM delivery_tally WHERE app_id = $1 GROUP BY 1`,
    );
    const groups = Map.groupBy(rows, ({ channel, platform: os }) => `${channel ?? 'none'} ${os}`);
    const expected = [...groups].map(([key, group]) => {
      return { key, targeted: group.length, skipped: group.filter(({ reason }) => reason).length };
    });
    const order = (a: { key: string }, b: { key: string }) => (a.key < b.key ? -1 : 1);
    expect(counted.toSorted(order)).toEqual(expected.toSorted(order));
  }
});
