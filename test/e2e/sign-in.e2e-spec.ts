import { Logger } from '@nestjs/common';
import { argon2Sync } from 'node:crypto';
import { FirstStart } from '../../src/access/operators/first-start.js';
import { LinksService } from '../../src/access/operators/links.service.js';
import { OperatorsService } from '../../src/access/operators/operators.service.js';
import { Passwords } from '../../src/access/sign-in/passwords.js';
import { SessionsService } from '../../src/access/sign-in/sessions.service.js';
import { publicId } from '../../src/platform/ids.js';
import { TestPlatform } from '../support/app.js';
import { Browser, firstAdmin, PASSWORD, somebody, tokenIn } from '../support/browser.js';

interface Problem {
  readonly code: string;
  readonly detail: string;
  readonly instance: string;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NEXT = 'another horse battery staple';

describe('signing in', () => {
  let platform: TestPlatform;
  /** Never goes back: what was counted is forgotten with time alone. */
  let now = new Date();

  const pass = (ms: number): void => {
    now = new Date(now.getTime() + ms);
    platform.setTime(now);
  };
  const query = <T = Record<string, unknown>>(sql: string, ...values: unknown[]): Promise<T[]> =>
    platform.sql.query<T[]>(sql, values);
  const works = async (browser: Browser): Promise<boolean> => (await browser.call('GET', '/v1/session')).status === 200;

  beforeEach(() => pass(HOUR));

  describe('for the first time', () => {
    beforeAll(async () => {
      platform = await TestPlatform.start({ role: 'api', env: { PUBLIC_URL: 'http://bellhop.internal:8080' } });
    });
    afterAll(() => platform?.stop());
    beforeEach(async () => {
      await query('DELETE FROM operator');
      await query('DELETE FROM operator_link');
    });

    async function said(): Promise<string[]> {
      const lines: string[] = [];
      const hear = (line: unknown): void => void lines.push(String(line));
      Logger.overrideLogger({ log: hear, warn: hear, error: hear });
      try {
        await platform.app.get(FirstStart).onApplicationBootstrap();
      } finally {
        Logger.overrideLogger(false);
      }
      return lines;
    }
    const redeem = (token: string, more: object = { email: 'Ada@Example.com', name: 'Ada' }) =>
      new Browser(platform).call<Problem>('POST', '/v1/session/link', { body: { token, password: PASSWORD, ...more } });

    it('prints a link while there is no operator, and keeps only its digest', async () => {
      const [line = '', ...more] = await said();
      expect(more).toEqual([]);
      expect(line).toMatch(/http:\/\/bellhop\.internal:8080\/console\/#\/welcome\/[\w-]{43}$/);
      const stored = await query<{ text: string }>('SELECT l::text AS text FROM operator_link l');
      expect(stored).toHaveLength(1);
      expect(stored[0]?.text).not.toContain(tokenIn(line));
      const entries = await query<{ text: string }>(
        `SELECT a::text AS text FROM audit_entry a WHERE action = 'system.issueFirstLink' AND actor_kind = 'system'`,
      );
      expect(entries.length).toBeGreaterThan(0);
      expect(JSON.stringify(entries)).not.toContain(tokenIn(line));

      await firstAdmin(platform);
      expect(await said()).toEqual([]);
    });

    it('makes the first admin, who is signed in and may do everything', async () => {
      const [line = ''] = await said();
      const browser = new Browser(platform);
      const body = { token: tokenIn(line), password: PASSWORD, email: 'Ada@Example.com', name: 'Ada' };
      const { status, body: session } = await browser.call('POST', '/v1/session/link', { body });
      expect([status, session]).toEqual([
        201,
        {
          operatorId: expect.stringMatching(/^opr_/),
          email: 'ada@example.com',
          name: 'Ada',
          roles: [{ role: 'admin', appId: null }],
          expiresAt: expect.any(String),
        },
      ]);
      const app = { name: 'Shop', deepLinkScheme: 'shop' };
      expect((await browser.call('POST', '/v1/apps', { body: app })).status).toBe(201);
    });

    it('serves once, within 24 hours, and not when somebody was quicker', async () => {
      const links = platform.app.get(LinksService);
      const [one, two] = await Promise.all([links.issue(null), links.issue(null)]);
      const replies = await Promise.all([
        redeem(tokenIn(one.url)),
        redeem(tokenIn(two.url), { email: 'b@example.com' }),
      ]);
      expect(replies.map(({ status }) => String(status)).toSorted()).toEqual(['201', '401']);
      expect(await query('SELECT id FROM operator')).toHaveLength(1);
      expect(await query('SELECT digest FROM operator_link')).toEqual([]);
      expect((await redeem(tokenIn(one.url))).body.code).toBe('auth.link_refused');

      await query('DELETE FROM operator');
      const late = await links.issue(null);
      pass(24 * HOUR);
      expect((await redeem(tokenIn(late.url))).body.code).toBe('auth.link_refused');
    });

    it('asks who the first admin is, and for a password that is long enough', async () => {
      const { url } = await platform.app.get(LinksService).issue(null);
      for (const more of [{}, { email: 'no address' }, { email: 'a@example.com', password: 'short' }]) {
        const { status, body } = await redeem(tokenIn(url), more);
        expect([more, status, body.code]).toEqual([more, 400, 'request.invalid']);
      }
      expect((await redeem('A'.repeat(43))).body.code).toBe('auth.link_refused');
      expect((await redeem(tokenIn(url))).status).toBe(201);
    });
  });

  describe('later', () => {
    let admin: Browser;

    beforeAll(async () => {
      platform = await TestPlatform.start({ role: 'api' });
      admin = await firstAdmin(platform);
    });
    afterAll(() => platform?.stop());
    const signIn = (email: string, password?: string) => new Browser(platform).signIn(email, password);
    /** The e-mail address of a new viewer. */
    async function viewer(): Promise<string> {
      const browser = await somebody(platform, 'viewer', null);
      return (await browser.call<{ email: string }>('GET', '/v1/session')).body.email;
    }

    it('sets a cookie that scripts cannot read and other sites do not send', async () => {
      const email = await viewer();
      const browser = new Browser(platform);
      const { status, body } = await browser.signIn(email.toUpperCase());
      expect([status, body]).toMatchObject([201, { email, roles: [{ role: 'viewer', appId: null }] }]);
      const cookie = /^bellhop_session=([\w-]{43}); Max-Age=43200; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/;
      expect(browser.setCookie).toMatch(cookie);
      expect(JSON.stringify(body)).not.toContain(cookie.exec(browser.setCookie ?? '')?.[1]);
      expect(await works(browser)).toBe(true);
      const [row] = await query<{ text: string }>(`SELECT string_agg(s::text, ' ') AS text FROM operator_session s`);
      expect(row?.text).not.toContain(browser.cookie.split('=')[1]);
    });

    it('answers a wrong password, nobody and somebody who is disabled alike, and with the same work', async () => {
      const [known, disabled] = [await viewer(), await viewer()];
      await query(`UPDATE operator SET state = 'disabled' WHERE email = $1`, disabled);
      const verify = jest.spyOn(platform.app.get(Passwords), 'verify');
      const answers = new Set<string>();
      for (const [email, password] of [
        [known, 'wrong'],
        ['nobody@example.com', PASSWORD],
        [disabled, PASSWORD],
      ] as const) {
        const { status, body, headers } = await signIn(email, password);
        answers.add(JSON.stringify([status, { ...body, instance: '' }, headers.get('set-cookie')]));
      }
      expect([...answers]).toEqual([expect.stringContaining('"auth.sign_in_refused"')]);
      expect(verify.mock.calls.map(([, stored]) => Boolean(stored))).toEqual([true, false, true]);
      verify.mockRestore();
    });

    it('lets nobody guess: ten attempts in 15 minutes, for those who exist and those who do not', async () => {
      for (const email of [await viewer(), 'nobody@example.org']) {
        const statuses: number[] = [];
        for (let round = 0; round < 11; round++) statuses.push((await signIn(email, `wrong ${round}`)).status);
        expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), 429]);
        const { status, headers, body } = await signIn(email);
        expect([status, headers.get('retry-after'), body.code]).toEqual([429, '90', 'auth.too_many_attempts']);
      }
    });

    it('lets the right password in again once time has passed, and does not count it', async () => {
      const email = await viewer();
      for (let round = 0; round < 15; round++) expect((await signIn(email)).status).toBe(201);
      for (let round = 0; round < 10; round++) await signIn(email, 'wrong');
      expect((await signIn(email)).status).toBe(429);
      pass(90_000);
      expect((await signIn(email)).status).toBe(201);
    });

    it('stops one address that tries many names', async () => {
      const statuses = new Map<number, number>();
      const attempts = Array.from({ length: 61 }, (_, number) => `name-${number}@example.net`);
      for (const email of attempts) {
        const { status } = await signIn(email, 'x');
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
      expect(Object.fromEntries(statuses)).toEqual({ 401: 60, 429: 1 });
    });

    it('makes a stored password anew when the parameters have changed', async () => {
      const email = await viewer();
      const nonce = Buffer.from('0123456789abcdef');
      const parameters = { parallelism: 1, tagLength: 32, memory: 8_192, passes: 1 };
      const tag = argon2Sync('argon2id', { message: PASSWORD, nonce, ...parameters });
      const text = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '');
      const old = `$argon2id$v=19$m=8192,t=1,p=1$${text(nonce)}$${text(tag)}`;
      await query('UPDATE operator SET password = $2 WHERE email = $1', email, old);
      const stored = async () =>
        (await query<{ password: string }>('SELECT password FROM operator WHERE email = $1', email))[0]?.password;
      expect((await signIn(email, 'wrong')).status).toBe(401);
      expect(await stored()).toBe(old);
      expect((await signIn(email)).status).toBe(201);
      expect(await stored()).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
      expect((await signIn(email)).status).toBe(201);
    });

    it('ends: after an hour of silence, after twelve hours, and at sign-out', async () => {
      const email = await viewer();
      const [idle, busy, gone] = [new Browser(platform), new Browser(platform), new Browser(platform)];
      for (const browser of [idle, busy, gone]) expect((await browser.signIn(email)).status).toBe(201);

      const { status } = await gone.call('DELETE', '/v1/session');
      expect([status, gone.setCookie]).toEqual([
        204,
        expect.stringMatching(/^bellhop_session=; .*Expires=Thu, 01 Jan 1970/),
      ]);
      const [, kept] = (idle.cookie || '').split('=');
      expect(kept).toHaveLength(43);

      for (let minutes = 30; minutes < 12 * 60; minutes += 30) {
        pass(30 * MINUTE);
        expect(await works(busy)).toBe(true);
      }
      expect(await works(idle)).toBe(false);
      pass(30 * MINUTE);
      const over = await busy.call<Problem>('GET', '/v1/session');
      expect([over.status, over.body.code]).toEqual([401, 'auth.session_ended']);
      await platform.app.get(SessionsService).purge();
      expect(await query('SELECT 1 FROM operator_session WHERE expires_at <= $1', now)).toEqual([]);
    });

    it('keeps a session that was signed out shut, though its cookie was copied', async () => {
      const browser = new Browser(platform);
      await browser.signIn(await viewer());
      const { cookie } = browser;
      await browser.call('DELETE', '/v1/session');
      browser.cookie = cookie;
      expect(await works(browser)).toBe(false);
    });

    it.each([
      'bellhop_session=',
      'bellhop_session=x',
      `bellhop_session=${'A'.repeat(43)}`,
      'other=1; bellhop_session=%00',
    ])('refuses the cookie %j', async (cookie) => {
      const browser = new Browser(platform);
      browser.cookie = cookie;
      const { status, body } = await browser.call<Problem>('GET', '/v1/session');
      expect([status, body.code]).toEqual([401, 'auth.session_ended']);
    });

    it('lets other sites change nothing, and read nothing through a key that is not there', async () => {
      const browser = new Browser(platform);
      await browser.signIn(await viewer());
      const foreignWays: Record<string, string>[] = [
        { 'sec-fetch-site': 'cross-site' },
        { 'sec-fetch-site': 'same-site' },
        { 'bellhop-csrf': '' },
      ];
      for (const headers of foreignWays) {
        for (const [method, path] of [
          ['DELETE', '/v1/session'],
          ['PUT', '/v1/session/password'],
          ['POST', '/v1/notifications'],
        ] as const) {
          const { status, body } = await browser.call<Problem>(method, path, { headers, body: {} });
          expect([method, path, status, body.code]).toEqual([method, path, 403, 'auth.cross_site']);
        }
        const foreign = await new Browser(platform).call<Problem>('POST', '/v1/session', {
          headers,
          body: { email: 'a@example.com', password: PASSWORD },
        });
        expect([foreign.status, foreign.body.code]).toEqual([403, 'auth.cross_site']);
      }
      expect(await works(browser)).toBe(true);
    });

    it('changes a password: the other sessions end, and the old one is worth nothing', async () => {
      const email = await viewer();
      const [here, there] = [new Browser(platform), new Browser(platform)];
      for (const browser of [here, there]) await browser.signIn(email);
      const { link } = { link: await platform.app.get(LinksService).issue(await idOf(email)) };
      const change = (current: string, next: string) =>
        here.call<Problem>('PUT', '/v1/session/password', { body: { current, next } });
      expect((await change('wrong', NEXT)).body.code).toBe('auth.password_wrong');
      expect((await change(PASSWORD, 'short')).status).toBe(400);
      expect(await works(there)).toBe(true);
      expect((await change(PASSWORD, NEXT)).status).toBe(204);
      expect([await works(here), await works(there)]).toEqual([true, false]);
      expect([(await signIn(email)).status, (await signIn(email, NEXT)).status]).toEqual([401, 201]);
      const body = { token: tokenIn(link.url), password: PASSWORD };
      expect((await new Browser(platform).call('POST', '/v1/session/link', { body })).status).toBe(401);
    });

    const idOf = async (email: string): Promise<string> =>
      (await query<{ id: string }>('SELECT id FROM operator WHERE email = $1', email))[0]?.id ?? '';

    it('resets a password by a link of an admin, which signs the person out elsewhere', async () => {
      const email = await viewer();
      const there = new Browser(platform);
      await there.signIn(email);
      await admin.signIn('root@example.com');
      const path = `/v1/operators/${publicId('opr', await idOf(email))}`;
      const issue = async () => (await admin.call<{ url: string }>('POST', `${path}/link`)).body.url;
      const [first, second] = [await issue(), await issue()];
      const redeem = (url: string) =>
        new Browser(platform).call('POST', '/v1/session/link', { body: { token: tokenIn(url), password: NEXT } });
      expect((await redeem(second)).status).toBe(201);
      expect([(await redeem(second)).status, (await redeem(first)).status]).toEqual([401, 401]);
      expect(await works(there)).toBe(false);
      expect((await signIn(email, NEXT)).status).toBe(201);

      await admin.call('PATCH', path, { body: { state: 'disabled' } });
      expect((await admin.call<Problem>('POST', `${path}/link`)).body.code).toBe('operator.disabled');
    });

    it('is written down: who, from sign-in to sign-out, and no password', async () => {
      const email = await viewer();
      const browser = new Browser(platform);
      await browser.signIn(email);
      await browser.call('PUT', '/v1/session/password', { body: { current: PASSWORD, next: NEXT } });
      await browser.call('DELETE', '/v1/session');
      const entries = await query<{ action: string; fields: string[] }>(
        `SELECT action, fields FROM audit_entry WHERE actor_kind = 'operator' AND actor_name = $1 ORDER BY id`,
        email,
      );
      expect(entries).toEqual([
        { action: 'redeemLink', fields: ['/token', '/password'] },
        { action: 'signIn', fields: ['/email', '/password'] },
        { action: 'changePassword', fields: ['/current', '/next'] },
        { action: 'signOut', fields: [] },
      ]);
      const [all] = await query<{ text: string }>(`SELECT string_agg(a::text, ' ') AS text FROM audit_entry a`);
      expect(all?.text).not.toMatch(/horse battery/);
    });

    it.each([
      { email: 'a@example.com' },
      { email: 'a@example.com', password: 7 },
      { email: ['a@example.com'], password: PASSWORD },
      { email: 'a\0@example.com', password: PASSWORD },
      { email: 'a@example.com', password: 'x'.repeat(257) },
      { email: 'a@example.com', password: PASSWORD, role: 'admin' },
    ])('refuses %j', async (body) => {
      expect((await new Browser(platform).call('POST', '/v1/session', { body })).status).toBe(400);
    });
  });

  it('behind https, has a cookie that never travels in the clear', async () => {
    const secure = await TestPlatform.start({ role: 'api', env: { PUBLIC_URL: 'https://push.example.com' } });
    try {
      const browser = await firstAdmin(secure);
      expect(browser.setCookie).toMatch(
        /^__Host-bellhop_session=[\w-]{43}; .*Path=\/; .*HttpOnly; Secure; SameSite=Strict$/,
      );
      expect(browser.setCookie).not.toMatch(/Domain/i);
      expect((await browser.call('GET', '/v1/session')).status).toBe(200);
      browser.cookie = browser.cookie.replace('__Host-', '');
      expect((await browser.call('GET', '/v1/session')).status).toBe(401);
      const operators = await secure.app.get(OperatorsService).load(undefined, 10);
      expect(operators).toHaveLength(1);
    } finally {
      await secure.stop();
    }
  });
});
