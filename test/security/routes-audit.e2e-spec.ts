import { PLATFORM_KEY } from '../support/app.js';
import { LinksService } from '../../src/access/operators/links.service.js';
import { Browser, PASSWORD, tokenIn } from '../support/browser.js';
import { type Call, callsOn, FurnishedApp, House, isUnsafe, type Route, SECRETS } from './routes.support.js';

interface Entry {
  readonly app_id: string | null;
  readonly actor_kind: string;
  readonly actor_name: string;
  readonly action: string;
  readonly target: string | null;
  readonly address: string;
  readonly before: Record<string, unknown> | null;
  readonly after: Record<string, unknown> | null;
}

/** Open to all and changing nothing that anybody decided, or reading alone. */
const UNAUDITED = ['receiveCallbackPost', 'reportReceipts', 'shadowReplayEvents'];
/** Their targets are people, or what stands in no table that is followed. */
const UNFOLLOWED = new Set(['linkIdentity', 'unlinkIdentity', 'registerDevice', 'removeDevice', 'reportPresence']);

describe('every unsafe route', () => {
  let house: House;
  let furnished: FurnishedApp;
  let calls: Readonly<Record<string, Call>>;
  const secrets = new Set<string>([...Object.values(SECRETS), PLATFORM_KEY]);
  const entries = new Map<string, readonly Entry[]>();
  /** Of people who sign in and out. */
  const visits = new Map<string, readonly Entry[]>();

  beforeAll(async () => {
    house = await House.open();
    await house.platform.sql.query('DELETE FROM operator');
    await visit();
    furnished = await FurnishedApp.furnish(house);
    calls = callsOn(furnished);
    for (const [id, call] of Object.entries(calls)) {
      const route = house.route(id);
      const reply = await furnished.call<{ key?: string; secret?: string; callbackUrl?: string }>(route, call);
      expect([id, reply.status < 300, reply.body]).toEqual([id, true, reply.body]);
      for (const secret of [reply.body.key, reply.body.secret, reply.body.callbackUrl?.split('/').at(-1)]) {
        if (secret) secrets.add(secret);
      }
      const found = await entriesOf(reply.headers.get('x-request-id') ?? '');
      if (UNAUDITED.includes(id)) expect([id, found]).toEqual([id, []]);
      else entries.set(id, found);
    }
  });
  afterAll(() => house?.close());

  const entriesOf = (requestId: string): Promise<Entry[]> =>
    house.platform.sql.query<Entry[]>('SELECT * FROM audit_entry WHERE request_id = $1', [requestId]);
  /** As a person would: the first link, and then by password. */
  async function visit(): Promise<void> {
    const browser = new Browser(house.platform);
    const { url } = await house.platform.app.get(LinksService).issue(null);
    secrets.add(tokenIn(url)).add(PASSWORD);
    const person = { email: 'root@example.com', password: PASSWORD };
    const steps: [id: string, body?: object][] = [
      ['redeemLink', { token: tokenIn(url), name: 'Root', ...person }],
      ['signIn', person],
      ['changePassword', { current: PASSWORD, next: `${PASSWORD}!` }],
      ['signOut'],
    ];
    for (const [id, body] of steps) {
      const { method, path } = house.route(id);
      const reply = await browser.call(method, path, { body });
      expect([id, reply.status < 300, reply.body]).toEqual([id, true, reply.body]);
      visits.set(id, await entriesOf(reply.headers.get('x-request-id') ?? ''));
    }
  }
  const unsafe = (): Route[] => house.routes.filter(isUnsafe);
  const follows = ({ path, id }: Route): boolean =>
    /\{(?!userId|installationId|appId)\w+Id\}/.test(path) && !path.includes('{userId}') && !UNFOLLOWED.has(id);

  it('has a call here, or a reason to leave no entry', () => {
    const ids = unsafe().map(({ id }) => id);
    expect([...new Set([...Object.keys(calls), ...visits.keys(), ...UNAUDITED])].toSorted()).toEqual(ids.toSorted());
  });

  it('leaves one entry: who, what, where', () => {
    expect(entries.size).toBeGreaterThan(40);
    for (const [id, found] of visits) {
      const entry = { action: id, actor_kind: 'operator', actor_name: 'root@example.com', app_id: null };
      expect([id, found]).toMatchObject([id, [entry]]);
    }
    for (const [id, found] of entries) {
      const { scope } = house.route(id);
      expect([id, found.length, found[0]]).toMatchObject([
        id,
        1,
        {
          action: id,
          actor_kind: scope === 'platform' ? 'platform_key' : 'api_key',
          actor_name: scope === 'platform' ? 'BELLHOP_PLATFORM_KEY' : expect.stringMatching(/^tests \(bh_[\w-]{7}\)$/),
        },
      ]);
      // Of an erasure the entry names nobody.
      if (id !== 'eraseUser') expect(found[0]?.address).toMatch(new RegExp(`^${house.route(id).method} /v1/`));
    }
  });

  it('is told by the id of what it is about, and by its app', () => {
    for (const [id, [entry]] of entries) {
      const { path } = house.route(id);
      const ofPlatform = /^\/v1\/(platform-keys|operators)/.test(path);
      const appId = id === 'createApp' ? expect.not.stringMatching(furnished.app.id) : furnished.app.id;
      expect([id, entry?.app_id]).toEqual([id, ofPlatform ? null : appId]);
      if (follows(house.route(id)))
        expect([id, entry?.target]).toEqual([id, expect.stringMatching(/^[a-z]{3}_[0-9a-f]{32}$/)]);
    }
    expect(entries.get('setTags')?.[0]?.target).toBe('u-1');
    expect(entries.get('runAction')?.[0]?.target).toBe(furnished.integration);
  });

  it('shows its target before and after', () => {
    const followed = unsafe().filter((route) => follows(route) && entries.has(route.id));
    expect(followed.length).toBeGreaterThan(20);
    for (const route of followed) {
      const [entry] = entries.get(route.id) ?? [];
      expect([route.id, entry?.before]).toEqual([route.id, expect.any(Object)]);
      const gone = route.method === 'DELETE' && !/^(revoke|signOut)/.test(route.id);
      expect([route.id, entry?.after]).toEqual([route.id, gone ? null : expect.any(Object)]);
    }
    const change = (id: string) => [entries.get(id)?.[0]?.before, entries.get(id)?.[0]?.after];
    expect(change('createIntegration')).toMatchObject([
      null,
      { name: 'More people', config: { secret: { set: true } } },
    ]);
    expect(change('reviseIntegration')).toMatchObject([{ name: 'People' }, { name: 'People, renamed', revision: 2 }]);
    expect(change('pauseIntegration')).toMatchObject([{ state: 'active' }, { state: 'paused' }]);
    expect(change('updateApp')).toMatchObject([{ name: 'Shop' }, { name: 'Renamed' }]);
    expect(change('revokeApiKey')).toMatchObject([{ revokedAt: null }, { revokedAt: expect.any(String) }]);
    expect(change('cancelNotification')).toMatchObject([{ cancelledAt: null }, { cancelledAt: expect.any(String) }]);
    expect(change('restoreDevices')).toEqual([null, { dryRun: true, matched: 0, restored: 0 }]);
    expect(change('retryDelivery')).toMatchObject([{ state: 'dead' }, { state: 'queued' }]);
  });

  it('leaves no secret behind', async () => {
    expect(secrets.size).toBeGreaterThan(8);
    const [row] = await house.platform.sql.query<{ text: string }[]>(
      `SELECT string_agg(a::text, ' ') AS text FROM audit_entry a`,
    );
    for (const secret of secrets) expect(row?.text).not.toContain(secret);
    expect(row?.text).toContain('/config/secret');
  });
});
