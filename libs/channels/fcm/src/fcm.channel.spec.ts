import { describeChannel, type ChannelStub } from '@bellhop/contracts/testing';
import type { ChannelClient, OutcomeKind, SendOutcome } from '@bellhop/contracts';
import {
  fcmInstallationId,
  type FcmSimulator,
  fcmTestServiceAccount,
  fcmToken,
  startFcmSimulator,
} from '@bellhop/simulators';
import { inspect } from 'node:util';
import { type AdminShim, redirectFirebaseAdmin } from '../testing/admin-shim.js';
import { aMessage, anItem, configFor, times, within } from '../testing/builders.js';
import { FcmChannel } from './fcm.channel.js';
import type { FcmConfig } from './fcm.manifest.js';

const TRANSPORTS = ['http', 'admin'] as const;
const NEVER = new AbortController().signal;
/** A word of the simulator, the class it means and what the outcome says beside it. */
const CASES: readonly (readonly [step: string, kind: OutcomeKind, rest: object])[] = [
  ['accepted', 'accepted', { vendorMessageId: expect.stringMatching(/^projects\/bellhop-test\/messages\//) as string }],
  ['unregistered', 'invalidTarget', { reason: 'token.unregistered', vendorCode: 'UNREGISTERED' }],
  ['notfound', 'rejected', { reason: 'gateway.unknown_answer', vendorCode: 'NOT_FOUND' }],
  [
    'badfield',
    'rejected',
    { reason: 'payload.invalid', detail: expect.stringContaining('message.android.ttl') as string },
  ],
  ['toobig', 'rejected', { reason: 'payload.too_large' }],
  ['sender', 'wrongBinding', { reason: 'token.other_project', vendorCode: 'SENDER_ID_MISMATCH' }],
  ['forbidden', 'misconfigured', { reason: 'credentials.forbidden', field: 'serviceAccount' }],
  ['apnskey', 'misconfigured', { reason: 'credentials.apns', vendorCode: 'THIRD_PARTY_AUTH_ERROR' }],
  ['unauthenticated', 'misconfigured', { reason: 'credentials.unauthenticated', field: 'serviceAccount' }],
  ['quota', 'throttled', { scope: 'channel', retryAfterMs: 60_000 }],
  ['quota5', 'throttled', { scope: 'channel', retryAfterMs: 5000 }],
  ['devicequota7', 'throttled', { scope: 'target', retryAfterMs: 7000 }],
  ['unavailable90', 'transient', { reason: 'gateway.unavailable', retryAfterMs: 90_000 }],
  ['internal', 'transient', { reason: 'gateway.error', vendorCode: 'INTERNAL' }],
  ['unimplemented', 'transient', { reason: 'gateway.error' }],
  ['html', 'transient', { reason: 'gateway.error', vendorCode: 'HTTP 502' }],
  ['refused', 'transient', { reason: 'network.unreachable' }],
  ['reset', 'unknown', { reason: 'network.no_answer' }],
];

describe.each(TRANSPORTS)('FCM by the %s transport', (transport) => {
  let simulator: FcmSimulator;
  let shim: AdminShim;
  const clients: ChannelClient[] = [];

  beforeAll(async () => {
    simulator = await startFcmSimulator();
    shim = redirectFirebaseAdmin(simulator);
  });
  beforeEach(() => simulator.reset());
  afterEach(async () => {
    await within(Promise.all(clients.splice(0).map((client) => client.close())));
  });
  afterAll(async () => {
    shim.restore();
    await simulator.close();
  });

  async function open(changes: Partial<FcmConfig> = {}): Promise<ChannelClient> {
    const client = await new FcmChannel().open(configFor(simulator, { transport, ...changes }));
    clients.push(client);
    return client;
  }

  async function send(client: ChannelClient, tokens: readonly string[]): Promise<readonly SendOutcome[]> {
    const message = aMessage();
    return within(
      client.sender!.send(
        tokens.map((token) => anItem(token, message)),
        NEVER,
      ),
    );
  }

  it.each(CASES)('calls "%s" %s', async (step, kind, rest) => {
    const client = await open();
    expect(await send(client, [fcmToken(step)])).toEqual([expect.objectContaining({ kind, ...rest })]);
  });

  it('keeps the order of a mixed batch', async () => {
    const steps = CASES.filter(([step]) => step !== 'unauthenticated' && step !== 'reset' && step !== 'refused');
    const outcomes = await send(
      await open(),
      steps.map(([step], number) => fcmToken(step, number)),
    );
    expect(outcomes.map(({ kind }) => kind)).toEqual(steps.map(([, kind]) => kind));
  });

  it('retires a doubtful token only when the same message was taken for another device', async () => {
    const client = await open();
    expect(await send(client, [fcmToken('badtoken')])).toMatchObject([{ kind: 'rejected', reason: 'token.malformed' }]);
    const before = Date.now();
    const [doubtful] = await send(client, [fcmToken('badtoken'), fcmToken()]);
    expect(doubtful).toMatchObject({ kind: 'invalidTarget', reason: 'token.malformed' });
    expect((doubtful as { since: Date }).since.getTime()).toBeGreaterThanOrEqual(before);
  });

  it('addresses installation ids', async () => {
    const client = await open();
    const ids = [fcmInstallationId(), fcmInstallationId('unregistered')];
    const items = ids.map((id) => anItem(id, aMessage(), { identifier: 'fid' }));
    const outcomes = await within(client.sender!.send(items, NEVER));
    expect(outcomes.map(({ kind }) => kind)).toEqual(['accepted', 'invalidTarget']);
    expect(new Set(simulator.requests.map(({ message }) => message?.fid))).toEqual(new Set(ids));
  });

  it('refuses targets and messages that FCM cannot take, and sends the others', async () => {
    const client = await open();
    const reserved = anItem(fcmToken(), aMessage({ extras: { from: 'me' } }));
    const audience = { kind: 'everyone', platforms: ['android'] } as const;
    const everyone = { ...anItem(fcmToken()), target: { kind: 'audience', audience } } as const;
    const outcomes = await within(client.sender!.send([reserved, anItem(fcmToken()), everyone], NEVER));
    expect(outcomes).toMatchObject([
      { kind: 'rejected', reason: 'payload.reserved_key' },
      { kind: 'accepted' },
      { kind: 'rejected', reason: 'target.unsupported' },
    ]);
    expect(simulator.counters.requests).toBe(1);
  });

  it('replaces a refused access token once and sends again what it was refused for', async () => {
    const client = await open();
    await send(client, [fcmToken()]);
    simulator.revokeTokens();
    simulator.reset();
    const outcomes = await send(client, [fcmToken('accepted', 1), fcmToken('accepted', 2)]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(['accepted', 'accepted']);
    expect(simulator.counters).toMatchObject({ tokensIssued: 1, requests: 4, bearers: 2, accepted: 2 });
  });

  it('stops after the second refusal', async () => {
    const client = await open();
    await send(client, [fcmToken('unauthenticated')]);
    expect(simulator.counters.answers).toEqual({ '401 UNAUTHENTICATED': 2 });
  });

  it('reports a token endpoint that refuses or fails, and sends nothing', async () => {
    const client = await open();
    simulator.scriptOAuth(['invalidgrant', 'unavailable']);
    expect(await send(client, [fcmToken()])).toMatchObject([{ kind: 'misconfigured', field: 'serviceAccount' }]);
    expect(await send(client, [fcmToken()])).toMatchObject([{ kind: 'transient', reason: 'oauth.unavailable' }]);
    expect(simulator.counters.requests).toBe(0);
  });

  it('checks the connection without a delivery', async () => {
    const client = await open();
    expect(await client.check(NEVER)).toMatchObject({ ok: true });
    expect(simulator.counters).toMatchObject({ validated: 1, accepted: 0 });
    simulator.script('*', ['forbidden']);
    expect(await client.check(NEVER)).toMatchObject({
      ok: false,
      code: 'credentials.forbidden',
      field: 'serviceAccount',
    });
    simulator.scriptOAuth(['invalidgrant']);
    const fresh = await open();
    expect(await fresh.check(NEVER)).toMatchObject({ ok: false, field: 'serviceAccount' });
  });

  it('says that a project is not the account’s own', async () => {
    const foreign = { ...fcmTestServiceAccount(), project_id: 'somebody-elses' };
    const client = await open({ serviceAccount: JSON.stringify(foreign) });
    expect(await send(client, [fcmToken()])).toMatchObject([
      { kind: 'misconfigured', reason: 'credentials.forbidden' },
    ]);
  });

  it('settles within its deadline when the gateway is silent', async () => {
    const client = await open({ deadlineMs: 1000 });
    await send(client, [fcmToken()]);
    const startedAt = performance.now();
    const outcomes = await send(client, [fcmToken('silent'), fcmToken('silent', 1)]);
    expect(outcomes).toMatchObject(times(2, { kind: 'unknown', reason: 'network.timeout' }));
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });

  it('settles within its deadline when the token endpoint is silent', async () => {
    simulator.scriptOAuth(['silent']);
    const client = await open({ deadlineMs: 300 });
    expect(await send(client, [fcmToken()])).toMatchObject([{ kind: 'transient' }]);
  });

  it('finishes every message when connections end in flight', async () => {
    const client = await open({ deadlineMs: 400 });
    const outcomes = await send(client, [fcmToken('fin'), fcmToken('rst'), fcmToken('calm')]);
    const finals = new Set<OutcomeKind>(['unknown', 'transient', 'accepted']);
    expect(outcomes.filter(({ kind }) => !finals.has(kind))).toEqual([]);
    expect(outcomes).toHaveLength(3);
  });

  it('repeats neither token nor bearer, even if FCM does', async () => {
    const client = await open();
    const outcomes = await send(client, [fcmToken('leaky')]);
    expect(outcomes).toMatchObject([{ kind: 'rejected', detail: expect.stringContaining('[redacted]') as string }]);
    expect(inspect(outcomes, { depth: 9 })).not.toMatch(/ya29|APA91b|PRIVATE KEY/);
  });
});

describe.each(TRANSPORTS)('conformance of the %s transport', (transport) => {
  let simulator: FcmSimulator | undefined;
  let shim: AdminShim | undefined;
  const stub: ChannelStub = {
    start: async () => {
      simulator = await startFcmSimulator();
      shim = redirectFirebaseAdmin(simulator);
    },
    stop: async () => simulator?.close(),
    hold: () => {
      simulator!.hold();
      const { requests } = simulator!.counters;
      return { arrived: () => simulator!.received(requests + 1), release: () => simulator!.release() };
    },
  };

  afterAll(() => shim?.restore());

  const message = aMessage();
  describeChannel(new FcmChannel(), {
    config: () => configFor(simulator!, { transport, deadlineMs: 5000 }),
    cases: [
      { item: anItem(fcmToken(), message), outcome: 'accepted' },
      { item: anItem(fcmToken('unregistered'), message), outcome: 'invalidTarget' },
      { item: anItem(fcmToken('accepted', 1), message), outcome: 'accepted' },
      { item: anItem(fcmToken('sender'), message), outcome: 'wrongBinding' },
      { item: anItem(fcmToken('quota9'), message), outcome: 'throttled' },
    ],
    stub,
  });
});
