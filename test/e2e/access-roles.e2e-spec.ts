import { publicId } from '../../src/platform/ids.js';
import { lockNames } from '../../src/platform/sql.js';
import { type ApiReply, eventually, PLATFORM_KEY, type TestApp, TestPlatform } from '../support/app.js';
import { Browser, firstAdmin, PASSWORD, somebody, tokenIn } from '../support/browser.js';

interface Problem {
  readonly code?: string;
}

interface Person {
  readonly id: string;
  readonly email: string;
  readonly state: string;
  readonly roles: readonly { readonly role: string; readonly appId: string | null }[];
  readonly link: { readonly url: string; readonly expiresAt: string };
}

const WAITING = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'`;

const NIM = { plugin: 'nim', name: 'NIM', config: { appKey: 'key', appSecret: 'secret' } };

describe('people and their roles', () => {
  let platform: TestPlatform;
  let shop: TestApp;
  let bank: TestApp;
  let admin: Browser;
  let people = 0;

  beforeAll(async () => {
    platform = await TestPlatform.start({ role: 'api' });
    admin = await firstAdmin(platform);
  });
  afterAll(() => platform?.stop());
  beforeEach(async () => {
    [shop, bank] = [await platform.createApp(), await platform.createApp()];
  });

  const idOf = (app: TestApp): string => publicId('app', app.id);
  const refusal = ({ status, body }: ApiReply<Problem>) => [status, body.code];
  const invite = (roles: object[], email = `person-${++people}@example.com`) =>
    admin.call<Person & Problem>('POST', '/v1/operators', { body: { email, name: 'Ada', roles } });
  const enter = async (url: string): Promise<Browser> => {
    const browser = new Browser(platform);
    const body = { token: tokenIn(url), password: PASSWORD };
    expect((await browser.call('POST', '/v1/session/link', { body })).status).toBe(201);
    return browser;
  };
  const integrate = (browser: Browser, app: TestApp) =>
    browser.call<Problem & { id: string }>('POST', '/v1/integrations', { app: idOf(app), body: NIM });

  it('are chosen per app: a developer of one is a viewer of another, and nobody in a third', async () => {
    const bakery = await platform.createApp();
    const roles = [
      { role: 'developer', appId: idOf(shop) },
      { role: 'viewer', appId: idOf(bank) },
    ];
    const { body: invited } = await invite(roles);
    const browser = await enter(invited.link.url);
    expect((await integrate(browser, shop)).status).toBe(201);
    expect(refusal(await integrate(browser, bank))).toEqual([403, 'auth.scope_missing']);
    expect(refusal(await integrate(browser, bakery))).toEqual([404, 'not_found']);
    const list = async (app: TestApp) =>
      (await browser.call<{ data: object[] }>('GET', '/v1/integrations', { app: idOf(app) })).body.data?.length;
    expect([await list(shop), await list(bank), await list(bakery)]).toEqual([1, 0, undefined]);

    const apps = await browser.call<{ data: { id: string }[] }>('GET', '/v1/session/apps');
    expect(apps.body.data.map(({ id }) => id)).toEqual([idOf(bank), idOf(shop)]);
    const page = await browser.call<{ data: object[]; nextCursor: string }>('GET', '/v1/session/apps?limit=1');
    const rest = await browser.call<{ data: { id: string }[] }>(
      'GET',
      `/v1/session/apps?limit=1&cursor=${page.body.nextCursor}`,
    );
    expect(rest.body.data.map(({ id }) => id)).toEqual([idOf(shop)]);
    expect((await browser.call<{ roles: object[] }>('GET', '/v1/session')).body.roles).toEqual(roles);
  });

  it('send with the roles that may, to everybody with those that may that', async () => {
    const notify = (browser: Browser, audience: object, headers = {}) =>
      browser.call<Problem>('POST', '/v1/notifications', {
        app: idOf(shop),
        headers,
        body: { audience, content: { title: 'Hello' } },
      });
    const viewer = await somebody(platform, 'viewer', shop.id);
    const operator = await somebody(platform, 'operator', shop.id);
    expect(refusal(await notify(viewer, { users: ['u-1'] }))).toEqual([403, 'auth.scope_missing']);
    const sender = await platform.createApp(['send']);
    const withKey = await sender.call<Problem>('POST', '/v1/notifications', {
      audience: { everyone: true },
      content: { title: 'Hello' },
    });
    expect(withKey.status).toBe(403);
    expect((await notify(operator, { everyone: true })).status).not.toBe(403);

    const once = { 'idempotency-key': 'once' };
    const [first, second] = [
      await notify(operator, { users: ['u-1'] }, once),
      await notify(operator, { users: ['u-1'] }, once),
    ];
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect([first.status, second.body]).toEqual([second.status, first.body]);
  });

  it('of an admin of one app reach that app and its keys, and nothing else of the platform', async () => {
    const browser = await somebody(platform, 'admin', shop.id);
    const own = `/v1/apps/${idOf(shop)}`;
    expect((await browser.call('PATCH', own, { body: { name: 'Renamed' } })).status).toBe(200);
    const key = await browser.call<{ key: string }>('POST', `${own}/api-keys`, {
      body: { name: 'Backend', scopes: ['read'] },
    });
    expect(key.status).toBe(201);
    expect((await platform.request('GET', '/v1/integrations', { key: key.body.key })).status).toBe(200);
    for (const [method, path] of [
      ['GET', `/v1/apps/${idOf(bank)}`],
      ['POST', `/v1/apps/${idOf(bank)}/api-keys`],
      ['GET', '/v1/apps'],
      ['POST', '/v1/apps'],
      ['GET', '/v1/platform-keys'],
      ['POST', '/v1/operators'],
      ['GET', '/v1/platform-audit'],
    ] as const) {
      const reply = await browser.call<Problem>(method, path, {
        app: idOf(shop),
        ...(method === 'POST' && { body: {} }),
      });
      expect([path, ...refusal(reply)]).toEqual([path, 403, 'auth.scope_missing']);
    }
    expect((await browser.call('GET', '/v1/audit', { app: idOf(shop) })).status).toBe(200);
  });

  it('take effect with the next request when they change, and end when somebody is disabled', async () => {
    const { body: person } = await invite([{ role: 'viewer', appId: null }]);
    const browser = await enter(person.link.url);
    const path = `/v1/operators/${person.id}`;
    expect(refusal(await integrate(browser, shop))).toEqual([403, 'auth.scope_missing']);
    const roles = [{ role: 'developer', appId: idOf(shop) }];
    const changed = await admin.call<Person>('PATCH', path, { body: { roles } });
    expect([changed.status, changed.body.roles, changed.body.state]).toEqual([200, roles, 'active']);
    expect((await integrate(browser, shop)).status).toBe(201);
    expect((await integrate(browser, bank)).status).toBe(404);

    await admin.call('PATCH', path, { body: { state: 'disabled' } });
    expect((await browser.call('GET', '/v1/session')).status).toBe(401);
    expect((await new Browser(platform).signIn(person.email)).status).toBe(401);
    await admin.call('PATCH', path, { body: { state: 'active' } });
    expect((await browser.call('GET', '/v1/session')).status).toBe(401);
    expect((await browser.signIn(person.email)).status).toBe(201);

    expect((await admin.call('DELETE', `${path}/sessions`)).status).toBe(204);
    expect((await browser.call('GET', '/v1/session')).status).toBe(401);
    expect((await admin.call('DELETE', path)).status).toBe(204);
    expect((await browser.signIn(person.email)).status).toBe(401);
    expect((await admin.call('GET', path)).status).toBe(404);
  });

  it('stand in the audit with the name of the person', async () => {
    const { body: person } = await invite([{ role: 'developer', appId: null }]);
    const browser = await enter(person.link.url);
    const { body } = await integrate(browser, shop);
    const { body: audit } = await shop.call<{ data: object[] }>('GET', `/v1/audit?actor=${person.id}`);
    expect(audit.data).toMatchObject([
      {
        action: 'createIntegration',
        target: body.id,
        appId: idOf(shop),
        actor: { kind: 'operator', id: person.id, name: person.email },
      },
    ]);
    await admin.call('DELETE', `/v1/operators/${person.id}`);
    const again = await shop.call<{ data: object[] }>('GET', '/v1/audit?actorKind=operator');
    expect(again.body.data).toEqual(audit.data);
  });

  it('are given by a platform key, too, and a link is told once', async () => {
    const email = `person-${++people}@example.com`;
    const made = await platform.request<Person>('POST', '/v1/operators', {
      key: PLATFORM_KEY,
      body: { email, name: 'Ada', roles: [{ role: 'viewer', appId: null }] },
    });
    expect(made.status).toBe(201);
    const { link, ...shown } = made.body;
    const listed = await admin.call<{ data: object[] }>('GET', '/v1/operators?limit=1');
    expect(listed.body.data).toEqual([shown]);
    expect(JSON.stringify(listed.body)).not.toMatch(/argon2|welcome/);
    await enter(link.url);
    expect(refusal(await invite([], email.toUpperCase()))).toEqual([409, 'operator.exists']);
  });

  it('are refused when they are none, and for apps that do not exist', async () => {
    for (const roles of [
      [{ role: 'root', appId: null }],
      [{ role: 'admin' }],
      [{ role: 'admin', appId: 'x' }],
      [{ role: 'admin', appId: null, extra: 1 }],
      'admin',
    ]) {
      const reply = await admin.call<Problem>('POST', '/v1/operators', {
        body: { email: 'x@example.com', name: 'X', roles },
      });
      expect([roles, ...refusal(reply)]).toEqual([roles, 400, 'request.invalid']);
    }
    const nowhere = [{ role: 'viewer', appId: publicId('app', 'f'.repeat(32)) }];
    expect(refusal(await invite(nowhere))).toEqual([404, 'not_found']);
    for (const email of ['no address', 'a b@example.com', 'a\u0000@example.com', '']) {
      expect((await invite([], email)).status).toBe(400);
    }
  });

  it('always leave an admin of everything, though two take each other away at once', async () => {
    const { data } = (await admin.call<{ data: Person[] }>('GET', '/v1/operators?limit=200')).body;
    const admins = data.filter(({ roles }) => roles.some(({ role, appId }) => role === 'admin' && appId === null));
    const [root] = admins;
    expect(admins).toHaveLength(1);
    const path = (person?: Person) => `/v1/operators/${person?.id}`;
    for (const change of [{ state: 'disabled' }, { roles: [{ role: 'admin', appId: idOf(shop) }] }]) {
      expect(refusal(await admin.call<Problem>('PATCH', path(root), { body: change }))).toEqual([
        409,
        'operator.last_admin',
      ]);
    }
    expect(refusal(await admin.call<Problem>('DELETE', path(root)))).toEqual([409, 'operator.last_admin']);

    const { body: second } = await invite([{ role: 'admin', appId: null }]);
    // Invited is not yet there.
    expect(refusal(await admin.call<Problem>('DELETE', path(root)))).toEqual([409, 'operator.last_admin']);
    const other = await enter(second.link.url);
    const replies = await platform.sql.transaction(async (tx) => {
      await lockNames(tx, 'operator:admins');
      const calls = [
        admin.call<Problem>('PATCH', path(second), { body: { state: 'disabled' } }),
        other.call<Problem>('PATCH', path(root), { body: { state: 'disabled' } }),
      ];
      // Both are let in before either is disabled.
      await eventually(async () => (await platform.sql.query(WAITING)).length === calls.length);
      return calls;
    });
    expect((await Promise.all(replies)).map(({ status }) => String(status)).toSorted()).toEqual(['200', '409']);
    const [left] = await platform.sql.query<{ count: number }[]>(
      `SELECT count(*)::int FROM operator WHERE state = 'active' AND roles @> '[{"role":"admin","appId":null}]'`,
    );
    expect(left?.count).toBe(1);
  });
});
