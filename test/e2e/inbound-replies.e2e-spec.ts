import { TagsService } from '../../src/core/audiences/tags.service.js';
import { newId, publicId } from '../../src/platform/ids.js';
import { Metrics } from '../../src/platform/metrics.js';
import { Sql } from '../../src/platform/sql.js';
import { PLUGIN_MODULES } from '../../src/plugins.js';
import { type TestApp, TestPlatform } from '../support/app.js';
import { EchoVendorModule } from '../support/echo-vendor.js';

interface Told {
  readonly result: string;
  readonly eventIds: readonly string[];
  readonly code?: string;
  readonly detail?: string;
  readonly path: string;
}

interface EventRow {
  readonly id: string;
  readonly key: string;
  readonly state: string;
  readonly reason: string | null;
}

describe('what an adapter is told of its callbacks', () => {
  let platform: TestPlatform;
  let app: TestApp;
  let vendor: Awaited<ReturnType<TestApp['integrate']>>;

  beforeAll(async () => {
    // Without work loops: what is accepted stays as it is.
    platform = await TestPlatform.start({ role: 'api', plugins: [...PLUGIN_MODULES, EchoVendorModule] });
  });
  afterAll(() => platform?.stop());
  beforeEach(async () => {
    app = await platform.createApp();
    vendor = await app.integrate({ plugin: 'echo', name: 'echo', config: {} });
  });

  async function say<T = Told>(words: string, headers: Record<string, string> = {}, at = 'some/path'): Promise<T> {
    const reply = await fetch(`${vendor.inboundUrl}/${at}`, { method: 'POST', headers, body: words });
    return (await reply.json()) as T;
  }

  const events = (): Promise<EventRow[]> =>
    platform.sql.query<EventRow[]>(
      'SELECT id, key, state, reason FROM inbound_event WHERE app_id = $1 ORDER BY received_at, position, id',
      [app.id],
    );
  /** Public ids of the events that have these keys. */
  async function idsOf(...keys: readonly string[]): Promise<string[]> {
    const rows = await events();
    return keys.map((key) => publicId('evt', rows.find((row) => row.key === key)?.id ?? key));
  }
  async function counted(result: string): Promise<number> {
    const { values } = await platform.app.get(Metrics).inbound.get();
    return values.find(({ labels }) => labels.plugin === 'echo' && labels.result === result)?.value ?? 0;
  }

  it('names the events that it brought, in its order', async () => {
    const told = await say('b,c,a');
    expect(told).toEqual({ result: 'stored', eventIds: await idsOf('b', 'c', 'a'), path: 'some/path' });
  });

  it('names only what is new', async () => {
    await say('a,b');
    expect((await say('c,a,d')).eventIds).toEqual(await idsOf('c', 'd'));
    expect(await say('a,b')).toEqual({ result: 'duplicate', eventIds: [], path: 'some/path' });
    expect((await say('x,x')).eventIds).toHaveLength(1);
  });

  it('names everybody their own when many come at once', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `n${index}`);
    const told = await Promise.all(names.map((name) => say(`${name},shared`)));
    const own = await idsOf(...names);
    const [shared] = await idsOf('shared');
    expect(told.map(({ eventIds }) => eventIds[0])).toEqual(own);
    expect(told.filter(({ eventIds }) => eventIds.includes(shared ?? ''))).toHaveLength(1);
  });

  it('holds nothing where nothing came', async () => {
    expect(await say('')).toEqual({ result: 'stored', eventIds: [], path: 'some/path' });
    expect(await events()).toEqual([]);
  });

  it('tells of a body that is kept and cannot be used', async () => {
    const told = await say('malformed');
    const [row] = await events();
    expect(row).toMatchObject({ state: 'quarantined', reason: 'echo.malformed' });
    const eventIds = [publicId('evt', row?.id ?? '')];
    expect(told).toEqual({ result: 'malformed', code: 'echo.malformed', eventIds, path: 'some/path' });
    expect(await say('malformed')).toEqual({ ...told, eventIds: [] });
    expect(await say('broken')).toMatchObject({ result: 'malformed', code: 'plugin.parse_failed' });
  });

  it('tells of a request that is not authentic', async () => {
    const refused = { result: 'refused', eventIds: [], path: 'some/path' };
    expect(await say('a', { 'x-forged': '1' })).toEqual({ ...refused, code: 'echo.forged' });
    expect(await events()).toEqual([]);
    await say('a', { 'x-nonce': '1' });
    expect(await say('b', { 'x-nonce': '1' })).toEqual({ ...refused, code: 'echo.nonce_reused' });
  });

  it.each(['some/path', 'tags/echo.direct'])(
    'tells of a command that breaks a rule, and keeps nothing: %s',
    async (at) => {
      const before = await counted('rejected');
      const told = await say('a,forbidden', {}, at);
      expect(told).toEqual({
        result: 'rejected',
        code: 'echo.forbidden',
        detail: 'The word is forbidden.',
        eventIds: [],
        path: at,
      });
      expect([await counted('rejected'), await events()]).toEqual([before + 1, []]);
      expect(await platform.sql.query('SELECT 1 FROM inbound_raw WHERE app_id = $1', [app.id])).toEqual([]);
    },
  );

  it('does not hide a question that could not be answered', async () => {
    expect(await say('broken', {}, 'tags/echo.direct')).toMatchObject({ result: 'unavailable', code: 'unavailable' });
  });

  describe('a question about tags', () => {
    const ask = (kind: string, ...people: readonly string[]) =>
      say<Record<string, string[]>>(people.join(), {}, `tags/${kind}`);
    const tag = async (userId: string, ...tags: readonly string[]): Promise<void> => {
      const change = { userIds: [userId], tags, version: newId() };
      await platform.app.get(TagsService).replace(platform.app.get(Sql), app.id, [change]);
    };
    const link = (userId: string, kind: string, value: string) =>
      app.call('PUT', `/v1/users/${userId}/identities`, { integrationId: vendor.publicId, kind, value });

    it('is answered without an event', async () => {
      const before = await counted('answered');
      await tag('u1', 'a', 'b');
      expect(await ask('echo.direct', 'u1', 'u2')).toEqual({ u1: ['a', 'b'], u2: [] });
      expect([await counted('answered'), await events()]).toEqual([before + 1, []]);
    });

    it('is about the people whom the ids name', async () => {
      await tag('u1', 'one');
      await tag('u2', 'two');
      await link('u2', 'echo.direct', 'u1');
      await link('u1', 'echo.linked', 'x');
      expect(await ask('echo.direct', 'u1', 'u2')).toEqual({ u1: ['two'], u2: ['two'] });
      // Neither linked nor, by the manifest, our user id.
      expect(await ask('echo.linked', 'x', 'u1')).toEqual({ x: ['one'] });
      expect(await ask('echo.unknown', 'u1')).toEqual({});
    });

    it('counts what was acknowledged and waits, the latest word last', async () => {
      await tag('u1', 'stored');
      await tag('u2', 'stored');
      await say('tag:echo.direct:u1:first');
      await say('tag:echo.direct:u1:second,tag:echo.linked:u2:other-kind,tag:echo.direct:u3:third');
      expect(await ask('echo.direct', 'u1', 'u2', 'u3')).toEqual({ u1: ['second'], u2: ['stored'], u3: ['third'] });
    });

    it('does not count what was carried out before something newer', async () => {
      await say('tag:echo.direct:u1:routed');
      await platform.sql.query(`UPDATE inbound_event SET state = 'routed' WHERE app_id = $1`, [app.id]);
      await tag('u1', 'newer');
      expect(await ask('echo.direct', 'u1')).toEqual({ u1: ['newer'] });
    });

    it('stays within its app and its integration', async () => {
      await tag('u1', 'mine');
      await say('tag:echo.direct:u2:waiting');
      const [owner, mine] = [app, vendor];
      vendor = await owner.integrate({ plugin: 'echo', name: 'another', config: {} });
      expect(await ask('echo.direct', 'u1', 'u2')).toEqual({ u1: ['mine'], u2: [] });
      app = await platform.createApp();
      vendor = await app.integrate({ plugin: 'echo', name: 'foreign', config: {} });
      expect(await ask('echo.direct', 'u1', 'u2')).toEqual({ u1: [], u2: [] });
      vendor = mine;
      expect(await ask('echo.direct', 'u1', 'u2')).toEqual({ u1: ['mine'], u2: ['waiting'] });
    });
  });
});
