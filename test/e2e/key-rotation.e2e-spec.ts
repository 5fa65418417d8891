import { DeliveryWorker } from '../../src/core/delivery/delivery-worker.js';
import { DevicesService } from '../../src/core/devices/devices.service.js';
import { ReceiptTokens } from '../../src/core/receipts/receipt-tokens.js';
import { SEALED_COLUMNS } from '../../src/core/sealed-columns.js';
import { newKey, parseKeyRing } from '../../src/platform/env.keys.js';
import { EnvironmentInvalidError } from '../../src/platform/env.js';
import { countByKey } from '../../src/platform/vault.columns.js';
import { VaultKeeper } from '../../src/platform/vault.keeper.js';
import {
  giveUpDataKeys,
  rotate,
  type RotationOptions,
  RotationStoppedError,
  type RotationTools,
} from '../../src/platform/vault.rotation.js';
import { Vault } from '../../src/platform/vault.js';
import { Sql } from '../../src/platform/sql.js';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { freshDatabase, type FreshDatabase } from '../support/postgres.js';
import { Handwork } from '../support/handwork.js';
import { freshApnsToken, type Phones, Shop } from '../support/shop.js';

const [K1, K2] = [newKey('k1'), newKey('k2')];
const OPTIONS: RotationOptions = { newDataKey: false, rows: 7, pauseMs: 0 };

describe('the key ring', () => {
  let database: FreshDatabase;
  let gateways: Gateways;
  let running: TestPlatform[];

  beforeAll(async () => {
    gateways = await startGateways();
  });
  afterAll(() => gateways?.close());
  beforeEach(async () => {
    database = await freshDatabase();
    running = [];
  });
  afterEach(async () => {
    for (const platform of running) await platform.stop();
    await database.drop();
    gateways.apns.reset();
  });

  const start = async (keys: string): Promise<TestPlatform> => {
    const platform = await TestPlatform.start({ role: 'api', databaseUrl: database.url, env: { BELLHOP_KEYS: keys } });
    running.push(platform);
    return platform;
  };
  const stop = async (platform: TestPlatform): Promise<void> => {
    running = running.filter((other) => other !== platform);
    await platform.stop();
  };
  /** What an operator would see: the lines and, where time has to pass, processes that look for keys. */
  const tools = (platform: TestPlatform, keys: string, lines: string[] = []): RotationTools => ({
    dataSource: platform.sql,
    ring: parseKeyRing(keys),
    columns: SEALED_COLUMNS,
    say: (line) => void lines.push(line),
    sleep: async (ms) => {
      if (ms >= 1_000) for (const one of running) await one.app.get(VaultKeeper).refresh();
    },
  });
  /** How many values each key has sealed, over all columns. */
  const sealedBy = async (platform: TestPlatform): Promise<Record<string, number>> => {
    const totals: Record<string, number> = {};
    for (const column of SEALED_COLUMNS) {
      for (const [id, count] of await countByKey(platform.app.get(Sql), column)) totals[id] = (totals[id] ?? 0) + count;
    }
    return totals;
  };
  /** One value in every column. */
  const fill = async (platform: TestPlatform): Promise<{ shop: Shop; phones: Phones }> => {
    const shop = await Shop.open(platform, gateways);
    const phones = await shop.person('user_1');
    for (let i = 0; i < 20; i++) await shop.app.device(`user_x${i}`, 'apns', freshApnsToken());
    const body = { url: 'https://hooks.example.com/in', events: ['device.retired'] };
    const made = await shop.app.call('POST', '/v1/webhooks', body, { 'Idempotency-Key': 'webhook-1' });
    expect(made.status).toBe(201);
    const turned = await shop.app.call('POST', `/v1/webhooks/${String(made.body['id'])}/rotate-secret`, {});
    expect([turned.status, turned.body]).toEqual([200, turned.body]);
    const { id } = shop.apns;
    const sealed = platform.app.get(Vault).seal('an access token', `shared:${id}:token`);
    await platform.sql.query(
      `INSERT INTO shared_value (integration_id, key, sealed_value, expires_at) VALUES ($1, 'token', $2, now() + interval '1 hour')`,
      [id, sealed],
    );
    return { shop, phones };
  };
  /** A database as release 0.2 leaves it: the ring itself has sealed everything. */
  const asBefore = async (platform: TestPlatform, keys: string): Promise<void> => {
    await platform.sql.query('DELETE FROM running_process');
    await giveUpDataKeys(tools(platform, keys), OPTIONS);
  };
  const faultsOf = async (keys: string): Promise<string[]> => {
    try {
      await start(keys);
    } catch (error) {
      expect(error).toBeInstanceOf(EnvironmentInvalidError);
      return (error as EnvironmentInvalidError).faults.map(({ variable, message }) => `${variable} ${message}`);
    }
    return [];
  };
  const push = async (shop: Shop, platform: TestPlatform): Promise<string[]> => {
    await shop.notify({ users: ['user_1'] });
    const hand = new Handwork(shop, platform);
    for (const nudge of await hand.nudges()) await platform.app.get(DeliveryWorker).deliver(nudge);
    return shop.outcomes();
  };

  describe('is refused when it is not that of the database', () => {
    const records = (platform: TestPlatform) =>
      platform.sql.query(
        'SELECT (SELECT json_agg(r) FROM ring_key r) AS ring, (SELECT json_agg(d) FROM data_key d) AS data',
      );

    it.each([
      ['another key under the same name', newKey('k1'), /has another key under the name "k1"/],
      ['another ring', K2, /lacks the key "k1", under which the data keys are sealed/],
      ['another ring of several', `${K2},${newKey('k3')}`, /lacks the key "k1"/],
    ])('%s', async (_words, keys, message) => {
      const platform = await start(K1);
      const before = await records(platform);
      expect(await faultsOf(keys)).toEqual([expect.stringMatching(message)]);
      expect(await records(platform)).toEqual(before);
    });

    it('with every fault at once', async () => {
      const platform = await start(`${K1},${K2}`);
      await fill(platform);
      await platform.sql.query(`UPDATE data_key SET ring_key = 'k0'`);
      expect(await faultsOf(`${newKey('k2')},${newKey('k1')}`)).toEqual([
        expect.stringMatching(/another key under the name "k2"/),
        expect.stringMatching(/another key under the name "k1"/),
        expect.stringMatching(/lacks the key "k0"/),
      ]);
    });

    it.each([
      ['a key is missing', K2, /lacks the key "k1", under which secrets of integrations are sealed/],
      ['a key is another one', newKey('k1'), /has another key under the name "k1"/],
    ])('even when an earlier release has sealed everything: %s', async (_words, keys, message) => {
      const platform = await start(K1);
      await fill(platform);
      await asBefore(platform, K1);
      expect(await faultsOf(keys)).toEqual([expect.stringMatching(message)]);
      expect(await platform.sql.query('SELECT id FROM ring_key UNION SELECT id FROM data_key')).toEqual([]);
      expect(await faultsOf(K1)).toEqual([]);
    });

    it('but not for a damaged value', async () => {
      const platform = await start(K1);
      const { shop } = await fill(platform);
      await asBefore(platform, K1);
      await shop.query(`UPDATE device SET sealed_token = '\\x00' WHERE app_id = $1 AND user_id = 'user_x1'`);
      await shop.query(`UPDATE device SET sealed_token = '\\x026b31ff' WHERE app_id = $1 AND user_id = 'user_x2'`);
      expect(await faultsOf(K1)).toEqual([]);
    });
  });

  it('knows every column with sealed values', async () => {
    const platform = await start(K1);
    const columns = await platform.sql.query<{ name: string }[]>(
      `SELECT table_name || '.' || column_name AS name FROM information_schema.columns
       WHERE table_schema = 'public' AND column_name LIKE 'sealed%' AND table_name NOT IN ('ring_key', 'data_key') ORDER BY 1`,
    );
    const known = new Set(SEALED_COLUMNS.map(({ table, read }) => `${table}.${read}`));
    expect(columns.map(({ name }) => name).filter((name) => !known.has(name))).toEqual([]);
  });

  it('of an earlier release keeps its hashes, in whatever order its keys come', async () => {
    const platform = await start(K1);
    const { shop, phones } = await fill(platform);
    await asBefore(platform, K1);
    await stop(platform);
    const later = await start(`${K1},${K2}`);
    const hash = later.app.get(DevicesService).tokenHash('apns', phones.iosToken);
    expect(hash.equals(phones.iphone.tokenHash)).toBe(true);
    expect(shop.app.id).toBeDefined();
  });

  it('is rotated while two processes run: everything is sealed anew, nothing is lost, and the old key can go', async () => {
    const first = await start(K1);
    const { shop, phones } = await fill(first);
    await asBefore(first, K1);
    await stop(first);
    const ring = `${K2},${K1}`;
    const [api, worker] = [await start(ring), await start(ring)];
    Object.assign(shop.app, { platform: api });
    const before = await sealedBy(api);
    expect(Object.keys(before)).toEqual(['k1']);
    const receipt = worker.app.get(ReceiptTokens).issue(shop.app.id, phones.iphone.id);

    const lines: string[] = [];
    const report = await rotate(tools(api, ring, lines), OPTIONS);
    const total = Object.values(before).reduce((sum, count) => sum + count, 0);
    expect(report).toMatchObject({ sealingKey: '@1', released: ['k1'] });
    const sealed = report.columns.filter(({ done }) => done > 0);
    expect(sealed.map(({ what, done }) => [what, done])).toEqual([
      ['secrets of integrations', 2],
      ['secrets of webhooks', 1],
      ['previous secrets of webhooks', 1],
      ['values fetched from vendors', 1],
      ['kept replies', 1],
      ['device tokens', 22],
    ]);
    expect(report.columns.every(({ unreadable }) => unreadable === 0)).toBe(true);
    expect(await sealedBy(worker)).toEqual({ '@1': total });
    expect(lines).toContain('device tokens: 22 sealed with @1');

    // Again there is nothing to do.
    const again = await rotate(tools(api, ring), OPTIONS);
    expect([again.rewrapped, again.columns.reduce((sum, { done }) => sum + done, 0)]).toEqual([0, 0]);

    for (const platform of [api, worker]) await stop(platform);
    const last = await start(K2);
    Object.assign(shop.app, { platform: last });
    expect(await push(shop, last)).toEqual(['accepted', 'accepted']);
    expect(shop.onApns(phones.iosToken)).toHaveLength(1);
    expect(last.app.get(ReceiptTokens).read(receipt)).toEqual({ appId: shop.app.id, deliveryId: phones.iphone.id });
    // The token is found by its hash: it moves to the new install instead of making a second row.
    const moved = await last.app
      .get(DevicesService)
      .register(
        { appId: shop.app.id, userId: 'user_2', installationId: 'another' },
        { gateway: 'apns', token: phones.iosToken, identifier: 'token', platform: 'ios' },
      );
    expect(moved.id).toBe(phones.iphone.id);
    const kept = await shop.app.call(
      'POST',
      '/v1/webhooks',
      { url: 'https://hooks.example.com/in', events: ['device.retired'] },
      {
        'Idempotency-Key': 'webhook-1',
      },
    );
    expect([kept.status, kept.body['secret']]).toEqual([201, expect.stringMatching(/^whsec_/)]);
  });

  it('that was rotated before gets a new data key, put to use once every process can open with it', async () => {
    const ring = `${K2},${K1}`;
    const old = await start(K1);
    const { shop } = await fill(old);
    const [api, worker] = [await start(ring), await start(ring)];
    await expect(rotate(tools(api, ring), OPTIONS)).rejects.toThrow(
      /do not have the data key @2: api on .* \(pid \d+, ring k1\)\. Restart them/,
    );
    // The one that was left behind works on, and so does everybody else with what it seals.
    await old.app.get(VaultKeeper).refresh();
    await shop.person('user_left_behind');
    expect(await sealedBy(api)).toEqual({ '@1': 30 });
    expect(await push(shop, api)).toEqual(['accepted', 'accepted']);

    await stop(old);
    Object.assign(shop.app, { platform: api });
    const report = await rotate(tools(api, ring), OPTIONS);
    expect(report).toMatchObject({ rewrapped: 0, sealingKey: '@2', released: ['k1'] });
    expect(await sealedBy(api)).toEqual({ '@2': 30 });
    await shop.person('user_new');
    expect(await sealedBy(worker)).toEqual({ '@2': 32 });
    expect((await push(shop, worker)).every((outcome) => outcome === 'accepted')).toBe(true);

    for (const platform of [api, worker]) await stop(platform);
    expect(await faultsOf(K1)).toEqual([expect.stringMatching(/lacks the key "k2"/)]);
    expect(await faultsOf(K2)).toEqual([]);
  });

  it('may be stopped half-way: the next rotation goes on, and counts only what was left', async () => {
    const platform = await start(K1);
    await fill(platform);
    await asBefore(platform, K1);
    const half = tools(platform, K1);
    let sets = 0;
    const interrupted: RotationTools = {
      ...half,
      sleep: async (ms) => {
        if (++sets > 11) throw new Error('killed');
        await half.sleep(ms);
      },
    };
    await expect(rotate(interrupted, OPTIONS)).rejects.toThrow('killed');
    const between = await sealedBy(platform);
    expect(between['k1']).toBeGreaterThan(0);
    expect(between['@1']).toBeGreaterThan(0);
    const report = await rotate(half, OPTIONS);
    expect(report.columns.reduce((sum, { done }) => sum + done, 0)).toBe(between['k1']);
    expect(await sealedBy(platform)).toEqual({ '@1': 28 });
  });

  it('waits for nobody: a row that is locked or written meanwhile is left alone and found again', async () => {
    const platform = await start(K1);
    const { shop, phones } = await fill(platform);
    await asBefore(platform, K1);
    const holder = platform.sql.createQueryRunner();
    await holder.startTransaction();
    await holder.query('SELECT 1 FROM device WHERE id = $1 FOR UPDATE', [phones.iphone.id]);
    const usual = tools(platform, K1);
    let passes = 0;
    const report = await rotate(
      {
        ...usual,
        sleep: async (ms) => {
          await usual.sleep(ms);
          const [row] = await shop.query<{ count: number }>(
            `SELECT count(*)::int AS count FROM device WHERE app_id = $1 AND substring(sealed_token from 2 for 2) = 'k1'`,
          );
          if (row?.count === 1 && ++passes === 1) await holder.commitTransaction();
        },
      },
      OPTIONS,
    );
    await holder.release();
    expect(report.columns).toContainEqual({ what: 'device tokens', done: 22, unreadable: 0 });
    expect(passes).toBe(1);
  });

  it('leaves what it cannot read, and says so', async () => {
    const platform = await start(K1);
    const { shop, phones } = await fill(platform);
    await asBefore(platform, K1);
    await shop.query(`UPDATE device SET sealed_token = '\\x026b31ff' WHERE app_id = $1 AND id = $2`, phones.iphone.id);
    const lines: string[] = [];
    const report = await rotate(tools(platform, K1, lines), OPTIONS);
    expect(report.columns).toContainEqual({ what: 'device tokens', done: 21, unreadable: 1 });
    expect(lines.join('\n')).toContain(
      `1 cannot be read with any key and stay as they are: ${shop.app.id} ${phones.iphone.id}`,
    );
    expect(report.released).toEqual([]);
  });

  it('is rotated by one command at a time', async () => {
    const platform = await start(K1);
    const usual = tools(platform, K1);
    const both = Promise.withResolvers<void>();
    const slow = rotate({ ...usual, sleep: () => both.promise }, { ...OPTIONS, newDataKey: true });
    const second = rotate(usual, OPTIONS);
    await expect(second).rejects.toThrow(RotationStoppedError);
    both.resolve();
    running.forEach((one) => void one.app.get(VaultKeeper).refresh());
    await slow.catch((error: Error) => expect(error).toBeInstanceOf(RotationStoppedError));
  });

  it('goes back to the form of earlier releases, when nothing runs', async () => {
    const platform = await start(`${K1},${K2}`);
    await fill(platform);
    await expect(giveUpDataKeys(tools(platform, `${K1},${K2}`), OPTIONS)).rejects.toThrow(
      /Stop every process first: api on/,
    );
    await platform.sql.query('DELETE FROM running_process');
    await expect(giveUpDataKeys(tools(platform, `${K2},${K1}`), OPTIONS)).rejects.toThrow(/as the last one/);
    await giveUpDataKeys(tools(platform, `${K1},${K2}`), OPTIONS);
    expect(await sealedBy(platform)).toEqual({ k1: 28 });
  });
});
