import type { SendOutcome } from '@bellhop/contracts';
import { type FcmSimulator, fcmToken, startFcmSimulator } from '@bellhop/simulators';
import { getApps } from 'firebase-admin/app';
import { type AdminShim, redirectFirebaseAdmin } from '../testing/admin-shim.js';
import { aMessage, times, within } from '../testing/builders.js';
import { FcmAdminTransport } from './fcm.admin-transport.js';
import { FcmCredential } from './fcm.oauth.js';
import { type FcmMessage, FcmPayloads } from './fcm.payload.js';
import { parseServiceAccount } from './fcm.service-account.js';

const NEVER = new AbortController().signal;
const payload = new FcmPayloads('notification').of(aMessage({ collapseId: 'order-7' }), 'android');

function messagesFor(...tokens: readonly string[]): FcmMessage[] {
  if ('outcome' in payload) throw new Error('the message was refused');
  return tokens.map((token) => ({ target: { token }, payload }));
}

function many(count: number): FcmMessage[] {
  return messagesFor(...Array.from({ length: count }, (_, number) => fcmToken('accepted', number)));
}

describe('the admin transport', () => {
  let simulator: FcmSimulator;
  let shim: AdminShim;
  let transport: FcmAdminTransport;

  beforeEach(async () => {
    simulator = await startFcmSimulator({ record: 10_000 });
    shim = redirectFirebaseAdmin(simulator);
    const { tokenUrl, caPem: certificateAuthority, serviceAccount } = simulator;
    const account = parseServiceAccount(JSON.stringify(serviceAccount));
    const credential = new FcmCredential(account, { tokenUrl, certificateAuthority, deadlineMs: 5000 });
    transport = new FcmAdminTransport(credential, account.projectId);
  });
  afterEach(async () => {
    await transport.close();
    shim.restore();
    await simulator.close();
  });

  async function send(messages: readonly FcmMessage[], signal = NEVER): Promise<readonly SendOutcome[]> {
    return within(transport.send(messages, signal), 30_000);
  }

  it('sends what the http transport sends', async () => {
    await send(many(1));
    expect(simulator.requests[0]!.message).toEqual({
      token: fcmToken(),
      notification: { title: '客服', body: 'Your parcel is on its way.' },
      android: {
        priority: 'high',
        collapse_key: 'order-7',
        ttl: expect.stringMatching(/^3[56]\d\ds$/) as string,
        notification: { tag: 'order-7' },
      },
    });
  });

  it('sends batches of 500 with one access token', async () => {
    const outcomes = await send(many(1200));
    expect(outcomes.filter(({ kind }) => kind === 'accepted')).toHaveLength(1200);
    // One connection per batch, and one for the access token.
    expect(simulator.counters).toMatchObject({ connections: 4, tokensIssued: 1, requests: 1200 });
    expect(simulator.counters.maxStreams).toBeLessThanOrEqual(100);
  });

  it('has at most four batches on their way, and sends none that waits when the call ends', async () => {
    simulator.hold();
    const abort = new AbortController();
    const sending = send(many(2600), abort.signal);
    // Four connections of 100 streams each.
    await simulator.received(400);
    abort.abort();
    const outcomes = await sending;
    simulator.release();
    expect(outcomes.slice(0, 2000)).toMatchObject(times(2000, { kind: 'unknown', reason: 'send.aborted' }));
    expect(outcomes.slice(2000)).toMatchObject(times(600, { kind: 'transient', reason: 'send.aborted' }));
    expect(simulator.counters.connections).toBe(5);
  });

  // The SDK's promise never settles after these: only the deadline does.
  it.each(['fin', 'cancel', 'silent'])('settles as unknown at the deadline after "%s"', async (fault) => {
    await send(many(1));
    const outcomes = await send(messagesFor(fcmToken(fault), fcmToken()), AbortSignal.timeout(250));
    expect(outcomes).toMatchObject(times(2, { kind: 'unknown', reason: 'network.timeout' }));
    expect(await send(many(1))).toMatchObject([{ kind: 'accepted' }]);
  });

  it('knows from REFUSED_STREAM that a message was not processed', async () => {
    const outcomes = await send(messagesFor(fcmToken('slow20'), fcmToken('goaway')));
    expect(outcomes).toMatchObject([{ kind: 'accepted' }, { kind: 'transient', reason: 'network.unreachable' }]);
  });

  it('finishes 5,000 messages over connections that end every 300 requests', async () => {
    const flaky = await startFcmSimulator({ dropEvery: 300 });
    shim.restore();
    shim = redirectFirebaseAdmin(flaky);
    const { tokenUrl, caPem: certificateAuthority, serviceAccount } = flaky;
    const account = parseServiceAccount(JSON.stringify(serviceAccount));
    const credential = new FcmCredential(account, { tokenUrl, certificateAuthority, deadlineMs: 5000 });
    const own = new FcmAdminTransport(credential, account.projectId);
    const outcomes = await within(own.send(many(5000), AbortSignal.timeout(1500)), 30_000);
    expect(outcomes).toHaveLength(5000);
    expect(outcomes.filter(({ kind }) => kind !== 'unknown' && kind !== 'transient')).toEqual([]);
    expect(JSON.stringify(outcomes)).not.toMatch(/ya29\.|APA91b/);
    await own.close();
    await flaky.close();
  });

  it('reports a refused connection', async () => {
    await send(many(1));
    await simulator.refuse();
    expect(await send(many(3))).toMatchObject(times(3, { kind: 'transient', reason: 'network.unreachable' }));
  });

  it('reports what the SDK itself refuses, and sends the others', async () => {
    const [good] = many(1);
    const bad: FcmMessage = {
      ...good!,
      payload: { ...good!.payload, body: { data: { count: 1 as unknown as string } } },
    };
    expect(await send([bad, good!])).toMatchObject([
      { kind: 'rejected', reason: 'payload.invalid', vendorCode: 'messaging/invalid-payload' },
      { kind: 'accepted' },
    ]);
  });

  it('keeps an app of its own until it is closed', async () => {
    const before = getApps().length;
    const credential = new FcmCredential(parseServiceAccount(JSON.stringify(simulator.serviceAccount)), {
      tokenUrl: simulator.tokenUrl,
      deadlineMs: 1000,
    });
    const other = new FcmAdminTransport(credential, 'another-project');
    expect(getApps()).toHaveLength(before + 1);
    await other.close();
    expect(getApps()).toHaveLength(before);
  });
});
