import { kf5Chat, nimCopy, sendCallback } from '@bellhop/simulators';
import { Client } from 'pg';
import { EventRouter } from '../../src/core/routing/event-router.js';
import { newId } from '../../src/platform/ids.js';
import { eventually, TestPlatform } from '../support/app.js';
import { type FreshDatabase, freshDatabase } from '../support/postgres.js';
import { rawRequest } from '../support/raw-http.js';

const APP = { appKey: 'app-key', appSecret: 'app-secret' };

describe('while the store is down', () => {
  let platform: TestPlatform;
  let elsewhere: FreshDatabase;
  let admin: Client;

  beforeAll(async () => {
    platform = await TestPlatform.start({ role: 'api' });
    elsewhere = await freshDatabase();
    admin = new Client({ connectionString: elsewhere.url });
    await admin.connect();
  });
  afterAll(async () => {
    await platform?.stop();
    await admin?.end();
    await elsewhere?.drop();
  });

  const database = (): string => new URL(platform.databaseUrl).pathname.slice(1);
  const allow = (allowed: boolean) => admin.query(`ALTER DATABASE ${database()} ALLOW_CONNECTIONS ${allowed}`);

  it('every vendor is told to send again, and what it then sends is stored once', async () => {
    const app = await platform.createApp();
    const vendors = await Promise.all(
      [
        { plugin: 'kf5', config: {}, callback: kf5Chat({ userId: 7, text: 'x', devices: [] }), down: '', up: '{}' },
        {
          plugin: 'nim',
          config: APP,
          callback: nimCopy(
            APP,
            { eventType: '2', accid: 'a', clientType: 'IOS', deviceId: 'd', timestamp: '1700000000000' },
            { now: new Date() },
          ),
          down: '{"code":503}',
          up: '{"code":200}',
        },
      ].map(async (vendor) => ({
        ...vendor,
        ...(await app.integrate({ plugin: vendor.plugin, name: vendor.plugin, config: vendor.config })),
      })),
    );
    // Once each, so that the platform knows the integrations and only the store is missing.
    for (const { inboundUrl } of vendors) await rawRequest(inboundUrl, { method: 'GET' });
    platform.setTime(new Date());
    await allow(false);
    try {
      await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [database()]);
      for (const { plugin, inboundUrl, callback, down } of vendors) {
        expect([plugin, await sendCallback(inboundUrl, callback)]).toEqual([plugin, { status: 503, body: down }]);
      }
      const unknown = await rawRequest(vendors[0]!.inboundUrl.replace(/int_./, 'int_f'), { body: '{}' });
      expect([unknown.status, unknown.body]).toEqual([503, expect.stringContaining('"unavailable"')]);
    } finally {
      await allow(true);
      platform.setTime(undefined);
    }
    for (const { inboundUrl, callback, up } of vendors) {
      const taken = await eventually(async () => {
        const reply = await sendCallback(inboundUrl, callback);
        return reply.status === 200 && reply;
      });
      expect(taken.body).toBe(up);
    }
    const rows = await platform.sql.query<{ count: string }[]>('SELECT count(*) FROM inbound_event');
    expect(rows).toEqual([{ count: '2' }]);
  });

  it('who routes hears of it once for each batch, and the process lives on', async () => {
    const app = await platform.createApp();
    const { id } = await app.integrate({ plugin: 'kf5', name: 'kf5', config: {} });
    const nudge = { apps: [app.id], ids: [newId()], integrations: [id] };
    const unheard: unknown[] = [];
    const hear = (reason: unknown): void => void unheard.push(reason);
    process.on('unhandledRejection', hear);
    await allow(false);
    try {
      await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [database()]);
      await expect(platform.app.get(EventRouter).route(nudge)).rejects.toThrow();
      // What was asked before, and not waited for, has failed by now as well.
      await expect(platform.sql.query('SELECT 1')).rejects.toThrow();
    } finally {
      await allow(true);
      process.off('unhandledRejection', hear);
    }
    expect(unheard).toEqual([]);
  });
});
