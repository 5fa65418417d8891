import { WebhookModule } from '@bellhop/channels/webhook';
import { APP_SOURCE, type PresenceRow } from '../../src/core/users/presence.entity.js';
import { PresenceService } from '../../src/core/users/presence.service.js';
import { UsersModule } from '../../src/core/users/users.module.js';
import { newId, publicId } from '../../src/platform/ids.js';
import { Sql } from '../../src/platform/sql.js';
import { FakeVendorModule } from '../support/fake-vendor.js';
import { type RestApp, startRestApp } from '../support/rest-app.js';

interface Refused {
  readonly code: string;
  readonly errors: readonly { readonly field: string; readonly message: string }[];
}

describe('users', () => {
  let rest: RestApp;
  let key: string;
  let appId: string;

  beforeAll(async () => {
    rest = await startRestApp(FakeVendorModule, WebhookModule, UsersModule);
  });
  afterAll(() => rest?.close());
  beforeEach(async () => {
    const seeded = await rest.seed('send');
    key = seeded.key;
    appId = seeded.app.id;
  });

  const fieldsOf = (refused: Refused): string[] => refused.errors.map(({ field }) => field);

  async function anIntegration(app = appId, plugin = 'fake'): Promise<string> {
    const id = newId();
    await rest.dataSource.query(
      `INSERT INTO integration (app_id, id, plugin, name, config, sealed_secrets, settings, url_secret_hash)
       VALUES ($1, $2, $3, 'Test', '{}', '', '{}', '')`,
      [app, id, plugin],
    );
    return publicId('int', id);
  }

  describe('identities', () => {
    const link = (user: string, body: object) =>
      rest.call<Refused>('PUT', `/v1/users/${user}/identities`, { key, body });
    const list = async (user: string) =>
      (await rest.call<{ data: object[] }>('GET', `/v1/users/${user}/identities`, { key })).body.data;

    it('links, lists and unlinks', async () => {
      const identity = { integrationId: await anIntegration(), kind: 'fake.user_id', value: '4/0 158' };
      const linked = await link('u-1', identity);
      expect([linked.status, linked.body]).toMatchObject([200, { userId: 'u-1', ...identity }]);
      expect(await list('u-1')).toEqual([linked.body]);
      const query = new URLSearchParams(identity).toString();
      expect((await rest.call('DELETE', `/v1/users/u-2/identities?${query}`, { key })).status).toBe(404);
      expect((await rest.call('DELETE', `/v1/users/u-1/identities?${query}`, { key })).status).toBe(204);
      expect((await rest.call('DELETE', `/v1/users/u-1/identities?${query}`, { key })).status).toBe(404);
      expect(await list('u-1')).toEqual([]);
    });

    it('moves an identity that another person had', async () => {
      const identity = { integrationId: await anIntegration(), kind: 'fake.phone', value: '+86 10' };
      await link('u-1', identity);
      await link('u-2', identity);
      expect(await list('u-1')).toEqual([]);
      expect(await list('u-2')).toHaveLength(1);
    });

    it('refuses a kind that the plugin does not have', async () => {
      const reply = await link('u-1', { integrationId: await anIntegration(), kind: 'fake.shoe_size', value: '43' });
      expect(reply.status).toBe(422);
      expect(reply.body.errors).toEqual([{ field: '/kind', message: 'must be one of fake.user_id, fake.phone' }]);
      const gone = await link('u-1', { integrationId: await anIntegration(appId, 'gone'), kind: 'x', value: '1' });
      expect([gone.status, fieldsOf(gone.body)]).toEqual([422, ['/kind']]);
    });

    it('links the names by which a channel addresses people', async () => {
      const integrationId = await anIntegration(appId, 'webhook');
      const identity = { integrationId, kind: 'webhook.user_id', value: 'crm-7' };
      const linked = await link('u-1', identity);
      expect([linked.status, linked.body]).toMatchObject([200, { userId: 'u-1', ...identity }]);
      const reply = await link('u-1', { ...identity, kind: 'webhook.phone' });
      expect(reply.body.errors).toEqual([{ field: '/kind', message: 'must be one of webhook.user_id' }]);
    });

    it('tells nothing about integrations of others', async () => {
      const stranger = await rest.seed('send');
      const foreign = await anIntegration(stranger.app.id);
      const replies = await Promise.all(
        [foreign, publicId('int', newId()), 'int_x', 'nonsense'].map((integrationId) =>
          link('u-1', { integrationId, kind: 'fake.user_id', value: '1' }),
        ),
      );
      for (const { status, body } of replies) {
        expect([status, body.code, fieldsOf(body)]).toEqual([422, 'identity.integration_unknown', ['/integrationId']]);
      }
    });
  });

  describe('presence', () => {
    const report = (body: object, installation = 'i-1') =>
      rest.call<Refused & { state: string; observedAt: string; expiresAt: string | null }>(
        'PUT',
        `/v1/users/u-1/presence/${installation}`,
        { key, body },
      );
    const ago = (seconds: number): string => new Date(Date.now() - seconds * 1000).toISOString();

    it('keeps the latest observation, whatever the order of arrival', async () => {
      expect((await report({ state: 'background', observedAt: ago(10) })).body.state).toBe('background');
      expect((await report({ state: 'foreground', observedAt: ago(20) })).body.state).toBe('background');
      expect((await report({ state: 'loggedOut' })).body.state).toBe('loggedOut');
      const { body } = await rest.call<{ data: object[] }>('GET', '/v1/users/u-1/presence', { key });
      expect(body.data).toEqual([
        expect.objectContaining({
          source: 'app',
          session: 'i-1',
          state: 'loggedOut',
          client: 'mobile',
          expiresAt: null,
        }),
      ]);
    });

    it('lets a foreground expire after 300 seconds, or as told', async () => {
      const seconds = ({ observedAt, expiresAt }: { observedAt: string; expiresAt: string | null }): number =>
        (Date.parse(expiresAt ?? '') - Date.parse(observedAt)) / 1000;
      expect(seconds((await report({ state: 'foreground' })).body)).toBe(300);
      expect(seconds((await report({ state: 'foreground', ttlSeconds: 10 })).body)).toBe(10);
      expect(seconds((await report({ state: 'background', ttlSeconds: 3600 })).body)).toBe(3600);
      expect((await report({ state: 'offline' })).body.expiresAt).toBeNull();
    });

    it('takes an observation from the future for one of now', async () => {
      const { body } = await report({ state: 'foreground', observedAt: ago(-86_400) });
      expect(Date.parse(body.observedAt)).toBeLessThanOrEqual(Date.now());
    });

    it.each([
      [{ state: 'kicked' }, '/state'],
      [{ state: 'foreground', ttlSeconds: 9 }, '/ttlSeconds'],
      [{ state: 'foreground', ttlSeconds: '60' }, '/ttlSeconds'],
      [{ state: 'foreground', observedAt: '2026-11-20' }, '/observedAt'],
      [{ state: 'foreground', observedAt: '2026-02-30T00:00:00Z' }, '/observedAt'],
      [{ state: 'foreground', client: 'toaster' }, '/client'],
    ])('refuses %j', async (body, field) => {
      const reply = await report(body);
      expect([reply.status, ...new Set(fieldsOf(reply.body))]).toEqual([400, field]);
    });

    it('takes any number of reports in one statement', async () => {
      const sql = rest.get(Sql);
      const presence = rest.get(PresenceService);
      const source = newId();
      const at = (second: number, state: PresenceRow['state'], userId = 'u-7'): PresenceRow => ({
        appId,
        userId,
        source,
        session: 's-1',
        state,
        client: 'unknown',
        observedAt: new Date(second * 1000),
        expiresAt: null,
      });
      await presence.apply(sql, []);
      await presence.apply(sql, [
        at(2, 'offline'),
        at(3, 'online'),
        at(1, 'kicked'),
        at(3, 'offline'),
        at(9, 'online', 'u-8'),
      ]);
      await presence.apply(sql, [at(2, 'online'), at(9, 'offline', 'u-8')]);
      const states = await Promise.all(
        ['u-7', 'u-8'].map(async (user) => (await presence.list(appId, user))[0]?.state),
      );
      expect(states).toEqual(['offline', 'offline']);
      const { body } = await rest.call<{ data: object[] }>('GET', '/v1/users/u-7/presence', { key });
      expect(body.data).toEqual([expect.objectContaining({ source: publicId('int', source), session: 's-1' })]);
    });

    it('applies crossing batches at once', async () => {
      const presence = rest.get(PresenceService);
      const sql = rest.get(Sql);
      const users = Array.from({ length: 50 }, (_, n) => `u-${n}`);
      const batch = (order: readonly string[], second: number): PresenceRow[] =>
        order.map((userId) => ({
          appId,
          userId,
          source: APP_SOURCE,
          session: 's',
          state: 'online',
          client: 'mobile',
          observedAt: new Date(second * 1000),
          expiresAt: null,
        }));
      const batches = Array.from({ length: 20 }, (_, n) => batch(n % 2 ? users : users.toReversed(), n));
      await Promise.all(batches.map((rows) => presence.apply(sql, rows)));
      const [row] = await presence.list(appId, 'u-0');
      expect(row?.observedAt).toEqual(new Date(19_000));
    });
  });

  describe('preferences', () => {
    const set = (body: object) => rest.call<Refused>('PUT', '/v1/users/u-1/preferences', { key, body });
    const defaults = {
      pushEnabled: true,
      dndStart: null,
      dndEnd: null,
      dndTimeZone: null,
      mutedConversations: [],
      optedOut: [],
      blockedSenders: [],
      friends: null,
      allowStrangers: true,
      quietOnDesktop: false,
    };

    it('has defaults for a person who never chose', async () => {
      const { status, body } = await rest.call('GET', '/v1/users/nobody/preferences', { key });
      expect([status, body]).toEqual([200, { ...defaults, updatedAt: null }]);
    });

    it('replaces everything', async () => {
      const chosen = {
        pushEnabled: false,
        dndStart: '22:00',
        dndEnd: '07:30',
        dndTimeZone: 'Asia/Shanghai',
        mutedConversations: ['c,"1"', '{2}'],
        optedOut: ['staff.outreach'],
        blockedSenders: ['s-1'],
        friends: [],
        allowStrangers: false,
        quietOnDesktop: true,
      };
      expect((await set(chosen)).body).toEqual({ ...chosen, updatedAt: expect.any(String) });
      expect((await rest.call('GET', '/v1/users/u-1/preferences', { key })).body).toMatchObject(chosen);
      expect((await set({ quietOnDesktop: true })).body).toMatchObject({ ...defaults, quietOnDesktop: true });
    });

    it.each([
      [{ dndStart: '22:00' }, ['/dndEnd']],
      [{ dndEnd: '22:00', dndStart: null }, ['/dndStart']],
      [{ dndStart: '24:00', dndEnd: '7:30' }, ['/dndStart', '/dndEnd']],
      [{ dndTimeZone: 'Mars/Olympus' }, ['/dndTimeZone']],
      [{ pushEnabled: null }, ['/pushEnabled']],
      [{ pushEnabled: 'false' }, ['/pushEnabled']],
      [{ optedOut: Array.from({ length: 1001 }, String) }, ['/optedOut']],
      [{ optedOut: ['x'.repeat(257)] }, ['/optedOut']],
      [{ mutedConversations: ['a\u0000'] }, ['/mutedConversations']],
      [{ blockedSenders: 'me' }, ['/blockedSenders']],
      [{ friends: [7] }, ['/friends']],
    ])('refuses %#', async (body, fields) => {
      const reply = await set(body);
      expect([reply.status, [...new Set(fieldsOf(reply.body))]]).toEqual([400, fields]);
    });
  });
});
