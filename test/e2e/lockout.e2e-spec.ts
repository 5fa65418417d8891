import { LinksService } from '../../src/access/operators/links.service.js';
import { OperatorsService } from '../../src/access/operators/operators.service.js';
import { Lockout } from '../../src/access/sign-in/lockout.js';
import { type ApiReply, TestPlatform } from '../support/app.js';
import { Browser, PASSWORD, tokenIn } from '../support/browser.js';

interface Problem {
  readonly code?: string;
}

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const HOME = '192.0.2.1';

describe('wrong passwords in a row', () => {
  let platform: TestPlatform;
  let other: TestPlatform;
  let now = new Date();
  let people = 0;
  let strangers = 0;

  const env = { BELLHOP_TRUSTED_PROXIES: 'loopback' };
  const pass = (ms: number): void => {
    now = new Date(now.getTime() + ms);
    for (const one of [platform, other]) one.setTime(now);
  };
  const query = <T = Record<string, unknown>>(sql: string, ...values: unknown[]): Promise<T[]> =>
    platform.sql.query<T[]>(sql, values);

  beforeAll(async () => {
    platform = await TestPlatform.start({ role: 'api', env });
    other = await TestPlatform.start({ role: 'api', env, databaseUrl: platform.databaseUrl });
  });
  afterAll(async () => {
    await other?.stop();
    await platform?.stop();
  });
  beforeEach(() => pass(2 * DAY));

  const signIn = (email: string, password: string, from: string, by = platform): Promise<ApiReply<Problem>> =>
    new Browser(by).call<Problem>('POST', '/v1/session', {
      body: { email, password },
      headers: { 'x-forwarded-for': from },
    });
  /** From an address of its own each time, so that no limit of an address is met. */
  const guess = (email: string, by = platform): Promise<ApiReply<Problem>> => {
    const number = ++strangers;
    return signIn(email, `wrong ${number}`, `198.51.${number >> 8}.${number & 255}`, by);
  };
  const fail = async (email: string, times: number): Promise<void> => {
    for (let round = 0; round < times; round++) {
      const { status } = await guess(email, round % 2 ? other : platform);
      expect([round, status]).toEqual([round, 401]);
    }
  };
  /** As if it had been guessed so often: each guess costs a hash. */
  const failed = (email: string, failures: number) =>
    query(
      `INSERT INTO sign_in_failure (digest, failures, last_at) VALUES (sha256(convert_to($1, 'UTF8')), $2, $3)`,
      email,
      failures,
      now,
    );
  /** Somebody who chose a password at home. */
  async function somebody(): Promise<string> {
    const email = `person-${++people}@example.com`;
    const { link } = await platform.app.get(OperatorsService).invite({ email, name: 'Ada', roles: [] });
    await redeem(link.url);
    return email;
  }
  async function redeem(url: string, from = HOME): Promise<void> {
    const body = { token: tokenIn(url), password: PASSWORD };
    const headers = { 'x-forwarded-for': from };
    expect((await new Browser(platform).call('POST', '/v1/session/link', { body, headers })).status).toBe(201);
  }

  const count = async (email: string) =>
    (
      await query<{ failures: number }>(
        `SELECT failures FROM sign_in_failure WHERE digest = sha256(convert_to($1, 'UTF8'))`,
        email,
      )
    )[0]?.failures;

  it('make a name wait, in every process, whether it is anybody or not', async () => {
    for (const email of [await somebody(), 'nobody@example.com']) {
      await fail(email, 20);
      const answers = [await guess(email), await guess(email, other), await signIn(email, PASSWORD, '203.0.113.9')];
      for (const { status, headers, body } of answers) {
        expect([status, headers.get('retry-after'), body.code]).toEqual([429, '60', 'auth.too_many_attempts']);
      }
    }
  });

  it('make it wait longer each time, and an hour at most', async () => {
    const email = 'slow@example.com';
    await failed(email, 20);
    for (const minutes of [1, 2, 4, 8, 16, 32, 60, 60]) {
      pass(minutes * MINUTE - 1);
      expect([minutes, (await guess(email)).status]).toEqual([minutes, 429]);
      pass(1);
      expect([minutes, (await guess(email)).status]).toEqual([minutes, 401]);
    }
  });

  it('let one attempt through at a time, however many come at once', async () => {
    const email = 'many@example.com';
    await failed(email, 20);
    pass(MINUTE);
    const replies = await Promise.all(Array.from({ length: 8 }, (_, n) => guess(email, n % 2 ? other : platform)));
    expect(replies.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      401,
      ...Array.from({ length: 7 }, () => 429),
    ]);
  });

  it('are forgotten when the person signs in, and after a day', async () => {
    const email = await somebody();
    await failed(email, 19);
    expect((await signIn(email, PASSWORD, '203.0.113.1')).status).toBe(201);
    await fail(email, 2);
    expect(await count(email)).toBe(2);
    pass(DAY);
    await fail(email, 1);
    expect(await count(email)).toBe(1);
  });

  it('keep nobody out where they have signed in lately', async () => {
    const email = await somebody();
    await failed(email, 20);
    expect((await signIn(email, PASSWORD, '203.0.113.2')).status).toBe(429);
    expect((await signIn(email, 'wrong', HOME)).status).toBe(401);
    expect((await signIn(email, PASSWORD, HOME)).status).toBe(201);
    expect((await signIn('another@example.com', 'wrong', HOME)).status).toBe(401);

    pass(31 * DAY);
    await failed(email, 20);
    expect((await signIn(email, PASSWORD, HOME)).status).toBe(429);
  });

  it('do not matter to who follows a link', async () => {
    const email = await somebody();
    await failed(email, 20);
    const [row] = await query<{ id: string }>('SELECT id FROM operator WHERE email = $1', email);
    await redeem((await platform.app.get(LinksService).issue(row?.id ?? '')).url, '203.0.113.3');
    expect((await guess(email)).status).toBe(401);
  });

  it('leave neither names nor addresses behind, and nothing once they are old', async () => {
    const email = await somebody();
    await fail(email, 1);
    const stored = await query<{ text: string }>(
      'SELECT f::text AS text FROM sign_in_failure f UNION ALL SELECT a::text FROM sign_in_address a',
    );
    expect(stored.length).toBeGreaterThanOrEqual(2);
    for (const spelling of [email, HOME, Buffer.from(email).toString('hex'), Buffer.from(HOME).toString('hex')]) {
      expect(JSON.stringify(stored)).not.toContain(spelling);
    }
    const left = async () =>
      (
        await query<{ count: number }>(
          'SELECT ((SELECT count(*) FROM sign_in_failure) + (SELECT count(*) FROM sign_in_address))::int AS count',
        )
      )[0]?.count;
    pass(31 * DAY);
    await platform.app.get(Lockout).purge();
    expect(await left()).toBe(0);
  });
});
