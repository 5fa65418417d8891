import { AccessService } from '../../src/access/access.service.js';
import type { PushSwitchView } from '../../src/core/audiences/push-switch.dto.js';
import type { PluginView } from '../../src/core/registry/plugins.dto.js';
import { newId, publicId } from '../../src/platform/ids.js';
import { type ApiReply, TestApp, TestPlatform } from '../support/app.js';
import { PeopleModule, PeopleVendor } from '../support/fake-people.js';
import { FakeVendorModule } from '../support/fake-vendor.js';

interface Problem {
  readonly code: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly field: string }[];
}

describe('what vendors offer besides messages', () => {
  let platform: TestPlatform;
  let vendor: PeopleVendor;
  let app: TestApp;
  let integration: { readonly id: string; readonly publicId: string };

  beforeAll(async () => {
    vendor = await PeopleVendor.start();
    platform = await TestPlatform.start({ role: 'api', plugins: [PeopleModule, FakeVendorModule] });
  });
  afterAll(async () => {
    await platform?.stop();
    await vendor?.goAway();
  });
  beforeEach(async () => {
    vendor.reset();
    app = await platform.createApp();
    integration = await app.integrate({ plugin: 'people', name: 'People', config: vendor.config });
  });

  const refusalIn = ({ status, body }: ApiReply<Problem>) => {
    return [status, body.code, ...new Set(body.errors?.map(({ field }) => field))];
  };
  /** The same app through a weaker key. */
  async function keyed(scope: 'read' | 'send'): Promise<TestApp> {
    const { key } = await platform.app.get(AccessService).createApiKey(app.id, 'weaker', [scope]);
    return new TestApp(platform, app.id, key);
  }

  describe('an action', () => {
    const run = (action: string, input?: unknown, caller = app, at = integration.publicId) =>
      caller.call<{ data: object } & Problem>('POST', `/v1/integrations/${at}/actions/${action}`, { input });

    it('stands in the catalogue with the schema of its input', async () => {
      const { body } = await app.call<PluginView>('GET', '/v1/plugins/people');
      expect(body.outbound).toMatchObject({
        identity: 'people.user_id',
        tags: { maxPerUser: 3, maxBytes: 20, maxUsersPerCall: 1_000 },
        pushSwitch: true,
        quota: false,
        audiences: [],
      });
      expect(body.outbound?.actions[0]).toEqual({
        id: 'greet',
        summary: 'Say hello',
        scope: 'read',
        inputSchema: {
          type: 'object',
          additionalProperties: false,
          required: ['name'],
          properties: {
            name: { type: 'string', minLength: 1, maxLength: 10, title: 'Name' },
            times: { type: 'integer', minimum: 1, maximum: 3, default: 1, title: 'Times' },
          },
        },
      });
    });

    it('answers, with defaults for what is not given', async () => {
      const reply = await run('greet', { name: 'Ada' });
      expect([reply.status, reply.body]).toEqual([200, { data: { greeting: 'Hello Ada' } }]);
      expect((await run('greet', { name: 'Ada', times: 2 })).body).toEqual({
        data: { greeting: 'Hello Ada Hello Ada' },
      });
      expect((await run('call')).body).toEqual({ data: { said: 'yes' } });
      expect((await run('call', null)).body).toEqual({ data: { said: 'yes' } });
    });

    it.each<[name: string, input: unknown, fields: string[]]>([
      ['a missing field', {}, ['/input/name']],
      ['a wrong field', { name: 'Ada', times: 9 }, ['/input/times']],
      ['an unknown field', { name: 'Ada', loud: true }, ['/input/loud']],
      ['several', { times: '1', loud: true }, ['/input/loud', '/input/name', '/input/times']],
      ['no object', 'Ada', ['/input']],
      ['a list', [], ['/input']],
    ])('refuses %s', async (_name, input, fields) => {
      const [status, code, ...found] = refusalIn(await run('greet', input));
      expect([status, code, new Set(found)]).toEqual([400, 'request.invalid', new Set(fields)]);
    });

    it('needs its own scope', async () => {
      const [reader, sender] = [await keyed('read'), await keyed('send')];
      const statuses = async (caller: TestApp) => {
        const replies = [
          await run('greet', { name: 'Ada' }, caller),
          await run('call', {}, caller),
          await run('purge', {}, caller),
        ];
        return replies.map(({ status }) => status);
      };
      expect(await statuses(reader)).toEqual([200, 403, 403]);
      expect(await statuses(sender)).toEqual([200, 200, 403]);
      expect(await statuses(app)).toEqual([200, 200, 200]);
      expect(refusalIn(await run('purge', {}, sender))).toEqual([403, 'auth.scope_missing']);
    });

    it('exists only where it is declared, and for the own app', async () => {
      expect(refusalIn(await run('dance'))).toEqual([404, 'not_found']);
      expect(refusalIn(await run('toString'))).toEqual([404, 'not_found']);
      expect(refusalIn(await run('greet', { name: 'Ada' }, app, publicId('int', newId())))).toEqual([404, 'not_found']);
      expect(refusalIn(await run('greet', { name: 'Ada' }, await platform.createApp()))).toEqual([404, 'not_found']);
      const inbound = await app.integrate({ plugin: 'fake', name: 'Inbound alone', config: {} });
      expect(refusalIn(await run('greet', { name: 'Ada' }, app, inbound.publicId))).toEqual([404, 'not_found']);
    });

    it('asks nothing while the integration is paused', async () => {
      await app.call('POST', `/v1/integrations/${integration.publicId}/pause`, {});
      expect(refusalIn(await run('call'))).toEqual([409, 'integration.paused']);
      expect(vendor.calls).toEqual([]);
    });

    it.each<[vendorStatus: number, status: number, code: string]>([
      [401, 409, 'auth.refused'],
      [402, 429, 'quota.exhausted'],
      [404, 422, 'user.unknown'],
      [409, 409, 'user.elsewhere'],
      [422, 422, 'request.refused'],
      [429, 429, 'rate'],
      [500, 502, 'server.fault'],
      [503, 503, 'server.busy'],
    ])('that the vendor answers with %i is a problem of status %i', async (vendorStatus, status, code) => {
      vendor.answer = () => ({ status: vendorStatus });
      expect(refusalIn(await run('call'))).toEqual([status, code]);
    });

    it('says when to come back', async () => {
      vendor.answer = () => ({ status: 429, headers: { 'retry-after': '7' } });
      expect((await run('call')).headers.get('retry-after')).toBe('7');
      vendor.answer = () => ({ status: 503 });
      expect((await run('call')).headers.get('retry-after')).toBeTruthy();
    });

    it('of a broken plugin is told without what the plugin says', async () => {
      const reply = await run('break');
      expect(refusalIn(reply)).toEqual([502, 'plugin.failed']);
      expect(JSON.stringify(reply.body)).not.toContain('secret-of-the-vendor');
      expect(refusalIn(await run('absent'))).toEqual([502, 'plugin.failed']);
    });
  });

  describe('the push switch', () => {
    const turn = (userId: string, on: unknown, at = integration.publicId) =>
      app.call<PushSwitchView & Problem>('PUT', `/v1/users/${userId}/push-switch/${at}`, { on });
    const link = async (userId: string, value: string) => {
      const body = { integrationId: integration.publicId, kind: 'people.user_id', value };
      expect((await app.call('PUT', `/v1/users/${userId}/identities`, body)).status).toBe(200);
    };
    const asked = () => vendor.calls.map(({ body }) => body);

    it('is turned for the name that the vendor has for the person', async () => {
      await link('u-1', 'v-1');
      const reply = await turn('u-1', true);
      const identity = { kind: 'people.user_id', value: 'v-1' };
      expect([reply.status, reply.body]).toEqual([200, { on: true, identities: [{ ...identity, accepted: true }] }]);
      expect((await turn('u-1', false)).body.on).toBe(false);
      expect(asked()).toEqual([
        { ...identity, on: true },
        { ...identity, on: false },
      ]);
    });

    it('is turned for the user id where there is no link, unless it is the name of somebody else', async () => {
      expect((await turn('u-1', true)).body.identities).toEqual([
        { kind: 'people.user_id', value: 'u-1', accepted: true },
      ]);
      await link('u-2', 'u-1');
      expect(refusalIn(await turn('u-1', true))).toEqual([422, 'identity.unknown']);
      await app.call('PATCH', `/v1/integrations/${integration.publicId}`, {
        settings: { identitiesAreUserIds: false },
      });
      expect(refusalIn(await turn('u-3', true))).toEqual([422, 'identity.unknown']);
      expect(asked()).toHaveLength(1);
    });

    it('is turned for every name; one that is accepted is enough', async () => {
      await link('u-1', 'v-1');
      await link('u-1', 'v-2');
      vendor.answer = ({ body }) => ((body as { value: string }).value === 'v-1' ? { status: 404 } : undefined);
      expect((await turn('u-1', true)).body.identities).toEqual([
        { kind: 'people.user_id', value: 'v-1', accepted: false, code: 'user.unknown' },
        { kind: 'people.user_id', value: 'v-2', accepted: true },
      ]);
      vendor.answer = () => ({ status: 404 });
      expect(refusalIn(await turn('u-1', true))).toEqual([422, 'user.unknown']);
    });

    it('is refused for plugins without one, unknown integrations, and anything but true and false', async () => {
      const inbound = await app.integrate({ plugin: 'fake', name: 'Inbound alone', config: {} });
      expect(refusalIn(await turn('u-1', true, inbound.publicId))).toEqual([422, 'push_switch.unsupported']);
      expect(refusalIn(await turn('u-1', true, publicId('int', newId())))).toEqual([404, 'not_found']);
      expect(refusalIn(await turn('u-1', true, 'x'))).toEqual([404, 'not_found']);
      expect(refusalIn(await turn('u-1', 'yes'))).toEqual([400, 'request.invalid', '/on']);
      expect(refusalIn(await turn('u-1', undefined))).toEqual([400, 'request.invalid', '/on']);
      expect(vendor.calls).toEqual([]);
    });

    it('tells that nothing was asked while the integration is paused', async () => {
      await app.call('POST', `/v1/integrations/${integration.publicId}/pause`, {});
      expect(refusalIn(await turn('u-1', true))).toEqual([409, 'integration.paused']);
      expect(vendor.calls).toEqual([]);
    });
  });
});
