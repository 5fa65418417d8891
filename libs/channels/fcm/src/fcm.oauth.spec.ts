import {
  type FcmSimulator,
  type FcmSimulatorOptions,
  fcmTestServiceAccount,
  startFcmSimulator,
} from '@bellhop/simulators';
import { createServer } from 'node:net';
import { within } from '../testing/builders.js';
import { type Access, FcmCredential } from './fcm.oauth.js';
import { parseServiceAccount } from './fcm.service-account.js';

const NEVER = new AbortController().signal;
const MINUTE = 60_000;

describe('access tokens', () => {
  let simulator: FcmSimulator;
  /** Milliseconds since 1970 on both sides, unless a test moves one. */
  let now: number;

  beforeEach(() => {
    now = Date.now();
  });
  afterEach(() => simulator.close());

  async function start(options: FcmSimulatorOptions = {}): Promise<void> {
    simulator = await startFcmSimulator({ now: () => now, ...options });
  }

  function credential(
    changes: { account?: object; tokenUrl?: string; deadlineMs?: number; ca?: string } = {},
  ): FcmCredential {
    const account = parseServiceAccount(JSON.stringify({ ...simulator.serviceAccount, ...changes.account }));
    const { tokenUrl = simulator.tokenUrl, deadlineMs = 5000, ca = simulator.caPem } = changes;
    return new FcmCredential(account, { tokenUrl, deadlineMs, certificateAuthority: ca }, () => now);
  }

  const access = (one: FcmCredential, signal = NEVER): Promise<Access> => within(one.access(signal));
  const tokenOf = (got: Access): string => (got.ok ? got.token : '');

  it('are fetched once for all who wait, and kept', async () => {
    await start();
    const one = credential();
    const tokens = (await Promise.all(Array.from({ length: 20 }, () => access(one)))).map(tokenOf);
    expect(new Set(tokens).size).toBe(1);
    expect(tokens[0]).toMatch(/^ya29\./);
    expect(tokenOf(await access(one))).toBe(tokens[0]);
    expect(simulator.counters.tokensIssued).toBe(1);
  });

  it('are replaced five minutes before they expire', async () => {
    await start();
    const one = credential();
    const first = tokenOf(await access(one));
    now += 3599_000 - 5 * MINUTE - 1;
    expect(tokenOf(await access(one))).toBe(first);
    now += 1;
    expect(tokenOf(await access(one))).not.toBe(first);
  });

  it('that live for seconds are fetched for every call', async () => {
    await start();
    simulator.scriptOAuth(['expires10'], { repeatLast: true });
    const one = credential();
    expect(tokenOf(await access(one))).not.toBe(tokenOf(await access(one)));
  });

  it('are forgotten when they are refused, but not when a newer one has come since', async () => {
    await start();
    const one = credential();
    const startedAt = now;
    const first = tokenOf(await access(one));
    one.renew(startedAt - 1);
    expect(tokenOf(await access(one))).toBe(first);
    one.renew(startedAt);
    now += 1;
    const second = tokenOf(await access(one));
    expect(second).not.toBe(first);
    one.renew(startedAt);
    expect(tokenOf(await access(one))).toBe(second);
  });

  it.each<readonly [step: string, outcome: object]>([
    [
      'invalidgrant',
      { kind: 'misconfigured', reason: 'credentials.refused', field: 'serviceAccount', vendorCode: 'invalid_grant' },
    ],
    ['denied', { kind: 'misconfigured', field: 'serviceAccount', vendorCode: 'access_denied' }],
    ['unavailable', { kind: 'transient', reason: 'oauth.unavailable' }],
    ['unavailable7', { kind: 'transient', retryAfterMs: 7000 }],
    ['html', { kind: 'transient', vendorCode: 'HTTP 502' }],
    ['malformed', { kind: 'transient', reason: 'oauth.unreadable_answer' }],
    ['fin', { kind: 'transient', reason: 'oauth.unreachable' }],
    ['rst', { kind: 'transient', reason: 'oauth.unreachable' }],
  ])('fail after "%s", and are fetched again the next time', async (step, outcome) => {
    await start();
    simulator.scriptOAuth([step]);
    const one = credential();
    expect(await access(one)).toMatchObject({ ok: false, outcome });
    expect(await access(one)).toMatchObject({ ok: true });
  });

  it('fail with a hint when the clock is wrong', async () => {
    const server = now;
    await start({ now: () => server });
    now += 20 * MINUTE;
    const got = await access(credential());
    expect(got).toMatchObject({ ok: false, outcome: { kind: 'misconfigured', vendorCode: 'invalid_grant' } });
    expect((got as { outcome: { detail: string } }).outcome.detail).toMatch(
      /clock of this server is (?:1199|1200|1201) s ahead/,
    );
  });

  it('fail with another hint when the clock is right', async () => {
    await start();
    const got = await access(credential({ account: { client_email: 'gone@bellhop-test.iam.gserviceaccount.com' } }));
    expect(got).toMatchObject({ ok: false, outcome: { detail: expect.stringMatching(/key was deleted/) as string } });
  });

  it('fail at the deadline when the endpoint is silent', async () => {
    await start();
    simulator.scriptOAuth(['silent']);
    expect(await access(credential({ deadlineMs: 100 }))).toMatchObject({ ok: false, outcome: { kind: 'transient' } });
  });

  it('are not waited for after an abort, and the next caller still gets one', async () => {
    await start();
    simulator.scriptOAuth(['silent']);
    const one = credential({ deadlineMs: 1000 });
    const abort = new AbortController();
    const aborted = access(one, abort.signal);
    abort.abort();
    expect(await aborted).toEqual({ ok: false, outcome: { kind: 'transient', reason: 'send.aborted' } });
    expect(await access(one, AbortSignal.abort())).toMatchObject({ ok: false, outcome: { reason: 'send.aborted' } });
    expect(await access(one)).toMatchObject({ ok: false, outcome: { reason: 'oauth.unreachable' } });
    expect(await access(one)).toMatchObject({ ok: true });
  });

  it('come from trusted endpoints only', async () => {
    await start();
    const stranger = await startFcmSimulator();
    expect(await access(credential({ ca: stranger.caPem }))).toMatchObject({
      ok: false,
      outcome: { kind: 'transient' },
    });
    await stranger.close();
  });

  it('fail when nobody listens', async () => {
    await start();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    const got = await access(credential({ tokenUrl: `https://127.0.0.1:${port}/token` }));
    expect(got).toMatchObject({ ok: false, outcome: { reason: 'oauth.unreachable', vendorCode: 'ECONNREFUSED' } });
  });

  it('never show the key', async () => {
    await start();
    simulator.scriptOAuth(['invalidgrant']);
    expect(JSON.stringify(await access(credential()))).not.toContain(fcmTestServiceAccount().private_key.slice(30, 60));
  });
});
