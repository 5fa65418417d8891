import { type RongCloudSimulator, startRongCloudSimulator } from '@bellhop/simulators';
import { executed } from '@bellhop/contracts/testing';
import { readFileSync } from 'node:fs';
import { ChannelClients } from '../../src/core/integrations/channel-clients.js';
import { Metrics } from '../../src/platform/metrics.js';
import { eventually, type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { Outlet, refusalOf, SharedClock } from '../support/delegated.js';
import { Shop } from '../support/shop.js';

// Two calls an hour and three a day, shared by everything that goes to one App Key, with the clock of both sides in hand.

const APP = { appKey: 'uwd1c0sxdlx2', appSecret: 'Y1W2MeFwwwRxa0' };
const EVERYONE = { everyone: true };
const NINE = '2026-01-05T09:00:00+08:00';
const DEADLINE_MS = 1_000;

interface Step {
  readonly at: string;
  readonly kind: 'push' | 'broadcast';
  readonly valid?: false;
  readonly expect: 'send' | 'hold' | 'reject';
  readonly reason?: keyof typeof RULES;
  readonly notBefore?: string;
  readonly vendorReply?: number;
}

interface QuotaAnswer {
  readonly rules: readonly { readonly id: string; readonly used: number }[];
  readonly frozenUntil: string | null;
  readonly nextAt: string | null;
}

const RULES = { HOUR_LIMIT: 'hour', DAY_LIMIT: 'day', VENDOR_THROTTLED: 'vendor' } as const;
const FILE = 'rongcloud/quota-ledger.json';
const { cases } = JSON.parse(
  readFileSync(new URL('../../libs/vendors/rongcloud/fixtures/quota-ledger.json', import.meta.url), 'utf8'),
) as { cases: readonly { readonly id: string; readonly events: readonly Step[] }[] };

describe("RongCloud's quota", () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let vendor: RongCloudSimulator;
  let clock: SharedClock;
  let outlet: Outlet;

  beforeAll(async () => {
    gateways = await startGateways();
    platform = await TestPlatform.start({ egressAllow: ['127.0.0.1:*'] });
    clock = new SharedClock(platform, NINE);
    vendor = await startRongCloudSimulator({ ...APP, now: clock.now });
  });
  afterAll(async () => {
    await platform?.stop();
    await vendor?.close();
    await gateways?.close();
  });
  beforeEach(async () => {
    vendor.reset();
    clock.moveTo(NINE);
    await platform.sql.query('DELETE FROM quota_entry');
    await platform.sql.query('DELETE FROM quota_freeze');
    outlet = await open();
  });

  async function open(config: object = {}): Promise<Outlet> {
    const shop = await Shop.open(platform, gateways);
    const settings = { ...APP, baseUrls: [vendor.url], deadlineMs: DEADLINE_MS, ...config };
    return new Outlet(shop, await shop.vendor('rongcloud', settings));
  }

  const quota = async (of = outlet) =>
    (await of.shop.app.call<QuotaAnswer>('GET', `/v1/integrations/${of.channel.publicId}/quota`)).body;
  const used = async () => (await quota()).rules.map(({ used: calls }) => calls);
  const calls = () => vendor.requests.filter(({ path }) => path === '/push.json').length;
  const stateOf = async (id: string) => (await outlet.deliveries(id))[0]?.state;
  const iso = (moment: string) => new Date(moment).toISOString();
  const retry = (deliveryId: string) => outlet.shop.app.call('POST', `/v1/deliveries/${deliveryId}/retry`, {});

  it.each(cases.map((each) => [each.id, each.events] as const))('is kept as %s tells', async (id, events) => {
    let made = 0;
    for (const step of events) {
      clock.moveTo(step.at);
      if (step.vendorReply) vendor.script([`code${step.vendorReply}`]);
      if (step.valid === false) {
        expect((await outlet.ask({ audience: EVERYONE, content: {} })).status).toBe(422);
        expect(await used()).toEqual([0, 0]);
        continue;
      }
      const chatMessage = { from: 'sys', type: 'RC:TxtMsg', content: '{"content":"hi"}' };
      const notificationId = await outlet.notify(EVERYONE, {
        body: 'Hello',
        ...(step.kind === 'broadcast' && { chatMessage }),
      });
      const [delivery] = await outlet.rested(notificationId);
      if (step.expect === 'send') made++;
      expect(calls()).toBe(made);
      expect(delivery).toMatchObject(
        step.expect === 'hold'
          ? {
              state: 'held',
              reason: 'quota_exhausted',
              detail: `quota of the ${RULES[step.reason!]}`,
              notBefore: iso(step.notBefore!),
              attempts: [],
            }
          : step.vendorReply
            ? { state: 'held', reason: 'quota_exhausted', attempts: [{ vendorCode: String(step.vendorReply) }] }
            : { state: 'accepted' },
      );
      // The file looks at each call by itself: what waits would take the next slot.
      if (delivery?.state === 'held') await outlet.shop.app.call('POST', `/v1/notifications/${notificationId}/cancel`);
    }
    executed(FILE, id);
  });

  it('holds the third call until the next slot, says so beforehand, and sends it then', async () => {
    await outlet.send(EVERYONE);
    clock.moveTo('2026-01-05T09:10:00+08:00');
    await outlet.send({ users: ['u1'] });
    clock.moveTo('2026-01-05T09:20:00+08:00');
    const slot = iso('2026-01-05T10:00:00+08:00');
    const state = {
      rules: [
        { id: 'hour', limit: 2, used: 2 },
        { id: 'day', limit: 3, used: 2 },
      ],
      frozenUntil: null,
      nextAt: slot,
    };
    expect(await quota()).toEqual(state);
    const asked = { audience: EVERYONE, content: { body: 'Third' } };
    const explained = await outlet.ask<object>(asked, '/v1/notifications/explain');
    expect(explained.body).toMatchObject({ quota: state, firstAt: slot, lastAt: slot });

    const id = await outlet.notify(asked.audience, asked.content);
    const later = await outlet.notify(asked.audience, { body: 'Fourth' });
    const [held] = await outlet.rested(id);
    expect(held).toMatchObject({
      state: 'held',
      reason: 'quota_exhausted',
      detail: 'quota of the hour',
      notBefore: slot,
      attempts: [],
    });
    await clock.sweepAt('2026-01-05T09:59:59.999+08:00');
    expect([await stateOf(id), calls()]).toEqual(['held', 2]);
    await clock.sweepAt('2026-01-05T10:02:00+08:00');
    // There is room for one, whichever of the two is looked at first; for the other one the day is over.
    const both = async () => [...(await outlet.deliveries(id)), ...(await outlet.deliveries(later))];
    const isTold = ({ state, detail }: { state: string; detail: string | null }) =>
      state === 'accepted' || (state === 'held' && detail === 'quota of the day');
    await eventually(async () => (await both()).every(isTold));
    expect(await both()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ state: 'accepted' }),
        expect.objectContaining({ state: 'held', notBefore: iso('2026-01-06T00:00:00+08:00') }),
      ]),
    );
    expect([calls(), await used()]).toEqual([3, [2, 3]]);
    expect(vendor.counters.answers).toEqual({ '200': 3 });
    await outlet.shop.expectSums();
    const metrics = await platform.app.get(Metrics).registry.metrics();
    expect(metrics).toMatch(/^bellhop_quota_refusals_total\{channel="rongcloud",rule="day",state="held"\} [1-9]/m);
  });

  it('refuses the third call with the time of the next slot where that is wanted, and stores nothing', async () => {
    await outlet.send(EVERYONE, undefined, { onQuota: 'reject' });
    await outlet.send(EVERYONE, undefined, { onQuota: 'reject' });
    clock.moveTo('2026-01-05T09:15:00+08:00');
    const before = (await outlet.shop.notifications()).length;
    const refused = await outlet.ask({ audience: EVERYONE, content: { body: 'Hello' }, onQuota: 'reject' });
    expect(refusalOf(refused)).toEqual([429, 'quota.exhausted']);
    expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(refused.headers.get('retry-after')).toBe(String(45 * 60));
    expect(refused.body.detail).toContain('2026-01-05T02:00:00.000Z');
    expect((await outlet.shop.notifications()).length).toBe(before);
    expect([calls(), await used()]).toEqual([2, [2, 2]]);
  });

  it('is one for all apps with the same App Key', async () => {
    const other = await open();
    await outlet.send(EVERYONE);
    await other.send(EVERYONE);
    expect((await quota(other)).rules).toEqual((await quota()).rules);
    expect((await other.ask({ audience: EVERYONE, content: { body: 'x' }, onQuota: 'reject' })).status).toBe(429);
    const another = await open({ appKey: 'another' });
    expect((await quota(another)).rules).toMatchObject([{ used: 0 }, { used: 0 }]);
  });

  it('is not used by what can never be sent', async () => {
    const unsendable = { audience: { users: ['x'.repeat(65)] }, content: { body: 'Hello' } };
    expect(refusalOf(await outlet.ask(unsendable))).toEqual([422, 'notification.content_invalid', '/audience/users/0']);
    expect([await used(), calls(), await outlet.shop.notifications()]).toEqual([[0, 0], 0, []]);
  });

  it('is not used by a channel that could not be opened', async () => {
    const clients = platform.app.get(ChannelClients);
    const open = clients.get.bind(clients);
    clients.get = () => Promise.reject(new Error('no such host'));
    const id = await outlet.notify(EVERYONE);
    await eventually(async () => (await outlet.deliveries(id))[0]?.attempts.length === 1);
    clients.get = open;
    expect(await outlet.deliveries(id)).toMatchObject([
      { state: 'queued', reason: 'plugin.failed', attempts: [{ outcome: 'transient' }] },
    ]);
    expect([await used(), calls()]).toEqual([[0, 0], 0]);
    await clock.sweepAt('2026-01-05T09:30:00+08:00');
    expect(await outlet.rested(id)).toMatchObject([{ state: 'accepted' }]);
  });

  it('freezes when RongCloud says that it is used up', async () => {
    vendor.script(['code1008']);
    const [refused] = await outlet.send(EVERYONE);
    expect(refused).toMatchObject({
      state: 'held',
      reason: 'quota_exhausted',
      notBefore: iso('2026-01-05T10:00+08:00'),
    });
    expect(await quota()).toMatchObject({
      rules: [{ used: 0 }, { used: 0 }],
      frozenUntil: iso('2026-01-05T10:00+08:00'),
      nextAt: iso('2026-01-05T10:00+08:00'),
    });
    clock.moveTo('2026-01-05T09:30:00+08:00');
    const [held] = await outlet.send(EVERYONE);
    expect(held).toMatchObject({ state: 'held', detail: 'quota of the vendor', attempts: [] });
    await clock.sweepAt('2026-01-05T10:02:00+08:00');
    await eventually(async () => (await outlet.shop.outcomes()).join() === 'accepted,accepted');
    expect(vendor.pushes).toHaveLength(2);
    await outlet.shop.expectSums();
  });

  it('counts the call of the moment, and not of the reservation', async () => {
    const path = `/v1/integrations/${outlet.channel.publicId}`;
    await outlet.shop.app.call('POST', `${path}/pause`, {});
    const id = await outlet.notify(EVERYONE, undefined, { onQuota: 'reject' });
    expect(await outlet.rested(id)).toMatchObject([{ state: 'held', reason: 'integration_paused' }]);
    clock.moveTo('2026-01-05T09:50:00+08:00');
    await outlet.shop.app.call('POST', `${path}/resume`, {});
    await eventually(async () => (await stateOf(id)) === 'accepted');
    await outlet.send(EVERYONE);
    clock.moveTo('2026-01-05T10:00:00+08:00');
    expect(await quota()).toMatchObject({ nextAt: iso('2026-01-05T10:50:00+08:00') });
  });

  it('gets a place back whose notification was cancelled before the call', async () => {
    await outlet.shop.app.call('POST', `/v1/integrations/${outlet.channel.publicId}/pause`, {});
    const id = await outlet.notify(EVERYONE, undefined, { onQuota: 'reject' });
    expect(await used()).toEqual([1, 1]);
    await outlet.rested(id);
    await outlet.shop.app.call('POST', `/v1/notifications/${id}/cancel`);
    expect(await used()).toEqual([0, 0]);
  });

  describe('and a call whose fate is unknown', () => {
    /** Whatever time passes, and however often the sweep looks. */
    async function sweepForHours(): Promise<void> {
      for (const hour of ['10:02', '12:00', '18:00']) await clock.sweepAt(`2026-01-05T${hour}:00+08:00`);
    }

    it('counts it, never repeats it, and leaves it to an operator', async () => {
      vendor.script(['silent']);
      const id = await outlet.notify(EVERYONE);
      const [unknown] = await outlet.rested(id);
      expect(unknown).toMatchObject({
        state: 'unknown',
        reason: 'network.no_answer',
        attempts: [{ outcome: 'unknown' }],
      });
      expect([calls(), await used()]).toEqual([1, [1, 1]]);
      await sweepForHours();
      expect([calls(), await stateOf(id)]).toEqual([1, 'unknown']);
      expect((await outlet.shop.notifications())[0]).toMatchObject({ state: 'done', pending_count: 0 });

      expect((await retry(unknown!.id)).status).toBe(202);
      const [again] = await outlet.rested(id);
      expect(again).toMatchObject({
        state: 'accepted',
        attempts: [{ outcome: 'unknown' }, { outcome: 'accepted', possibleDuplicate: true }],
      });
      expect([calls(), await used()]).toEqual([2, [1, 2]]);
      await outlet.shop.expectSums();
    });

    it('does the same when the worker was lost in the middle of it, whatever that one writes later', async () => {
      outlet = await open({ deadlineMs: 20_000 });
      vendor.hold();
      const id = await outlet.notify(EVERYONE);
      await vendor.received(1);
      // Nobody lives as long as the lease: for all others this worker is gone.
      await clock.sweepAt('2026-01-05T09:02:00+08:00');
      const [lost] = await outlet.rested(id);
      expect([lost, await used()]).toEqual([
        expect.objectContaining({ state: 'unknown', reason: 'worker.lost' }),
        [1, 1],
      ]);
      await retry(lost!.id);
      await vendor.received(2);
      expect(await used()).toEqual([2, 2]);
      // The first call gets an answer after all, which would give its place back.
      vendor.script(['code1008', 'ok']);
      vendor.release();
      expect(await outlet.rested(id)).toMatchObject([{ state: 'accepted', attempts: [{}, { outcome: 'accepted' }] }]);
      expect(vendor.pushes).toHaveLength(1);
      await eventually(async () => (await quota()).frozenUntil === iso('2026-01-05T10:00:00+08:00'));
      expect(await used()).toEqual([2, 2]);
      await outlet.shop.expectSums();
    });
  });

  it('waits for credentials that RongCloud accepts', async () => {
    const wrong = await open({ appSecret: 'outdated' });
    const integration = `/v1/integrations/${wrong.channel.publicId}`;
    const look = async () => (await wrong.shop.app.call('GET', integration)).body;
    const [first] = await wrong.send(EVERYONE);
    expect(first).toMatchObject({
      state: 'held',
      reason: 'integration_paused',
      attempts: [{ outcome: 'misconfigured', vendorCode: '1004' }],
    });
    expect(await look()).toMatchObject({
      state: 'paused',
      pauseReason: 'misconfigured',
      pauseDetail: 'Check "appSecret". credentials.refused 1004',
    });
    const second = await wrong.notify(EVERYONE);
    expect(await wrong.rested(second)).toMatchObject([{ state: 'held', reason: 'integration_paused', attempts: [] }]);
    await clock.sweepAt('2026-01-05T10:30:00+08:00');
    expect(calls()).toBe(1);
    const revised = await wrong.shop.app.call('PATCH', integration, { config: { appSecret: APP.appSecret } });
    expect([revised.status, revised.body.state]).toEqual([200, 'active']);
    await eventually(async () => (await wrong.shop.outcomes()).every((outcome) => outcome === 'accepted'));
    expect(vendor.pushes).toHaveLength(2);
    expect(JSON.stringify(await look())).not.toMatch(/outdated|Y1W2MeFwwwRxa0/);
  });
});
