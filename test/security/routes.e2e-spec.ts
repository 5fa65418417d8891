import type { Scope } from '../../src/access/api-key.entity.js';
import { OPERATOR_ROLES, type OperatorRole } from '../../src/access/operators/roles.js';
import { publicId } from '../../src/platform/ids.js';
import { type ApiReply, PLATFORM_KEY, type TestApp } from '../support/app.js';
import { Browser, firstAdmin, somebody } from '../support/browser.js';
import { callsOn, everyRowOf, FurnishedApp, House, isUnsafe, type Route } from './routes.support.js';

interface Problem {
  readonly code?: string;
}

/** Names of people and of their phones belong to their app: each app has its own `u-1`. */
const OWN_NAMES = /\{(?!userId|installationId)\w+\}/;
/** What finds nothing says so with an empty list, or takes any text for a name of its own. */
const ANSWERS_ALL = new Set(['getPlugin']);

const OPENED: Readonly<Record<OperatorRole, readonly Scope[]>> = {
  viewer: ['read'],
  operator: ['read', 'send', 'broadcast'],
  developer: ['read', 'send', 'broadcast', 'admin'],
  admin: ['read', 'send', 'broadcast', 'admin', 'platform'],
};

describe('every route', () => {
  let house: House;
  let furnished: FurnishedApp;
  let other: TestApp;
  let admin: Browser;

  beforeAll(async () => {
    house = await House.open();
    admin = await firstAdmin(house.platform);
    furnished = await FurnishedApp.furnish(house);
    other = await house.platform.createApp();
  });
  afterAll(() => house?.close());

  const guarded = (): Route[] => house.routes.filter(({ scope }) => scope);
  const ofApps = (): Route[] => guarded().filter(({ scope }) => scope !== 'platform');
  const found = (route: Route, { status, body }: ApiReply<Problem>) => [route.id, status, body.code];
  const documented = ({ id, operation }: Route, status: number): void => {
    expect([id, Object.keys(operation.responses ?? {})]).toEqual([id, expect.arrayContaining([String(status)])]);
  };
  const bodyOf = ({ id }: Route): object | undefined => callsOn(furnished)[id]?.body;
  /** Ids of nothing: whoever may call it finds nothing, and whoever may not is told so before. */
  const nowhere = ({ path }: Route): string => path.replaceAll(/\{(\w+)\}/g, 'x');

  const rowsOf = (app: TestApp): Promise<string> => everyRowOf(house.platform.sql, app.id);

  describe('with a key of another app', () => {
    it('finds nothing, changes nothing and shows nothing of the first', async () => {
      const before = await rowsOf(furnished.app);
      const secret = [...Object.values(furnished.names), furnished.app.id].filter((name) =>
        /^\w+_[0-9a-f]{32}$|^[0-9a-f-]{36}$/.test(name),
      );
      let named = 0;
      for (const route of ofApps()) {
        const call = callsOn(furnished)[route.id] ?? {};
        const reply = await furnished.call<Problem>(route, call, other.key);
        const echoed = furnished.address(route, call);
        for (const id of secret.filter((it) => !echoed.includes(it))) {
          expect([route.id, JSON.stringify(reply.body)]).toEqual([route.id, expect.not.stringContaining(id)]);
        }
        if (!OWN_NAMES.test(route.path) || ANSWERS_ALL.has(route.id)) continue;
        expect(found(route, reply)).toEqual([route.id, 404, 'not_found']);
        documented(route, 404);
        named++;
      }
      expect(named).toBeGreaterThan(25);
      expect(await rowsOf(furnished.app)).toBe(before);
    });
  });

  describe('with the session of a person', () => {
    const visit = (browser: Browser, route: Route, app?: string, headers?: Readonly<Record<string, string>>) =>
      browser.call<Problem>(route.method, nowhere(route), { app, headers, ...(isUnsafe(route) && { body: {} }) });

    it.each(OPERATOR_ROLES)('opens to the role %s what its scopes open to a key', async (role) => {
      const app = publicId('app', furnished.app.id);
      for (const appId of [null, furnished.app.id]) {
        const browser = await somebody(house.platform, role, appId);
        for (const route of guarded().filter(({ path }) => appId === null || !path.startsWith('/v1/apps'))) {
          const everywhere = route.scope !== 'platform' || appId === null;
          const open = everywhere && OPENED[role].includes(route.scope ?? 'platform');
          const reply = await visit(browser, route, app);
          const answer = [route.id, reply.status === 403, reply.body.code === 'auth.scope_missing'];
          expect([role, appId, ...answer]).toEqual([role, appId, route.id, !open, !open]);
          expect([route.id, reply.status < 500 && reply.status !== 401]).toEqual([route.id, true]);
          documented(route, reply.status);
        }
      }
    });

    it('finds nothing in an app in which the person has no part', async () => {
      const browser = await somebody(house.platform, 'admin', other.id);
      const before = await rowsOf(furnished.app);
      for (const app of [furnished.names['appId'], publicId('app', 'f'.repeat(32)), 'app_1', 'x']) {
        for (const route of ofApps()) {
          const path = furnished.address(route, callsOn(furnished)[route.id]);
          const reply = await browser.call<Problem>(route.method, path, {
            app,
            body: isUnsafe(route) ? bodyOf(route) : undefined,
          });
          expect([app, ...found(route, reply)]).toEqual([app, route.id, 404, 'not_found']);
        }
      }
      const own = publicId('app', other.id);
      for (const route of ofApps().filter(({ path, id }) => OWN_NAMES.test(path) && !ANSWERS_ALL.has(id))) {
        const path = furnished.address(route, callsOn(furnished)[route.id]);
        const reply = await browser.call<Problem>(route.method, path, {
          app: own,
          body: isUnsafe(route) ? bodyOf(route) : undefined,
        });
        expect(found(route, reply)).toEqual([route.id, 404, 'not_found']);
      }
      expect(await rowsOf(furnished.app)).toBe(before);
    });

    it('refuses unsafe calls that another site may have sent', async () => {
      const app = publicId('app', furnished.app.id);
      const unsafe = house.routes.filter((route) => isUnsafe(route) && (route.scope || route.session));
      expect(unsafe.length).toBeGreaterThan(45);
      for (const route of unsafe) {
        for (const [header, value] of [
          ['bellhop-csrf', ''],
          ['sec-fetch-site', 'cross-site'],
          ['sec-fetch-site', 'same-site'],
        ] as const) {
          const headers = { [header]: value };
          expect(found(route, await visit(admin, route, app, headers))).toEqual([route.id, 403, 'auth.cross_site']);
          documented(route, 403);
        }
      }
      expect((await admin.call('GET', '/v1/session')).status).toBe(200);
    });

    it('asks for the app where one is needed', async () => {
      for (const role of ['viewer', 'admin'] as const) {
        const browser = await somebody(house.platform, role, null);
        const reply = await browser.call<Problem>('GET', '/v1/integrations');
        expect([reply.status, reply.body.code]).toEqual([403, 'auth.app_required']);
        expect((await browser.call('GET', '/v1/plugins')).status).toBe(200);
      }
    });
  });

  describe('for people who are signed in', () => {
    const routes = () => house.routes.filter(({ session }) => session);

    it('takes no key for a person, and nobody at all', async () => {
      expect(
        routes()
          .map(({ id }) => id)
          .toSorted(),
      ).toEqual(['changePassword', 'getSession', 'listSessionApps', 'signOut']);
      for (const route of routes()) {
        const { method, path } = route;
        const call = (key?: string) =>
          house.platform.request<Problem>(method, path, { key, ...(isUnsafe(route) && { body: {} }) });
        expect(found(route, await call())).toEqual([route.id, 401, 'auth.key_missing']);
        for (const key of [furnished.app.key, PLATFORM_KEY]) {
          expect(found(route, await call(key))).toEqual([route.id, 403, 'auth.session_required']);
        }
        documented(route, 401);
        documented(route, 403);
      }
    });
  });

  it('that is guarded says how it is called, and what becomes of too many calls', () => {
    expect(guarded().length).toBeGreaterThan(70);
    for (const route of guarded()) {
      expect([route.id, route.operation.security]).toEqual([route.id, [{ apiKey: [] }, { session: [] }]]);
      for (const status of [401, 403, 429]) documented(route, status);
    }
  });
});
