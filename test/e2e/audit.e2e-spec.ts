import { AuditRetention } from '../../src/access/audit/audit-retention.js';
import { newId, publicId } from '../../src/platform/ids.js';
import { PLATFORM_KEY, type TestApp, TestPlatform } from '../support/app.js';

interface Entry {
  readonly id: string;
  readonly at: string;
  readonly appId: string | null;
  readonly actor: { readonly kind: string; readonly id: string | null; readonly name: string };
  readonly requestId: string;
  readonly action: string;
  readonly target: string | null;
  readonly address: string;
  readonly fields: readonly string[];
  readonly before: Record<string, unknown> | null;
  readonly after: Record<string, unknown> | null;
}

interface Page {
  readonly data: readonly Entry[];
  readonly nextCursor: string | null;
}

const NIM = { plugin: 'nim', name: 'NIM', config: { appKey: 'key', appSecret: 'hunter2-of-the-vendor' } };
const DAY_MS = 86_400_000;

describe('the audit', () => {
  let platform: TestPlatform;
  let app: TestApp;

  beforeAll(async () => {
    platform = await TestPlatform.start({ role: 'api', env: { BELLHOP_AUDIT_DAYS: '40' } });
  });
  afterAll(() => platform?.stop());
  beforeEach(async () => {
    app = await platform.createApp();
  });

  const audit = async (query = '', caller = app): Promise<Page> =>
    (await caller.call<Page>('GET', `/v1/audit?${query}`)).body;
  const ofPlatform = async (query = ''): Promise<Page> =>
    (await platform.request<Page>('GET', `/v1/platform-audit?${query}`, { key: PLATFORM_KEY })).body;
  const actions = ({ data }: Page): string[] => data.map(({ action }) => action);
  const integrate = async (): Promise<string> =>
    (await app.call<{ id: string }>('POST', '/v1/integrations', NIM)).body.id;
  const query = <T = object>(sql: string, ...values: unknown[]): Promise<T[]> => platform.sql.query<T[]>(sql, values);

  it('tells who changed what, when, from what into what', async () => {
    const id = await integrate();
    const change = { name: 'NIM 2', config: { appSecret: 'another-hunter2' } };
    const reply = await app.call('PATCH', `/v1/integrations/${id}`, change, { 'x-request-id': 'request-of-the-test' });
    expect(reply.status).toBe(200);
    const { data } = await audit();
    expect(data).toHaveLength(2);
    expect(data[0]).toEqual({
      id: expect.stringMatching(/^aud_[0-9a-f]{32}$/),
      at: expect.any(String),
      appId: publicId('app', app.id),
      actor: {
        kind: 'api_key',
        id: expect.stringMatching(/^key_/),
        name: `tests (${app.key.slice(0, 10)})`,
      },
      requestId: 'request-of-the-test',
      action: 'reviseIntegration',
      target: id,
      address: `PATCH /v1/integrations/${id}`,
      fields: ['/name', '/config/appSecret'],
      before: expect.objectContaining({ id, name: 'NIM', revision: 1 }),
      after: expect.objectContaining({ id, name: 'NIM 2', revision: 2 }),
    });
    expect(data[0]?.after?.['config']).toMatchObject({ appKey: 'key', appSecret: { set: true } });
    expect(data[1]).toMatchObject({ action: 'createIntegration', target: id, before: null, after: { name: 'NIM' } });
    expect(JSON.stringify(data)).not.toContain('hunter2');
    expect(Math.abs(Date.parse(data[0]?.at ?? '') - Date.now())).toBeLessThan(60_000);
  });

  it('holds nothing of what was refused, and nothing of what is read', async () => {
    const id = await integrate();
    const weak = await platform.createApp(['read']);
    await weak.call('POST', '/v1/integrations', NIM);
    await app.call('PATCH', `/v1/integrations/${id}`, { nonsense: 1 });
    await app.call('PATCH', `/v1/integrations/${id}`, { config: { toleranceSeconds: 'x' } });
    await app.call('PATCH', `/v1/integrations/${publicId('int', newId())}`, { name: 'x' });
    await app.call('GET', `/v1/integrations/${id}`);
    expect(actions(await audit())).toEqual(['createIntegration']);
    expect(await query('SELECT id FROM audit_entry WHERE app_id = $1', weak.id)).toEqual([]);
  });

  it('has one entry for a call that is repeated under its Idempotency-Key', async () => {
    const replies = [];
    for (let round = 0; round < 3; round++) {
      replies.push(await app.call('POST', '/v1/integrations', NIM, { 'idempotency-key': 'once' }));
    }
    expect(replies.map(({ headers }) => headers.get('idempotent-replayed'))).toEqual([null, 'true', 'true']);
    expect(actions(await audit())).toEqual(['createIntegration']);
  });

  it('shows an app its own entries alone, whoever made them, and the platform all', async () => {
    const other = await platform.createApp();
    await integrate();
    const path = `/v1/apps/${publicId('app', app.id)}`;
    const renamed = await platform.request('PATCH', path, { key: PLATFORM_KEY, body: { name: 'New' } });
    expect(renamed.status).toBe(200);
    await other.call('PUT', '/v1/users/u-1/tags', { tags: ['vip'] });

    expect(actions(await audit())).toEqual(['updateApp', 'createIntegration']);
    expect((await audit()).data[0]?.actor).toEqual({ kind: 'platform_key', id: null, name: 'BELLHOP_PLATFORM_KEY' });
    expect(actions(await audit('', other))).toEqual(['setTags']);
    expect(actions(await ofPlatform('limit=3'))).toEqual(['setTags', 'updateApp', 'createIntegration']);
    expect(actions(await ofPlatform(`appId=${publicId('app', other.id)}`))).toEqual(['setTags']);

    const weak = await platform.createApp(['send']);
    expect((await weak.call('GET', '/v1/audit')).status).toBe(403);
    expect((await app.call('GET', '/v1/platform-audit')).status).toBe(403);
    expect((await platform.request('GET', '/v1/audit', { key: PLATFORM_KEY })).status).toBe(403);
  });

  it('is filtered and paged', async () => {
    const start = new Date('2026-11-20T08:00:00Z');
    const ids: string[] = [];
    try {
      for (let hour = 0; hour < 5; hour++) {
        platform.setTime(new Date(start.getTime() + hour * 3_600_000));
        ids.push(await integrate());
      }
      await app.call('POST', `/v1/integrations/${ids[2]}/pause`, {});
    } finally {
      platform.setTime(undefined);
    }
    const targets = async (filter: string) => (await audit(filter)).data.map(({ target }) => target);
    const [zero, one, two, three, four] = ids;
    expect(await targets(`target=${two}`)).toEqual([two, two]);
    expect(await targets('action=pauseIntegration')).toEqual([two]);
    expect(await targets('action=createIntegration&from=2026-11-20T09:00:00Z&to=2026-11-20T11:00:00Z')).toEqual([
      two,
      one,
    ]);
    expect(await targets('to=2026-11-20T08:00:00.001Z')).toEqual([zero]);
    expect(await targets('from=2026-11-20T11:00:00%2B00:00')).toEqual([two, four, three]);
    expect(await targets('actorKind=operator')).toEqual([]);
    const actor = (await audit('limit=1')).data[0]?.actor.id;
    expect((await audit(`actor=${actor}`)).data).toHaveLength(6);
    expect((await audit(`actor=${publicId('key', newId())}`)).data).toEqual([]);

    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Page = await audit(`limit=4${cursor ? `&cursor=${cursor}` : ''}`);
      seen.push(...page.data.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor);
    expect(seen).toEqual([...new Set(seen)].sort().reverse());
    expect(seen).toHaveLength(6);
  });

  it.each(['action=a%00b', 'actor=int_1', 'from=yesterday', 'actorKind=robot', 'limit=0', 'appId=app_1', 'target='])(
    'refuses the filter %s',
    async (filter) => {
      const { status } = await app.call('GET', `/v1/audit?${filter}`);
      expect(status).toBe(400);
    },
  );

  it('only grows: the table refuses every other change', async () => {
    await integrate();
    for (const statement of [
      `UPDATE audit_entry SET actor_name = 'somebody else'`,
      'DELETE FROM audit_entry',
      'TRUNCATE audit_entry',
      `WITH gone AS (DELETE FROM audit_entry RETURNING 1) SELECT count(*) FROM gone`,
    ]) {
      await expect(query(statement)).rejects.toThrow(/only grows/);
    }
    expect(actions(await audit())).toEqual(['createIntegration']);
  });

  it('is kept for as long as it was told, and for 30 days at least', async () => {
    const insert = (days: number) =>
      query(
        `INSERT INTO audit_entry (id, app_id, at, actor_kind, actor_name, action) VALUES ($1, $2, $3, 'system', 'Bellhop', $4)`,
        newId(),
        app.id,
        new Date(Date.now() - days * DAY_MS),
        `of${days}`,
      );
    for (const days of [39, 41, 400]) await insert(days);
    const left = async () => actions(await audit()).toSorted();
    expect(await platform.app.get(AuditRetention).purge()).toBe(2);
    expect(await left()).toEqual(['of39']);
    const days = (count: number) => query(`SELECT purge_audit(now() - make_interval(days => $1), 10)`, count);
    await expect(days(29)).rejects.toThrow(/30 days/);
    await days(31);
    expect(await left()).toEqual([]);
    await expect(query('DELETE FROM audit_entry')).rejects.toThrow(/only grows/);
  });

  it('that cannot be written does not undo what was done', async () => {
    await query(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'disk full'; END $$`);
    await query('CREATE TRIGGER full_disk BEFORE INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION full_disk()');
    try {
      const { status, body } = await app.call<{ id: string }>('POST', '/v1/integrations', NIM);
      expect(status).toBe(201);
      expect((await app.call('GET', `/v1/integrations/${body.id}`)).status).toBe(200);
    } finally {
      await query('DROP FUNCTION full_disk CASCADE');
    }
    expect(actions(await audit())).toEqual([]);
  });
});
