import { sign } from 'node:crypto';
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2';
import { createAuthority } from '../tls.js';
import { apnsToken, type ApnsReason, numberOfToken } from './behaviour.js';
import { apnsTestCredentials, type ApnsCredentials } from './provider-token.js';
import { type ApnsSimulator, type ApnsSimulatorOptions, startApnsSimulator } from './simulator.js';

const TOPIC = 'com.example.app';
const credentials = apnsTestCredentials();
const cleanups: (() => unknown)[] = [];
let authority: Awaited<ReturnType<typeof createAuthority>>;

beforeAll(async () => {
  authority = await createAuthority();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(options: Partial<ApnsSimulatorOptions> = {}): Promise<[ApnsSimulator, ClientHttp2Session]> {
  const simulator = await startApnsSimulator({ credentials, authority, ...options });
  const session = connect(simulator.url, { ca: simulator.caPem }).on('error', () => {});
  cleanups.push(
    () => simulator.close(),
    () => session.destroy(),
  );
  return [simulator, session];
}

function jwt({ keyId, teamId, p8 }: ApnsCredentials, issuedAt = Date.now() / 1000): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'ES256', kid: keyId })}.${part({ iss: teamId, iat: Math.floor(issuedAt) })}`;
  const signature = sign('sha256', Buffer.from(text), { key: p8, dsaEncoding: 'ieee-p1363' });
  return `bearer ${text}.${signature.toString('base64url')}`;
}

interface Answer {
  readonly status: number;
  readonly reason?: string;
  readonly timestamp?: number;
  readonly headers: Readonly<Record<string, unknown>>;
}

const ALERT = '{"aps":{"alert":{"body":"B"}}}';

function post(session: ClientHttp2Session, headers: OutgoingHttpHeaders = {}, body = ALERT): Promise<Answer> {
  const authorization = jwt(credentials);
  const path = `/3/device/${apnsToken()}`;
  const stream = session.request({ ':method': 'POST', ':path': path, 'apns-topic': TOPIC, authorization, ...headers });
  stream.setEncoding('utf8').end(body);
  return new Promise((resolve, reject) => {
    let text = '';
    let received: Record<string, unknown> = {};
    stream.on('response', (headers) => (received = headers));
    stream.on('data', (chunk: string) => (text += chunk));
    stream.on('error', reject);
    stream.on('end', () => resolve({ status: Number(received[':status']), headers: received, ...parse(text) }));
  });
}

function parse(text: string): object {
  return text === '' ? {} : (JSON.parse(text) as object);
}

const to = (token: string): OutgoingHttpHeaders => ({ ':path': `/3/device/${token}` });

describe('the simulated gateway', () => {
  it('accepts, echoes the id and remembers the request', async () => {
    const [simulator, session] = await start({ environment: 'production' });
    const id = '00000000-0000-4000-8000-000000000001';
    expect(await post(session, { 'apns-id': id })).toMatchObject({ status: 200, headers: { 'apns-id': id } });
    expect(simulator.requests).toMatchObject([
      { token: apnsToken(), answer: '200', payload: JSON.parse(ALERT) as object },
    ]);
    expect(simulator.acceptedByToken).toEqual(new Map([[apnsToken(), 1]]));
    expect(simulator.counters).toMatchObject({ requests: 1, accepted: 1, connections: 1, providerTokens: 1 });
  });

  it.each<[ApnsReason, OutgoingHttpHeaders, string?]>([
    ['MethodNotAllowed', { ':method': 'PUT' }],
    ['BadPath', { ':path': '/3/devices/1' }],
    ['BadPath', to('../../etc?x=1')],
    ['MissingDeviceToken', to('')],
    ['BadDeviceToken', to('1234567890')],
    ['BadDeviceToken', to('0'.repeat(64))],
    ['BadDeviceToken', to(apnsToken('ok', { environment: 'sandbox' }))],
    ['MissingProviderToken', { authorization: undefined }],
    ['InvalidProviderToken', { authorization: 'bearer e30.e30.e30' }],
    ['InvalidProviderToken', { authorization: jwt(apnsTestCredentials()) }],
    ['InvalidProviderToken', { authorization: jwt({ ...credentials, keyId: 'ABCDEFGHIJ' }) }],
    ['ExpiredProviderToken', { authorization: jwt(credentials, Date.now() / 1000 - 3700) }],
    ['MissingTopic', { 'apns-topic': undefined }],
    ['TopicDisallowed', { 'apns-topic': 'com.example.other' }],
    ['BadMessageId', { 'apns-id': '1' }],
    ['BadExpirationDate', { 'apns-expiration': 'tomorrow' }],
    ['BadCollapseId', { 'apns-collapse-id': 'c'.repeat(65) }],
    ['InvalidPushType', { 'apns-push-type': 'shout' }],
    ['BadPriority', { 'apns-priority': '7' }],
    ['BadPriority', { 'apns-push-type': 'background', 'apns-priority': '10' }],
    ['PayloadEmpty', {}, ''],
    ['PayloadTooLarge', {}, JSON.stringify({ big: 'x'.repeat(4087) })],
    ['PayloadTooLarge', { 'apns-push-type': 'voip' }, JSON.stringify({ big: 'x'.repeat(5111) })],
  ])('answers %s to %j', async (reason, headers, body = ALERT) => {
    const [, session] = await start({ environment: 'production', topics: [TOPIC] });
    expect(await post(session, headers, body)).toMatchObject({ reason });
  });

  it('takes 4,096 bytes, and 5,120 of a call', async () => {
    const [, session] = await start();
    const sized = (bytes: number) => JSON.stringify({ big: 'x'.repeat(bytes - 10) });
    expect(await post(session, {}, sized(4096))).toMatchObject({ status: 200 });
    expect(await post(session, { 'apns-push-type': 'voip' }, sized(5120))).toMatchObject({ status: 200 });
  });

  it('ends a request as the end of the token says', async () => {
    const [, session] = await start({ now: () => 1_790_000_000_000 });
    const authorization = jwt(credentials, 1_790_000_000);
    const answer = await post(session, { authorization, ...to(apnsToken('Unregistered')) });
    expect(answer).toMatchObject({ status: 410, reason: 'Unregistered', timestamp: 1_790_000_000_000 });
  });

  it('follows a script, then the token again', async () => {
    const [simulator, session] = await start();
    simulator.script(apnsToken(), ['ServiceUnavailable', { status: 410, reason: 'Unregistered', timestamp: 5 }]);
    const answers = [await post(session), await post(session), await post(session)];
    expect(answers.map(({ status }) => status)).toEqual([503, 410, 200]);
    expect(answers[1]?.timestamp).toBe(5);
    simulator.script('*', ['Shutdown'], { repeatLast: true });
    expect([(await post(session)).status, (await post(session)).status]).toEqual([503, 503]);
  });

  it('limits requests per device and provider tokens per connection', async () => {
    const [, session] = await start({ deviceLimit: { count: 1, perMs: 60_000 }, tokenUpdates: 0 });
    const authorization = jwt(credentials);
    expect(await post(session, { authorization })).toMatchObject({ status: 200 });
    expect(await post(session, { authorization })).toMatchObject({ status: 429, reason: 'TooManyRequests' });
    expect(await post(session)).toMatchObject({ reason: 'TooManyProviderTokenUpdates' });
  });

  it('keeps the latest requests and nothing when told so', async () => {
    const [some, toSome] = await start({ record: 2 });
    const [none, toNone] = await start({ record: 0 });
    for (let number = 0; number < 5; number++) {
      await post(toSome, to(apnsToken('ok', { number })));
      await post(toNone, to(apnsToken('ok', { number })));
    }
    expect(some.requests.map(({ token }) => token)).toEqual([3, 4].map((number) => apnsToken('ok', { number })));
    expect([none.requests, none.acceptedByToken.size, none.counters.accepted]).toEqual([[], 0, 5]);
  });

  it('tells of tokens that were accepted without keeping anything', async () => {
    const numbers: number[] = [];
    const onAccepted = (token: string) => numbers.push(numberOfToken(token));
    const [, session] = await start({ record: 0, onAccepted });
    await post(session, to(apnsToken('ok', { number: 3_999_999 })));
    await post(session, to(apnsToken('Unregistered', { number: 7 })));
    expect(numbers).toEqual([3_999_999]);
  });

  it('complains when the requests a test waits for do not come', async () => {
    const [simulator] = await start();
    await expect(simulator.received(1, 1)).rejects.toThrow('0 of 1 requests');
  });
});

describe('the control endpoint', () => {
  it('shows and steers over plain HTTP', async () => {
    const [simulator, session] = await start({ controlPort: 0 });
    const call = async (path: string, body?: object) => {
      const init = body && { method: 'POST', body: JSON.stringify(body) };
      const response = await fetch(`${simulator.controlUrl}${path}`, init);
      return { status: response.status, body: await response.json() };
    };
    await call('/rules', { scripts: [{ token: '*', steps: ['TooManyRequests'] }] });
    expect(await post(session)).toMatchObject({ status: 429 });
    expect((await call('/requests')).body).toMatchObject([{ token: apnsToken(), answer: '429 TooManyRequests' }]);
    expect((await call('/counters')).body).toMatchObject({ requests: 1, accepted: 0 });
    await call('/reset', {});
    expect((await call('/counters')).body).toMatchObject({ requests: 0 });
    expect(await call('/unknown')).toMatchObject({ status: 404 });
  });
});
