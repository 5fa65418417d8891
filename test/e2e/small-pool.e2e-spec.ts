import { nimMessage, type RongCloudSimulator, startRongCloudSimulator } from '@bellhop/simulators';
import { EventRouter } from '../../src/core/routing/event-router.js';
import { eventually, type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { Shop } from '../support/shop.js';

const APP = { appKey: 'app-key', appSecret: 'app-secret' };
const CONTENT = { title: 'Sale', body: 'Today only' };

describe('two connections to the database', () => {
  let gateways: Gateways;
  let rongCloud: RongCloudSimulator;

  beforeAll(async () => {
    gateways = await startGateways();
    rongCloud = await startRongCloudSimulator(APP);
  });
  afterAll(async () => {
    await rongCloud?.close();
    await gateways?.close();
  });

  const start = (role: 'all' | 'api') => TestPlatform.start({ role, databasePool: 2, egressAllow: ['127.0.0.1:*'] });

  it('are enough for a callback, a broadcast and a tag mirror at once', async () => {
    const platform = await start('all');
    try {
      const shop = await Shop.open(platform, gateways);
      const people = await Promise.all(['user_1', 'user_2', 'user_3'].map((userId) => shop.person(userId)));
      const nim = await shop.vendor('nim', APP);
      await shop.vendor('rongcloud', { ...APP, baseUrls: [rongCloud.url] }, { mirrorTags: true });
      await Promise.all([
        shop.post(
          nim.inboundUrl,
          nimMessage(APP, { fromAccount: 'user_2', to: 'user_1', body: 'Hello' }, { now: new Date() }),
        ),
        shop.notify({ everyone: true }, CONTENT),
        ...people.map(({ userId }) => shop.app.call('PUT', `/v1/users/${userId}/tags`, { tags: ['vip'] })),
      ]);
      await shop.settled();
      expect(people.map((phones) => shop.pushes(phones))).toEqual([
        [2, 2],
        [1, 1],
        [1, 1],
      ]);
      await eventually(async () => rongCloud.directory.tagsOf('user_3').includes('vip'));
      await shop.expectSums();
    } finally {
      await platform.stop();
    }
  });

  it('are not waited for by batches of events that hold one each', async () => {
    const platform = await start('api');
    try {
      const shop = await Shop.open(platform, gateways);
      await shop.person('user_1');
      const other = await shop.vendor('webhook', {
        url: 'https://hooks.example.com/bellhop',
        secret: `whsec_${Buffer.alloc(32, 1).toString('base64')}`,
      });
      const nim = await shop.vendor('nim', APP, { alsoThrough: [other.publicId] });
      for (let i = 0; i < 8; i++) {
        const message = { fromAccount: `user_${i + 2}`, to: 'user_1', body: 'Hello' };
        await shop.post(nim.inboundUrl, nimMessage(APP, message, { now: new Date() }));
      }
      const events = await shop.events();
      // By now nothing that was loaded is fresh any more.
      platform.setTime(new Date(Date.now() + 60_000));
      const router = platform.app.get(EventRouter);
      const nudges = events.map(({ id }) => ({ apps: [shop.app.id], ids: [id], integrations: [nim.id] }));
      await Promise.all(nudges.map((nudge) => router.route(nudge)));
      expect((await shop.events()).map(({ state }) => state)).toEqual(Array(8).fill('routed'));
      expect(await shop.outcomes()).toEqual(Array(24).fill('queued'));
    } finally {
      await platform.stop();
    }
  });
});
