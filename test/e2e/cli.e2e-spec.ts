import { kf5Chat } from '@bellhop/simulators';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { newKey } from '../../src/platform/env.keys.js';
import { publicId } from '../../src/platform/ids.js';
import { eventually, type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { bellhop, EXIT } from '../support/cli.js';
import { freshDatabase } from '../support/postgres.js';
import { freshApnsToken, Shop } from '../support/shop.js';

const KEYS = newKey('k1');

async function freeAddress(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

describe('bellhop', () => {
  let gateways: Gateways;
  let platform: TestPlatform;
  let shop: Shop;
  let onDatabase: Record<string, string>;
  let onApi: Record<string, string>;
  /** An address where nobody listens. */
  let nowhere: string;

  beforeAll(async () => {
    gateways = await startGateways();
    platform = await TestPlatform.start({ role: 'all', env: { BELLHOP_KEYS: KEYS } });
    nowhere = await freeAddress();
    onDatabase = { DATABASE_URL: platform.databaseUrl, BELLHOP_KEYS: KEYS };
  });
  afterAll(async () => {
    await platform?.stop();
    await gateways?.close();
  });
  beforeEach(async () => {
    shop = await Shop.open(platform, gateways);
    onApi = { BELLHOP_URL: platform.url, BELLHOP_API_KEY: shop.app.key };
  });
  afterEach(() => gateways.apns.reset());

  describe('by itself', () => {
    it('explains its commands, and ends with 64 when it is used wrongly', async () => {
      const help = await bellhop({}, '--help');
      expect(help.code).toBe(EXIT.done);
      for (const word of [
        'doctor',
        'migrate',
        'keys',
        'integrations',
        'events',
        'dead-letters',
        'tokens',
        'Exit codes',
      ]) {
        expect(help.out).toContain(word);
      }
      for (const wrong of [
        ['dance'],
        ['keys', 'new', 'a b'],
        ['tokens', 'undo'],
        ['tokens', 'undo', '--from', 'lately'],
      ]) {
        expect([wrong, (await bellhop({}, ...wrong)).code]).toEqual([wrong, EXIT.usage]);
      }
    });

    it('names everything that is missing from its environment, and shows no key', async () => {
      const nothing = await bellhop({}, 'integrations', 'list');
      expect(nothing.code).toBe(EXIT.configuration);
      expect(nothing.err).toMatch(/\(2\)[^]*BELLHOP_URL must be an address[^]*BELLHOP_API_KEY must be set/);
      const wrong = await bellhop({ BELLHOP_URL: 'push', BELLHOP_API_KEY: 'bh_secret' }, 'integrations', 'list');
      expect([wrong.code, wrong.err.includes('bh_secret')]).toEqual([EXIT.configuration, false]);
      const noKeys = await bellhop({ DATABASE_URL: platform.databaseUrl, BELLHOP_KEYS: 'k1:secret' }, 'keys', 'status');
      expect([noKeys.code, noKeys.err.includes('secret')]).toEqual([EXIT.configuration, false]);
    });

    it('makes a key', async () => {
      const { out, code } = await bellhop({}, 'keys', 'new', 'k2026');
      expect([code, out]).toEqual([EXIT.done, expect.stringMatching(/^k2026:[A-Za-z0-9+/]{43}=$/)]);
    });
  });

  describe('doctor', () => {
    const states = async (env: Record<string, string>): Promise<[number, Record<string, string>]> => {
      const { code, out } = await bellhop(env, 'doctor', '--json');
      const findings = JSON.parse(out) as { check: string; state: string }[];
      const worst = (states: string[]) => ['fail', 'warn', 'ok'].find((state) => states.includes(state)) ?? '';
      const groups = Map.groupBy(findings, ({ check }) => check);
      return [
        code,
        Object.fromEntries([...groups].map(([check, rows]) => [check, worst(rows.map(({ state }) => state))])),
      ];
    };

    it('finds an installation well, and shows no secret', async () => {
      const [code, checks] = await states({ ...onDatabase, BELLHOP_URL: platform.url });
      expect(checks).toMatchObject({
        environment: 'ok',
        schema: 'ok',
        clock: 'ok',
        keys: 'ok',
        processes: 'ok',
        events: 'ok',
        queue: 'ok',
        partitions: 'ok',
        tokens: 'ok',
        plugins: 'ok',
        platform: 'ok',
      });
      expect(code).toBe(EXIT.done);
      const { out } = await bellhop(onDatabase, 'doctor');
      expect(out).toMatch(/\d+ ok, \d+ to look at, 0 wrong\.$/);
      expect(out).not.toContain(KEYS.slice(3));
    });

    it('finds what is wrong, all of it at once, with what to do', async () => {
      await shop.query(
        `UPDATE integration SET state = 'paused', pause_reason = 'misconfigured', pause_detail = E'topic\\u001b[2J' WHERE app_id = $1 AND plugin = 'apns'`,
      );
      await shop.query(`UPDATE integration SET plugin = 'acme-im' WHERE app_id = $1 AND plugin = 'fcm'`);
      await platform.sql.query(
        `INSERT INTO inbound_event (app_id, id, integration_id, callback_id, position, key, state, received_at)
         VALUES ($1, gen_random_uuid(), $2, gen_random_uuid(), 0, 'stuck', 'accepted', now() - interval '1 hour')`,
        [shop.app.id, '00000000-0000-7000-8000-000000000000'],
      );
      const { code, out } = await bellhop({ ...onDatabase, BELLHOP_URL: nowhere, PORT: 'x' }, 'doctor');
      await platform.sql.query(`DELETE FROM inbound_event WHERE key = 'stuck'`);
      await shop.query('DELETE FROM integration WHERE app_id = $1');
      expect(code).toBe(EXIT.failed);
      expect(out).toMatch(/FAIL {2}environment +PORT must be a whole number/);
      expect(out).toMatch(/FAIL {2}plugins +int_\w+ \(acme-im, Androids\) needs "acme-im"/);
      expect(out).toMatch(
        /FAIL {2}integrations +int_\w+ \(apns, iPhones\) is paused: misconfigured, topic \[2J\n +→ .*bellhop integrations resume int_/,
      );
      expect(out).toMatch(/FAIL {2}events +1 wait to be routed, the oldest for 60 min/);
      expect(out).toMatch(/FAIL {2}platform +http:\/\/127\.0\.0\.1:\d+ cannot be reached: ECONNREFUSED/);
      expect(out).not.toContain('\u001b');
    });

    it('says that a database lacks migrations, keys or a server', async () => {
      const empty = await freshDatabase();
      try {
        await bellhop({ DATABASE_URL: empty.url }, 'migrate', 'down');
        const [code, checks] = await states({ ...onDatabase, DATABASE_URL: empty.url });
        expect([code, checks['schema'], checks['keys']]).toEqual([EXIT.failed, 'fail', undefined]);
      } finally {
        await empty.drop();
      }
      const [wrongKeys, keyed] = await states({ ...onDatabase, BELLHOP_KEYS: newKey('k1') });
      expect([wrongKeys, keyed['keys']]).toEqual([EXIT.failed, 'fail']);
      const away = await bellhop({ ...onDatabase, DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/x' }, 'doctor');
      expect([away.code, away.out.includes('hunter2')]).toEqual([EXIT.failed, false]);
      expect(away.out).toMatch(/FAIL {2}database +The database cannot be used/);
    });
  });

  it('migrates down, up, and tells how things stand', async () => {
    const { url, drop } = await freshDatabase();
    const env = { DATABASE_URL: url };
    try {
      expect((await bellhop(env, 'migrate', 'status')).code).toBe(EXIT.done);
      expect(await bellhop(env, 'migrate', 'down')).toMatchObject({
        code: EXIT.done,
        out: expect.stringContaining('reverted'),
      });
      expect(await bellhop(env, 'migrate', 'status')).toMatchObject({
        code: EXIT.pending,
        out: expect.stringContaining('pending '),
      });
      expect(await bellhop({ ...env, BELLHOP_KEYS: KEYS }, 'keys', 'status')).toMatchObject({
        code: EXIT.configuration,
        err: expect.stringContaining('bellhop migrate up'),
      });
      expect(await bellhop(env, 'migrate', 'up')).toMatchObject({
        code: EXIT.done,
        out: expect.stringContaining('applied'),
      });
    } finally {
      await drop();
    }
  });

  it('refuses to revert the migration that has the data keys, until they are given up', async () => {
    const { url, drop } = await freshDatabase();
    const env = { DATABASE_URL: url, BELLHOP_KEYS: KEYS };
    const downTo = async () => {
      for (;;) {
        const { out } = await bellhop(env, 'migrate', 'status');
        if ((out.match(/^applied.*$/gm) ?? []).at(-1)?.includes('Operations')) return;
        await bellhop(env, 'migrate', 'down');
      }
    };
    const other = await TestPlatform.start({ role: 'api', databaseUrl: url, env: { BELLHOP_KEYS: KEYS } });
    await other.stop();
    try {
      await downTo();
      expect(await bellhop(env, 'migrate', 'down')).toMatchObject({
        code: EXIT.failed,
        err: expect.stringContaining('bellhop keys give-up'),
      });
    } finally {
      await drop();
    }
  });

  it('tells of keys, and rotates them', async () => {
    const settled = await bellhop(onDatabase, 'keys', 'status');
    expect([settled.code, settled.out]).toEqual([
      EXIT.done,
      expect.stringMatching(/k1 +first in the ring[^]*@1 +sealing +k1[^]*all +k1 +@1[^]*Everything is sealed/),
    ]);
    const turned = { ...onDatabase, BELLHOP_KEYS: `${newKey('k2')},${KEYS}` };
    const status = await bellhop(turned, 'keys', 'status', '--json');
    expect([status.code, (JSON.parse(status.out) as { pending: number }).pending]).toEqual([EXIT.pending, 3]);
    expect(await bellhop({ ...onDatabase, BELLHOP_KEYS: newKey('other') }, 'keys', 'rotate')).toMatchObject({
      code: EXIT.configuration,
      err: expect.stringContaining('lacks the key "k1"'),
    });
    const rotated = await bellhop(onDatabase, 'keys', 'rotate', '--pause', '0');
    expect([rotated.code, rotated.out]).toEqual([EXIT.done, 'Everything is sealed with @1, under "k1".']);
    expect(rotated.err).toContain('device tokens: 0 sealed with @1');
  });

  it('lists, pauses, checks and resumes integrations of the app alone', async () => {
    const list = await bellhop(onApi, 'integrations', 'list');
    expect(list.out.split('\n')).toHaveLength(3);
    expect(
      await bellhop(onApi, 'integrations', 'pause', shop.apns.publicId, '--detail', 'new certificate'),
    ).toMatchObject({
      code: EXIT.done,
      out: expect.stringMatching(/paused +operator +new certificate/),
    });
    const paused = await bellhop(onApi, 'integrations', 'list', '--paused', '--json');
    expect((JSON.parse(paused.out) as { id: string }[]).map(({ id }) => id)).toEqual([shop.apns.publicId]);
    expect((await bellhop(onApi, 'integrations', 'resume', shop.apns.publicId)).out).toMatch(/iPhones +active/);
    expect(await bellhop(onApi, 'integrations', 'check', shop.fcm.publicId)).toMatchObject({ code: EXIT.done });
    const stranger = await Shop.open(platform, gateways);
    expect(await bellhop(onApi, 'integrations', 'pause', stranger.apns.publicId)).toMatchObject({
      code: EXIT.failed,
      err: expect.stringMatching(/^404 /),
    });
  });

  it('says what the platform refuses, and that it cannot be reached, without the key', async () => {
    const wrong = await bellhop({ ...onApi, BELLHOP_API_KEY: `bh_${'x'.repeat(43)}` }, 'integrations', 'list');
    expect([wrong.code, wrong.err]).toEqual([EXIT.failed, expect.stringMatching(/^401 /)]);
    const away = await bellhop({ ...onApi, BELLHOP_URL: nowhere }, 'integrations', 'list');
    expect([away.code, away.err]).toEqual([EXIT.failed, `${nowhere} cannot be reached: ECONNREFUSED.`]);
  });

  it('takes the key to no other address than the one it was given', async () => {
    const seen: (string | undefined)[] = [];
    const elsewhere: Server = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(302, { location: `${platform.url}/v1/integrations` }).end();
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    const { port } = elsewhere.address() as AddressInfo;
    const result = await bellhop({ ...onApi, BELLHOP_URL: `http://127.0.0.1:${port}` }, 'integrations', 'list');
    await new Promise((resolve) => elsewhere.close(resolve));
    expect([result.code, seen]).toEqual([EXIT.failed, [`Bearer ${shop.app.key}`]]);
  });

  describe('dead letters', () => {
    it('are listed by cause and sent once more', async () => {
      await shop.app.device('user_1', 'apns', freshApnsToken());
      gateways.apns.script('*', ['PayloadTooLarge'], { repeatLast: true });
      await shop.notify({ users: ['user_1'] });
      await shop.settled();
      gateways.apns.reset();
      const list = await bellhop(onApi, 'dead-letters', 'list', '--state', 'failed');
      expect(list.out).toMatch(/^delivery +failed +\S+ +apns +int_\w+ +1 /m);
      const counted = await bellhop(onApi, 'dead-letters', 'redrive', '--state', 'failed', '--from', '1h', '--dry-run');
      expect(counted).toMatchObject({ code: EXIT.done, out: '1 deliveries are meant; nothing was changed.' });
      const redriven = await bellhop(onApi, 'dead-letters', 'redrive', '--state', 'failed', '--from', '1h');
      expect(redriven).toMatchObject({
        code: EXIT.done,
        out: expect.stringMatching(/^1 of 1 deliveries go out once more/),
      });
      await shop.settled();
      expect(await shop.outcomes()).toEqual(['accepted']);
      expect((await bellhop(onApi, 'dead-letters', 'list', '--state', 'failed')).out).toBe('Nothing was given up.');
    });
  });

  it('replays the events that are named, or that match', async () => {
    const { inboundUrl } = await shop.vendor('kf5');
    await shop.deliver(inboundUrl, kf5Chat({ userId: 'nobody', devices: [], text: 'Anybody there?' }));
    const [event] = await shop.events();
    expect([event?.state, event?.reason]).toEqual(['ignored', 'unroutable']);
    const id = publicId('evt', event?.id as string);
    expect(await bellhop(onApi, 'events', 'replay', id, 'evt_nobody')).toMatchObject({
      code: EXIT.failed,
      out: `${id} accepted`,
      err: expect.stringMatching(/^evt_nobody 404 /),
    });
    await shop.settled();
    await shop.deliver(inboundUrl, kf5Chat({ userId: 'nobody', devices: [], text: 'Hello?' }));
    const filter = ['--state', 'ignored', '--reason', 'unroutable', '--from', '1h'];
    expect(await bellhop(onApi, 'events', 'replay', '--state', 'ignored')).toMatchObject({ code: EXIT.usage });
    expect(await bellhop(onApi, 'events', 'replay', ...filter, '--dry-run')).toMatchObject({
      code: EXIT.done,
      out: '2 events are meant; nothing was changed.',
    });
    expect(await bellhop(onApi, 'events', 'replay', ...filter, '--most', '1')).toMatchObject({
      code: EXIT.pending,
      out: expect.stringMatching(/^1 are routed again, .* Some are left\.$/),
    });
    await shop.settled();
    expect((await bellhop(onApi, 'events', 'replay', ...filter)).out).toMatch(/^2 are routed again, 0 could be read/);
  });

  describe('tokens undo', () => {
    const registry = () =>
      shop.query<{ state: string; count: number }>(
        'SELECT state, count(*)::int AS count FROM device WHERE app_id = $1 GROUP BY 1 ORDER BY 1',
      );

    it('restores all devices after a mass retirement that was forced, and they are sent to', async () => {
      const tokens = Array.from({ length: 40 }, () => freshApnsToken());
      await Promise.all(tokens.map((token, i) => shop.app.device(`user_${i}`, 'apns', token)));
      // One device that works keeps the brake off: the 39 others are believed to be dead.
      gateways.apns.script('*', [{ status: 410, reason: 'Unregistered', timestamp: Date.now() + 60_000 }], {
        repeatLast: true,
      });
      gateways.apns.script(tokens[0] as string, ['ok'], { repeatLast: true });
      await shop.notify({ users: tokens.map((_, i) => `user_${i}`) });
      await shop.settled();
      // What was learned about devices is written after the results.
      const believedDead = [
        { state: 'active', count: 1 },
        { state: 'retired', count: 39 },
      ];
      await eventually(async () => isDeepStrictEqual(await registry(), believedDead));
      // Retired long before: nobody means it.
      await shop.app.device('user_old', 'apns', freshApnsToken());
      await shop.query(
        `UPDATE device SET state = 'retired', state_reason = 'token.unregistered', state_changed_at = now() - interval '3 days' WHERE app_id = $1 AND user_id = 'user_old'`,
      );
      gateways.apns.reset();

      const dry = await bellhop(onApi, 'tokens', 'undo', '--from', '1h', '--reason', 'token.unregistered', '--dry-run');
      expect(dry).toMatchObject({ code: EXIT.done, out: '39 devices are meant; nothing was changed.' });
      expect((await bellhop(onApi, 'tokens', 'undo', '--from', '1h', '--state', 'suspect')).out).toMatch(/^0 of 0/);
      expect((await bellhop(onApi, 'tokens', 'undo', '--from', '1h', '--gateway', 'fcm')).out).toMatch(/^0 of 0/);
      const undone = await bellhop(onApi, 'token', 'undo', '--from', '1h', '--reason', 'token.unregistered');
      expect(undone).toMatchObject({ code: EXIT.done, out: '39 of 39 devices are in use again.' });
      expect(await registry()).toEqual([
        { state: 'active', count: 40 },
        { state: 'retired', count: 1 },
      ]);

      await shop.notify({ users: tokens.map((_, i) => `user_${i}`) });
      await shop.settled();
      expect((await shop.outcomes()).slice(40)).toEqual(Array(40).fill('accepted'));
    });

    it('takes an admin key', async () => {
      const sender = await platform.createApp(['send']);
      const env = { BELLHOP_URL: platform.url, BELLHOP_API_KEY: sender.key };
      expect(await bellhop(env, 'tokens', 'undo', '--from', '1h')).toMatchObject({
        code: EXIT.failed,
        err: expect.stringMatching(/^403 /),
      });
    });
  });
});
