import { generateKeyPairSync } from 'node:crypto';
import { OperatorsService } from '../../src/access/operators/operators.service.js';
import type { RoleGrant } from '../../src/access/operators/roles.js';
import { publicId } from '../../src/platform/ids.js';
import { TestPlatform } from '../support/app.js';
import { Browser, firstAdmin } from '../support/browser.js';
import { CLIENT, TestOidcProvider } from '../support/oidc-provider.js';

const BEGIN = '/v1/session/oidc';
const PUBLIC_URL = 'http://bellhop.internal:8080';
const MINUTE = 60_000;

interface Problem {
  readonly code?: string;
}

interface Landing {
  readonly status: number;
  readonly code: string | undefined;
  readonly location: string | null;
  readonly cookies: readonly string[];
  readonly browser: Browser;
}

/** Somebody who left for the provider and has not come back yet. */
interface Journey {
  readonly cookie: string;
  /** Path and query to which the provider sends the browser. */
  readonly back: string;
}

describe('signing in with a provider', () => {
  let provider: TestOidcProvider;
  let platform: TestPlatform;
  let people = 0;

  const env = () => ({
    PUBLIC_URL,
    BELLHOP_OIDC_ISSUER: provider.issuer,
    BELLHOP_OIDC_CLIENT_ID: CLIENT.id,
    BELLHOP_OIDC_CLIENT_SECRET: CLIENT.secret,
  });
  const start = (more: Readonly<Record<string, string>> = {}, databaseUrl?: string): Promise<TestPlatform> =>
    TestPlatform.start({ role: 'api', env: { ...env(), ...more }, ...(databaseUrl && { databaseUrl }) });

  beforeAll(async () => {
    provider = await TestOidcProvider.start();
  });
  afterAll(() => provider?.close());
  beforeEach(() => provider.reset());

  const query = <T = Record<string, unknown>>(sql: string, ...values: unknown[]): Promise<T[]> =>
    platform.sql.query<T[]>(sql, values);
  /** The latest entries of the audit, oldest first. */
  const noted = async (count: number) =>
    (
      await query<{ action: string; target: string | null; actor_name: string; after: Record<string, unknown> }>(
        'SELECT action, target, actor_name, after FROM audit_entry ORDER BY id DESC LIMIT $1',
        count,
      )
    ).toReversed();

  const go = (address: string, headers: Readonly<Record<string, string>> = {}, by = platform): Promise<Response> =>
    fetch(by.url + address, { redirect: 'manual', headers });
  async function leave(by = platform): Promise<Journey> {
    const gone = await go(BEGIN, {}, by);
    expect([gone.status, gone.headers.get('cache-control')]).toEqual([303, 'no-store']);
    const [cookie = ''] = gone.headers.getSetCookie().map((line) => line.split(';', 1)[0] ?? '');
    const came = await fetch(gone.headers.get('location') ?? '', { redirect: 'manual' });
    const back = new URL(came.headers.get('location') ?? '');
    expect([came.status, back.origin, back.pathname]).toEqual([302, PUBLIC_URL, `${BEGIN}/callback`]);
    return { cookie, back: back.pathname + back.search };
  }
  async function arrive({ cookie, back }: Journey, by = platform): Promise<Landing> {
    const reply = await go(back, { 'sec-fetch-site': 'cross-site', ...(cookie && { cookie }) }, by);
    const cookies = reply.headers.getSetCookie();
    const browser = new Browser(by);
    browser.cookie = cookies.find((line) => /^(__Host-)?bellhop_session=./.test(line))?.split(';', 1)[0] ?? '';
    const text = await reply.text();
    const code = text.startsWith('{') ? (JSON.parse(text) as Problem).code : undefined;
    return { status: reply.status, code, location: reply.headers.get('location'), cookies, browser };
  }
  const visit = async (
    claims: { readonly email?: string } & Record<string, unknown>,
    by = platform,
  ): Promise<Landing> => {
    provider.claims = { sub: `of ${claims.email}`, email_verified: true, ...claims };
    return arrive(await leave(by), by);
  };
  const refusalOf = ({ status, code, browser }: Landing) => [status, code, browser.cookie];
  const works = async (browser: Browser): Promise<boolean> => (await browser.call('GET', '/v1/session')).status === 200;
  async function invited(roles: readonly RoleGrant[] = [{ role: 'viewer', appId: null }]) {
    const email = `person-${++people}@example.com`;
    const { operator } = await platform.app.get(OperatorsService).invite({ email, name: 'Ada', roles });
    return { email, id: operator.id, publicId: publicId('opr', operator.id) };
  }

  describe('of operators', () => {
    beforeAll(async () => {
      platform = await start();
      await firstAdmin(platform);
    });
    afterAll(() => platform?.stop());
    afterEach(() => platform.setTime(undefined));

    it('takes somebody who was invited to the console, with a session', async () => {
      const person = await invited();
      const { status, location, cookies, browser } = await visit({ email: person.email.toUpperCase() });
      expect([status, location]).toEqual([303, '/console/']);
      expect(cookies).toEqual([
        expect.stringMatching(/^bellhop_oidc=; Path=\/; Expires=Thu, 01 Jan 1970 .*HttpOnly; SameSite=Lax$/),
        expect.stringMatching(/^bellhop_session=[\w-]{43}; .*HttpOnly; SameSite=Strict$/),
      ]);
      const session = await browser.call('GET', '/v1/session');
      expect(session.body).toMatchObject({ operatorId: person.publicId, email: person.email, name: 'Ada' });
      const [row] = await query('SELECT last_sign_in_at, password FROM operator WHERE id = $1', person.id);
      expect(row).toEqual({ last_sign_in_at: expect.any(Date), password: null });
      expect(await noted(2)).toMatchObject([
        { action: 'system.bindOperator', target: person.publicId, actor_name: 'Bellhop' },
        { action: 'completeOidcSignIn', target: person.publicId, actor_name: person.email },
      ]);
    });

    it('begins with a cookie of its own for ten minutes, and asks for all that protects the way', async () => {
      const gone = await go(BEGIN);
      const [cookie] = gone.headers.getSetCookie();
      expect(cookie).toMatch(/^bellhop_oidc=[\w-]{43}\.\w+; Max-Age=600; Path=\/; .*HttpOnly; SameSite=Lax$/);
      const { searchParams } = new URL(gone.headers.get('location') ?? '');
      expect(Object.fromEntries(searchParams)).toEqual({
        client_id: CLIENT.id,
        redirect_uri: `${PUBLIC_URL}${BEGIN}/callback`,
        response_type: 'code',
        scope: 'openid email profile',
        state: expect.stringMatching(/^[\w-]{43}$/),
        nonce: expect.stringMatching(/^[\w-]{43}$/),
        code_challenge: expect.stringMatching(/^[\w-]{43}$/),
        code_challenge_method: 'S256',
      });
      expect(gone.headers.get('location')).not.toContain(cookie?.split(/[=.]/)[1]);
    });

    it('knows a person again by the subject, whatever becomes of the address', async () => {
      const person = await invited();
      const sub = `sub-${people}`;
      await visit({ sub, email: person.email });
      for (const email of ['married@example.com', undefined]) {
        const { browser } = await visit({ sub, email });
        expect((await browser.call('GET', '/v1/session')).body).toMatchObject({ operatorId: person.publicId });
      }
      const successor = await visit({ sub: 'somebody-else', email: person.email });
      expect(refusalOf(successor)).toEqual([403, 'auth.not_admitted', '']);
      expect(await noted(1)).toMatchObject([{ action: 'system.refuseSignIn', after: { reason: 'taken' } }]);
    });

    it('refuses whoever is no operator, and makes none', async () => {
      const before = await query('SELECT id FROM operator');
      expect(refusalOf(await visit({ email: 'stranger@example.com' }))).toEqual([403, 'auth.not_admitted', '']);
      expect(await noted(1)).toMatchObject([
        { action: 'system.refuseSignIn', after: { reason: 'unknown', email: 'stranger@example.com' } },
      ]);
      expect(await query('SELECT id FROM operator')).toEqual(before);
    });

    it.each([false, undefined, 'no', 0])('refuses an address that is verified: %j', async (verified) => {
      const { email, id } = await invited();
      expect(refusalOf(await visit({ email, email_verified: verified }))).toEqual([403, 'auth.not_admitted', '']);
      expect(await noted(1)).toMatchObject([{ after: { reason: 'unverified' } }]);
      expect(await query('SELECT oidc_subject FROM operator WHERE id = $1', id)).toEqual([{ oidc_subject: null }]);
    });

    it('refuses whoever is disabled, before and after the first time', async () => {
      const { email, id } = await invited();
      const operators = platform.app.get(OperatorsService);
      await operators.change(id, { state: 'disabled' });
      expect(refusalOf(await visit({ email }))).toEqual([403, 'auth.not_admitted', '']);
      await operators.change(id, { state: 'active' });
      const { browser } = await visit({ email });
      await operators.change(id, { state: 'disabled' });
      expect(await works(browser)).toBe(false);
      expect(refusalOf(await visit({ email }))).toEqual([403, 'auth.not_admitted', '']);
      expect(await noted(1)).toMatchObject([{ after: { reason: 'disabled' } }]);
    });

    it.each<[string, Readonly<Record<string, unknown>>]>([
      ['for another attempt', { nonce: 'another' }],
      ['for another client', { aud: 'another' }],
      ['of another issuer', { iss: 'https://login.example.org' }],
      ['that is over', { exp: Math.floor(Date.now() / 1000) - 120 }],
      ['of the future', { iat: Math.floor(Date.now() / 1000) + 3_600, nbf: Math.floor(Date.now() / 1000) + 3_600 }],
      ['without a subject', { sub: undefined }],
    ])('refuses a token %s', async (_, forged) => {
      const { email } = await invited();
      provider.forged = forged;
      expect(refusalOf(await visit({ email }))).toEqual([401, 'auth.provider_refused', '']);
      provider.forged = {};
      expect((await visit({ email })).status).toBe(303);
    });

    it('refuses a token that somebody else has signed', async () => {
      const { email } = await invited();
      provider.forgedKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
      expect(refusalOf(await visit({ email }))).toEqual([401, 'auth.provider_refused', '']);
    });

    it('refuses a return that this browser has not begun, or too long ago', async () => {
      const { email } = await invited();
      provider.claims = { sub: `sub-${people}`, email, email_verified: true };
      const [mine, theirs] = [await leave(), await leave()];
      for (const cookie of ['', 'bellhop_oidc=', 'bellhop_oidc=x', `bellhop_session=${'A'.repeat(43)}`]) {
        expect(refusalOf(await arrive({ ...mine, cookie }))).toEqual([401, 'auth.sign_in_stale', '']);
      }
      // An attacker's own return, in the browser of somebody who has just begun, too; and the other way round.
      expect(refusalOf(await arrive({ ...theirs, cookie: mine.cookie }))).toEqual([401, 'auth.provider_refused', '']);
      expect(provider.asked).not.toContain('/token');
      platform.setTime(new Date(Date.now() + 11 * MINUTE));
      expect(refusalOf(await arrive(mine))).toEqual([401, 'auth.sign_in_stale', '']);
      platform.setTime(undefined);
      expect((await arrive(mine)).status).toBe(303);
    });

    it('refuses a return that came before, and one without the state, the issuer or the code', async () => {
      const { email } = await invited();
      provider.claims = { sub: `sub-${people}`, email, email_verified: true };
      const journey = await leave();
      for (const part of ['state', 'iss', 'code']) {
        const without = journey.back.replace(new RegExp(`([?&])${part}=[^&]*&?`), '$1');
        expect(refusalOf(await arrive({ ...journey, back: without }))).toEqual([401, 'auth.provider_refused', '']);
      }
      expect((await arrive(journey)).status).toBe(303);
      expect(refusalOf(await arrive(journey))).toEqual([401, 'auth.provider_refused', '']);
    });

    it('says so when the provider refuses', async () => {
      provider.refusal = 'access_denied';
      expect(refusalOf(await visit({ email: 'ada@example.com' }))).toEqual([401, 'auth.provider_refused', '']);
    });

    it('lets nobody make it ask the provider without end', async () => {
      const journey = await leave();
      const statuses: number[] = [];
      for (let round = 0; round < 61; round++) {
        statuses.push((await arrive({ ...journey, back: `${journey.back}${round}` })).status);
      }
      expect(statuses.slice(-1)).toEqual([429]);
      expect(statuses[0]).toBe(401);
      platform.setTime(new Date(Date.now() + 20 * MINUTE));
      const { email } = await invited();
      expect((await visit({ email })).status).toBe(303);
    });
  });

  describe('of a provider with ways of its own', () => {
    beforeEach(async () => {
      platform = await start();
    });
    afterEach(() => platform?.stop());

    it('sends the secret as the provider wants it', async () => {
      provider.authentication = 'client_secret_post';
      const { email } = await invited();
      expect((await visit({ email })).status).toBe(303);
      expect(provider.asked).not.toContain('/userinfo');
    });

    it('asks for what the token does not tell', async () => {
      provider.terse = true;
      const { email } = await invited();
      expect((await visit({ email })).status).toBe(303);
      expect(provider.asked).toContain('/userinfo');
    });

    it('takes a browser that was refused to the console, which says why', async () => {
      const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
      provider.broken = 503;
      const refusals = [await go(BEGIN, { accept })];
      provider.broken = undefined;
      provider.claims = { sub: 'sub', email: 'stranger@example.com', email_verified: true };
      const { cookie, back } = await leave();
      refusals.push(await go(back, { cookie, accept }), await go(back, { accept }));
      expect(refusals.map(({ status, headers }) => [status, headers.get('location')])).toEqual([
        [303, '/console/#/refused/auth.provider_away'],
        [303, '/console/#/refused/auth.not_admitted'],
        [303, '/console/#/refused/auth.sign_in_stale'],
      ]);
      for (const { headers } of refusals) expect(headers.getSetCookie().join()).not.toContain('bellhop_session=');
    });

    it('says that it does not answer, and works when it does', async () => {
      const { email } = await invited();
      for (const status of [500, 503, 404]) {
        provider.broken = status;
        const reply = await go(BEGIN);
        const { code } = (await reply.json()) as Problem;
        expect([status, reply.status, code]).toEqual([status, 503, 'auth.provider_away']);
      }
      provider.broken = undefined;
      provider.claims = { sub: 'sub', email, email_verified: true };
      const journey = await leave();
      provider.broken = 502;
      expect(refusalOf(await arrive(journey))).toEqual([503, 'auth.provider_away', '']);
      provider.broken = undefined;
      expect((await visit({ email })).status).toBe(303);
    });

    it('asks no provider that is not there for long', async () => {
      const nowhere = await TestOidcProvider.start();
      await nowhere.close();
      const lost = await start({ BELLHOP_OIDC_ISSUER: nowhere.issuer }, platform.databaseUrl);
      try {
        expect((await go(BEGIN, {}, lost)).status).toBe(503);
      } finally {
        await lost.stop();
      }
    });

    it('guards its cookie behind https', async () => {
      const safe = await start({ PUBLIC_URL: 'https://push.example.com' }, platform.databaseUrl);
      try {
        const [cookie] = (await go(BEGIN, {}, safe)).headers.getSetCookie();
        expect(cookie).toMatch(/^__Host-bellhop_oidc=[\w-]+\.\w+; .*Path=\/; .*HttpOnly; Secure; SameSite=Lax$/);
      } finally {
        await safe.stop();
      }
    });

    it('is not there while it is not configured', async () => {
      const without = await TestPlatform.start({ role: 'api', databaseUrl: platform.databaseUrl });
      try {
        for (const address of [BEGIN, `${BEGIN}/callback?code=x&state=y`]) {
          expect((await go(address, {}, without)).status).toBe(404);
        }
      } finally {
        await without.stop();
      }
    });
  });

  describe('by a role claim', () => {
    let shop: string;
    let stopBare: () => Promise<void>;

    beforeAll(async () => {
      const bare = await TestPlatform.start({ role: 'api' });
      const app = await bare.createApp();
      shop = publicId('app', app.id);
      platform = bare;
      const roles = `admins=admin,shop=operator@${shop},gone=admin@${publicId('app', 'f'.repeat(32))},lookers=viewer`;
      const more = { BELLHOP_OIDC_ROLE_CLAIM: 'realm_access.roles', BELLHOP_OIDC_ROLES: roles };
      platform = await start(more, bare.databaseUrl);
      stopBare = () => bare.stop();
    });
    afterAll(async () => {
      await platform?.stop();
      await stopBare?.();
    });

    const withRoles = (sub: string, ...roles: string[]) =>
      visit({ sub, email: `${sub}@example.com`, name: sub, realm_access: { roles } });
    const rolesOf = async ({ browser }: Landing) =>
      (await browser.call<{ roles: object }>('GET', '/v1/session')).body.roles;

    it('lets the first person in only as an admin of everything', async () => {
      expect(refusalOf(await withRoles('early', 'lookers'))).toEqual([403, 'auth.not_admitted', '']);
      expect(await noted(1)).toMatchObject([{ after: { reason: 'first' } }]);
      const chief = await withRoles('chief', 'admins');
      expect(await rolesOf(chief)).toEqual([{ role: 'admin', appId: null }]);
      expect((await chief.browser.call('GET', '/v1/operators')).status).toBe(200);
    });

    it('lets others in with their roles, and follows these', async () => {
      const first = await withRoles('bob', 'shop', 'lookers', 'gone', 'strangers');
      const [operator, viewer] = [
        { role: 'operator', appId: shop },
        { role: 'viewer', appId: null },
      ];
      expect(await rolesOf(first)).toEqual([operator, viewer]);
      const [made, entered] = await noted(2);
      expect(made).toMatchObject({
        action: 'system.createOperator',
        after: { email: 'bob@example.com', source: 'provider' },
      });
      expect(entered).toMatchObject({ action: 'completeOidcSignIn', actor_name: 'bob@example.com' });

      expect(await rolesOf(await withRoles('bob', 'lookers', 'shop'))).toEqual([operator, viewer]);
      expect((await noted(2))[0]).toMatchObject({ action: 'completeOidcSignIn' });

      expect(await rolesOf(await withRoles('bob', 'lookers'))).toEqual([viewer]);
      expect(await rolesOf(first)).toEqual([viewer]);
      expect((await noted(2))[0]).toMatchObject({ action: 'system.changeOperator', after: { roles: [viewer] } });
    });

    it('takes the roles of those away whose claim has none any more', async () => {
      const before = await withRoles('eve', 'lookers');
      expect(refusalOf(await withRoles('eve'))).toEqual([403, 'auth.not_admitted', '']);
      expect(await noted(1)).toMatchObject([{ action: 'system.refuseSignIn', after: { reason: 'no_role' } }]);
      expect(await rolesOf(before)).toEqual([]);
      expect(refusalOf(await withRoles('nobody', 'gone', 'strangers'))).toEqual([403, 'auth.not_admitted', '']);
      expect(await query(`SELECT id FROM operator WHERE email = 'nobody@example.com'`)).toEqual([]);
    });

    it('leaves what people gave to those whom they invited', async () => {
      const { email } = await invited([{ role: 'developer', appId: null }]);
      for (const roles of [['admins'], []]) {
        const landing = await visit({ sub: `sub-${people}`, email, realm_access: { roles } });
        expect(await rolesOf(landing)).toEqual([{ role: 'developer', appId: null }]);
      }
    });

    it('makes one operator of somebody who comes twice at once', async () => {
      provider.claims = {
        sub: 'twin',
        email: 'twin@example.com',
        email_verified: true,
        realm_access: { roles: ['lookers'] },
      };
      const journeys = [await leave(), await leave(), await leave()];
      const landings = await Promise.all(journeys.map((journey) => arrive(journey)));
      expect(landings.map(({ status }) => status)).toEqual([303, 303, 303]);
      expect(await query(`SELECT id FROM operator WHERE email = 'twin@example.com'`)).toHaveLength(1);
      expect((await withRoles('twin', 'lookers')).status).toBe(303);
    });
  });
});
