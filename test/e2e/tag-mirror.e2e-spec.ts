import { type RongCloudSimulator, startRongCloudSimulator } from '@bellhop/simulators';
import { RongCloudModule } from '@bellhop/vendors/rongcloud';
import { TagMirror } from '../../src/core/audiences/tag-mirror.js';
import type { TagMirrorView } from '../../src/core/audiences/tag-mirror.dto.js';
import { TagsService } from '../../src/core/audiences/tags.service.js';
import type { IntegrationSettings } from '../../src/core/integrations/integration.settings.js';
import { IntegrationsService } from '../../src/core/integrations/integrations.service.js';
import { WorkLoops } from '../../src/core/work-loops.js';
import { newId } from '../../src/platform/ids.js';
import { Metrics } from '../../src/platform/metrics.js';
import { Sql } from '../../src/platform/sql.js';
import { eventually, type TestApp, TestPlatform } from '../support/app.js';
import { PeopleModule, PeopleVendor } from '../support/fake-people.js';

const START = Date.parse('2026-11-20T08:00:00Z');
const LEASE_MS = 90_000;

interface Row {
  readonly user_id: string;
  readonly state: string;
  readonly reason: string | null;
  readonly attempts: number;
  readonly not_before: Date | null;
  readonly lease_until: Date | null;
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, i) => `u-${i}`);

describe('tags at a vendor', () => {
  let vendor: PeopleVendor;
  let app: TestApp;
  let integration: { readonly id: string; readonly publicId: string };

  beforeAll(async () => {
    vendor = await PeopleVendor.start();
  });
  afterAll(() => vendor?.goAway());

  async function open(platform: TestPlatform, settings: Partial<IntegrationSettings> = {}): Promise<void> {
    vendor.reset();
    app = await platform.createApp();
    integration = await integrate(settings);
  }

  const integrate = (settings: Partial<IntegrationSettings> = {}) =>
    app.integrate({
      plugin: 'people',
      name: 'People',
      config: vendor.config,
      settings: { mirrorTags: true, ...settings },
    });

  const setTags = async (userId: string, ...tags: string[]) => {
    expect((await app.call('PUT', `/v1/users/${userId}/tags`, { tags })).status).toBe(200);
  };
  const setAll = (userIds: readonly string[], ...tags: string[]) =>
    app.platform.app.get(Sql).transaction((tx) => {
      return app.platform.app.get(TagsService).replace(tx, app.id, [{ userIds, tags, version: newId() }]);
    });
  const outbox = () =>
    app.platform.sql.query<Row[]>(
      'SELECT * FROM tag_outbox WHERE app_id = $1 AND integration_id = $2 ORDER BY user_id',
      [app.id, integration.id],
    );
  const emptied = () => eventually(async () => (await outbox()).length === 0);
  const link = (userId: string, value: string) =>
    app.platform.sql.query(
      'INSERT INTO identity (app_id, integration_id, kind, value, user_id) VALUES ($1, $2, $3, $4, $5)',
      [app.id, integration.id, 'people.user_id', value, userId],
    );
  const settings = (change: Partial<IntegrationSettings>) =>
    app.platform.app.get(IntegrationsService).revise(app.id, integration.id, { settings: change });
  const state = async () =>
    (await app.call<TagMirrorView>('GET', `/v1/integrations/${integration.publicId}/tag-mirror`)).body;

  describe('while the workers run', () => {
    let platform: TestPlatform;

    beforeAll(async () => {
      platform = await TestPlatform.start({ plugins: [PeopleModule] });
    });
    afterAll(() => platform?.stop());
    beforeEach(() => open(platform));

    it('follow a change of ours', async () => {
      await setTags('u-1', 'vip', '北京');
      await emptied();
      expect(vendor.replacements).toEqual([[{ userId: 'u-1', tags: ['vip', '北京'] }]]);
      await setTags('u-1');
      await emptied();
      expect(vendor.tags.get('u-1')).toEqual([]);
      const metrics = await platform.app.get(Metrics).registry.metrics();
      expect(metrics).toMatch(/^bellhop_tag_mirror_total\{channel="people",result="done"\} 2$/m);
    });

    it('of 2,500 people go in as few calls as the vendor takes', async () => {
      const users = numbered(2_500);
      await setAll(users, 'vip');
      await emptied();
      expect(vendor.replacements.map((call) => call.length)).toEqual([1_000, 1_000, 500]);
      expect([...vendor.tags.keys()].toSorted()).toEqual(users.toSorted());
      expect(new Set(vendor.replacements.flat().map(({ tags }) => tags.join()))).toEqual(new Set(['vip']));
    });

    it('that change while they are being sent end with the last change, one call after the other', async () => {
      vendor.hold();
      await setTags('u-1', 'first');
      await vendor.received(1);
      await setTags('u-1', 'second');
      await setTags('u-1', 'third');
      vendor.release();
      await emptied();
      expect(vendor.replacements.map((call) => call[0]?.tags)).toEqual([['first'], ['third']]);
    });

    it('arrive although nobody was nudged', async () => {
      await app.platform.sql.query(
        `INSERT INTO user_tag (app_id, user_id, tags, version, updated_at) VALUES ($1, 'u-1', '{lost}', $2, now())`,
        [app.id, newId()],
      );
      await app.platform.sql.query(
        `INSERT INTO tag_outbox (app_id, integration_id, user_id, version, updated_at)
         SELECT app_id, $2, user_id, version, now() - interval '10 minutes' FROM user_tag WHERE app_id = $1`,
        [app.id, integration.id],
      );
      await platform.app.get(WorkLoops).sweep();
      await emptied();
      expect(vendor.tags.get('u-1')).toEqual(['lost']);
    });

    it('wait while the integration is paused, and follow when it is resumed', async () => {
      const at = `/v1/integrations/${integration.publicId}`;
      await app.call('POST', `${at}/pause`, {});
      await setTags('u-1', 'vip');
      expect(await state()).toMatchObject({ mirrors: true, waiting: 1, failed: [] });
      await app.call('POST', `${at}/resume`);
      await emptied();
      expect(vendor.tags.get('u-1')).toEqual(['vip']);
    });

    it('of everybody are written on demand', async () => {
      await settings({ mirrorTags: false });
      await setAll(numbered(3), 'vip');
      expect(await state()).toEqual({ mirrors: false, waiting: 0, waitingSince: null, failed: [] });
      const at = `/v1/integrations/${integration.publicId}/tag-mirror`;
      expect(await app.call('POST', at)).toMatchObject({ status: 422, body: { code: 'tags.not_mirrored' } });
      await settings({ mirrorTags: true });
      expect(await app.call('POST', at)).toMatchObject({ status: 202, body: { mirrors: true } });
      await emptied();
      expect([...vendor.tags]).toEqual(numbered(3).map((user) => [user, ['vip']]));
    });
  });

  describe('by hand', () => {
    let platform: TestPlatform;
    let now: number;

    beforeAll(async () => {
      platform = await TestPlatform.start({ role: 'api', plugins: [PeopleModule] });
    });
    afterAll(() => platform?.stop());
    beforeEach(async () => {
      now = START;
      platform.setTime(new Date(now));
      await open(platform);
    });

    const wait = (ms: number): void => platform.setTime(new Date((now += ms)));
    const mirror = () => platform.app.get(TagMirror).mirror({ appId: app.id, integrationId: integration.id });
    const only = async (): Promise<Row> => {
      const rows = await outbox();
      expect(rows).toHaveLength(1);
      return rows[0]!;
    };

    it('are announced to the integrations that mirror them, and to no others', async () => {
      const silent = await integrate({ mirrorTags: false });
      const other = await platform.createApp();
      await other.integrate({ plugin: 'people', name: 'Other', config: vendor.config, settings: { mirrorTags: true } });
      await setTags('u-1', 'vip');
      const rows = await platform.sql.query<{ integration_id: string }[]>('SELECT integration_id FROM tag_outbox');
      const announced = rows.map(({ integration_id: id }) => id);
      expect(announced).toContain(integration.id);
      expect(announced).not.toContain(silent.id);
      expect(await platform.sql.query('SELECT 1 FROM tag_outbox WHERE app_id = $1', [other.id])).toEqual([]);
    });

    it('are not announced when the change is taken back', async () => {
      const failed = platform.app.get(Sql).transaction(async (tx) => {
        const change = { userIds: ['u-1'], tags: ['vip'], version: newId() };
        await platform.app.get(TagsService).replace(tx, app.id, [change]);
        throw new Error('Something else failed.');
      });
      await expect(failed).rejects.toThrow('Something else failed.');
      expect(await outbox()).toEqual([]);
    });

    it('catch up when the vendor comes back, with the tags of then', async () => {
      await vendor.goAway();
      await setTags('u-1', 'then');
      await mirror();
      expect(await only()).toMatchObject({
        state: 'waiting',
        attempts: 1,
        reason: 'network.unreachable',
        lease_until: null,
      });
      wait((await only()).not_before!.getTime() - now - 1);
      await mirror();
      expect((await only()).attempts).toBe(1);
      await setTags('u-1', 'now');
      // What is new does not make the vendor come back.
      await mirror();
      expect((await only()).attempts).toBe(1);
      wait(1);
      await mirror();
      expect((await only()).attempts).toBe(2);
      await vendor.comeBack();
      wait((await only()).not_before!.getTime() - now);
      await mirror();
      expect(await outbox()).toEqual([]);
      expect(vendor.replacements).toEqual([[{ userId: 'u-1', tags: ['now'] }]]);
    });

    it('are sent again when it is not known whether they arrived', async () => {
      vendor.answer = ({ path }) => (path === '/tags' && vendor.calls.length === 1 ? 'drop' : undefined);
      await setTags('u-1', 'vip');
      await mirror();
      expect(await only()).toMatchObject({ state: 'waiting', attempts: 1, reason: 'network.no_answer' });
      wait(5_000);
      await mirror();
      expect(await outbox()).toEqual([]);
      expect(vendor.replacements).toHaveLength(2);
    });

    it('wait as long as the vendor asks', async () => {
      vendor.answer = () => ({ status: 429, headers: { 'retry-after': '30' } });
      await setTags('u-1', 'vip');
      await mirror();
      const waits = (await only()).not_before!.getTime() - now;
      expect(waits).toBeGreaterThanOrEqual(30_000);
      expect(waits).toBeLessThanOrEqual(31_000);
    });

    it('of no person are sent twice for one change, however many workers there are', async () => {
      const users = numbered(3_000);
      await setAll(users, 'vip');
      const mirrors = () => Array.from({ length: 8 }, mirror);
      await Promise.all(mirrors());
      await Promise.all(mirrors());
      expect(await outbox()).toEqual([]);
      const sent = vendor.replacements.flat().map(({ userId }) => userId);
      expect(sent).toHaveLength(3_000);
      expect(new Set(sent)).toEqual(new Set(users));
    });

    it('that change while they are being sent are left to that worker, and due again afterwards', async () => {
      vendor.hold();
      await setAll(['u-1', 'u-2'], 'first');
      const sending = mirror();
      await vendor.received(1);
      await setTags('u-1', 'second');
      await mirror();
      expect((await outbox()).map(({ attempts }) => attempts)).toEqual([1, 1]);
      vendor.release();
      await sending;
      expect(await only()).toMatchObject({ user_id: 'u-1', state: 'waiting', attempts: 0, lease_until: null });
      await mirror();
      expect(await outbox()).toEqual([]);
      expect([...vendor.tags]).toEqual([
        ['u-1', ['second']],
        ['u-2', ['first']],
      ]);
    });

    it('that change while they are being refused are sent as they are now', async () => {
      vendor.hold();
      vendor.answer = () => (vendor.calls.length === 1 ? { status: 422 } : undefined);
      await setTags('u-1', 'wrong');
      const sending = mirror();
      await vendor.received(1);
      await setTags('u-1', 'right');
      vendor.release();
      await sending;
      expect(await only()).toMatchObject({ state: 'waiting', reason: null });
      await mirror();
      expect(await outbox()).toEqual([]);
      expect(vendor.tags.get('u-1')).toEqual(['right']);
    });

    it('that a worker died over are sent by another one when its time is over', async () => {
      vendor.hold();
      await setTags('u-1', 'vip');
      const lost = mirror();
      await vendor.received(1);
      wait(LEASE_MS - 1);
      await mirror();
      expect((await only()).attempts).toBe(1);
      wait(1);
      await setTags('u-1', 'gold');
      const second = mirror();
      await vendor.received(2);
      vendor.release();
      await Promise.all([lost, second]);
      expect(await outbox()).toEqual([]);
      expect(vendor.tags.get('u-1')).toEqual(['gold']);
    });

    it('a verdict of a worker whose time was over changes nothing', async () => {
      vendor.hold();
      vendor.answer = () => (vendor.calls.length === 1 ? { status: 422 } : undefined);
      await setTags('u-1', 'vip');
      const lost = mirror();
      await vendor.received(1);
      wait(LEASE_MS);
      const second = mirror();
      await vendor.received(2);
      vendor.release();
      await Promise.all([lost, second]);
      expect(await outbox()).toEqual([]);
    });

    it('pause the integration when its settings are wrong, and are kept for when they are right', async () => {
      vendor.answer = () => ({ status: 401 });
      await setAll(numbered(2), 'vip');
      await mirror();
      const { body } = await app.call('GET', `/v1/integrations/${integration.publicId}`);
      expect(body).toMatchObject({
        state: 'paused',
        pauseReason: 'misconfigured',
        pauseDetail: 'Check "secret". auth.refused 1004',
      });
      expect(await state()).toMatchObject({ waiting: 2, failed: [] });
      await mirror();
      expect(vendor.replacements).toHaveLength(1);
      vendor.answer = undefined;
      await app.call('PATCH', `/v1/integrations/${integration.publicId}`, { config: { secret: 'another' } });
      await mirror();
      expect([...vendor.tags]).toEqual([
        ['u-0', ['vip']],
        ['u-1', ['vip']],
      ]);
    });

    it('that the vendor refuses are told, and left alone until they change', async () => {
      vendor.answer = () => ({ status: 200, body: JSON.stringify({ refused: ['u-1'] }) });
      await setAll(numbered(3), 'vip');
      await mirror();
      expect(await only()).toMatchObject({ user_id: 'u-1', state: 'failed', reason: 'tags.refused' });
      expect(await state()).toMatchObject({ waiting: 0, failed: [{ reason: 'tags.refused', users: 1 }] });
      vendor.answer = undefined;
      wait(86_400_000);
      await mirror();
      expect(vendor.replacements).toHaveLength(1);
      await setTags('u-1', 'gold');
      await mirror();
      expect(await outbox()).toEqual([]);
      expect(vendor.tags.get('u-1')).toEqual(['gold']);
    });

    it('beyond what the vendor keeps are not even sent', async () => {
      await setTags('many', 'a', 'b', 'c', 'd');
      await setTags('long', 'x'.repeat(21));
      await setTags('good', 'a', 'b', 'c');
      await mirror();
      expect(vendor.replacements.map((call) => call.map(({ userId }) => userId))).toEqual([['good']]);
      const failed = (await outbox()).map(({ user_id, state: now, reason }) => [user_id, now, reason]);
      expect(failed).toEqual([
        ['long', 'failed', 'tags.length'],
        ['many', 'failed', 'tags.too_many'],
      ]);
    });

    it('go to every name that the vendor has for a person, and to the user id where there is none', async () => {
      await link('linked', 'v-1');
      await link('linked', 'v-2');
      await setAll(['linked', 'plain'], 'vip');
      await mirror();
      const sent = vendor.replacements.flat();
      expect(sent.map(({ userId }) => userId).toSorted()).toEqual(['plain', 'v-1', 'v-2']);
      expect(await outbox()).toEqual([]);
    });

    it('wait for a person of whose names one was refused', async () => {
      vendor.answer = () => ({ status: 200, body: JSON.stringify({ refused: ['v-2'] }) });
      await link('linked', 'v-1');
      await link('linked', 'v-2');
      await setTags('linked', 'vip');
      await mirror();
      expect(await only()).toMatchObject({ user_id: 'linked', state: 'failed', reason: 'tags.refused' });
    });

    it('never go to a stranger whose name at the vendor is like one of our user ids', async () => {
      await link('somebody', 'u-1');
      await setTags('u-1', 'vip');
      await mirror();
      expect(vendor.calls).toEqual([]);
      expect(await only()).toMatchObject({ state: 'failed', reason: 'identity.unknown' });
    });

    it('of people whom the vendor does not know are not sent', async () => {
      await settings({ identitiesAreUserIds: false });
      await setTags('u-1', 'vip');
      await mirror();
      expect(vendor.calls).toEqual([]);
      expect(await only()).toMatchObject({ state: 'failed', reason: 'identity.unknown' });
      await link('u-1', 'v-1');
      await setTags('u-1', 'gold');
      await mirror();
      expect([...vendor.tags]).toEqual([['v-1', ['gold']]]);
    });

    it('of somebody with more names than one call takes go in several', async () => {
      const names = Array.from({ length: 1_001 }, (_, i) => `v-${i}`);
      await platform.sql.query(
        `INSERT INTO identity (app_id, integration_id, kind, value, user_id)
         SELECT $1, $2, 'people.user_id', name, 'u-1' FROM unnest($3::text[]) AS n (name)`,
        [app.id, integration.id, names],
      );
      await setTags('u-1', 'vip');
      await mirror();
      expect(vendor.replacements.map((call) => call.length)).toEqual([1_000, 1]);
      expect(await outbox()).toEqual([]);
    });

    it('are forgotten when the integration no longer mirrors', async () => {
      await setTags('u-1', 'vip');
      await settings({ mirrorTags: false });
      await mirror();
      expect(await outbox()).toEqual([]);
      expect(vendor.calls).toEqual([]);
    });

    it('are not lost to a worker that has not heard yet that the integration mirrors', async () => {
      await settings({ mirrorTags: false });
      await mirror();
      await platform.sql.query(
        `UPDATE integration SET settings = jsonb_set(settings, '{mirrorTags}', 'true') WHERE id = $1`,
        [integration.id],
      );
      await setTags('u-1', 'vip');
      await mirror();
      expect(vendor.tags.get('u-1')).toEqual(['vip']);
    });
  });

  describe("at RongCloud's simulator", () => {
    const KEYS = { appKey: 'tag-mirror-app', appSecret: 'tag-mirror-secret' };
    let platform: TestPlatform;
    let rongCloud: RongCloudSimulator;

    beforeAll(async () => {
      // As many calls a second as the vendor allows, and not one more.
      rongCloud = await startRongCloudSimulator({ ...KEYS, tagRates: { single: 100, batch: 10 } });
      platform = await TestPlatform.start({ plugins: [RongCloudModule], egressAllow: ['127.0.0.1:*'] });
    });
    afterAll(async () => {
      await platform?.stop();
      await rongCloud?.close();
    });

    it('are those of our store: equal sets in batches, the others one by one', async () => {
      app = await platform.createApp();
      integration = await app.integrate({
        plugin: 'rongcloud',
        name: 'RongCloud',
        config: { ...KEYS, baseUrls: [rongCloud.url] },
        settings: { mirrorTags: true },
      });
      const users = numbered(1_200);
      await setAll(users, 'vip', '北京');
      await emptied();
      await setTags('u-7', 'gold');
      await setTags('u-8');
      await emptied();
      for (const user of users.slice(9)) expect(rongCloud.directory.tagsOf(user).toSorted()).toEqual(['vip', '北京']);
      expect(['u-7', 'u-8'].map((user) => rongCloud.directory.tagsOf(user))).toEqual([['gold'], []]);
      const calls = rongCloud.requests.map(({ path, answer }) => `${path} ${answer}`);
      expect(calls.filter((call) => call.startsWith('/user/tag/batch/set.json'))).toHaveLength(2);
      expect(new Set(calls)).toEqual(new Set(['/user/tag/batch/set.json 200', '/user/tag/set.json 200']));
    });
  });
});
