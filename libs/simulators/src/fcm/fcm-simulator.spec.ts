import { once } from 'node:events';
import { connect } from 'node:http2';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { text } from 'node:stream/consumers';
import {
  type FcmSimulator,
  type FcmSimulatorOptions,
  fcmTestServiceAccount,
  fcmToken,
  startFcmSimulator,
} from './index.js';

interface Said {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: { name?: string; access_token?: string; error?: { status?: string; message?: string } & string };
}

const ACCOUNT = fcmTestServiceAccount();
const SEND = '/v1/projects/bellhop-test/messages:send';

describe('the FCM simulator', () => {
  let simulator: FcmSimulator;

  afterEach(() => simulator.close());

  async function start(options: FcmSimulatorOptions = {}): Promise<string> {
    simulator = await startFcmSimulator(options);
    return granted();
  }

  const granted = async (): Promise<string> => (await token(assertion())).body.access_token ?? '';

  async function http1(path: string, headers: Record<string, string>, body: string): Promise<Said> {
    const call = request(simulator.url + path, { method: 'POST', agent: false, ca: simulator.caPem, headers }).end(
      body,
    );
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    return { status: response.statusCode ?? 0, headers: response.headers, body: parse(await text(response)) };
  }

  async function http2(path: string, headers: Record<string, string>, body: string): Promise<Said> {
    const session = connect(simulator.url, { ca: simulator.caPem });
    const stream = session.request({ ':method': 'POST', ':path': path, ...headers }).end(body);
    const [head] = (await once(stream, 'response')) as [Record<string, unknown>];
    const said = await text(stream);
    session.close();
    return { status: Number(head[':status']), headers: head, body: parse(said) };
  }

  const token = (jwt: string, grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer'): Promise<Said> =>
    http1('/token', {}, new URLSearchParams({ grant_type: grant, assertion: jwt }).toString());

  const send = (bearer: string, message: unknown, extra: object = {}): Promise<Said> =>
    http2(SEND, { authorization: `Bearer ${bearer}` }, JSON.stringify({ message, ...extra }));

  function assertion(claims: object = {}, head: object = {}, key: string | KeyObject = ACCOUNT.private_key): string {
    const iat = Math.floor(Date.now() / 1000);
    const scope = 'https://www.googleapis.com/auth/firebase.messaging';
    const said = { iss: ACCOUNT.client_email, scope, aud: simulator.tokenUrl, iat, exp: iat + 3600, ...claims };
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${part({ alg: 'RS256', typ: 'JWT', kid: ACCOUNT.private_key_id, ...head })}.${part(said)}`;
    return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), key).toString('base64url')}`;
  }

  it('takes messages over HTTP/2 and HTTP/1.1', async () => {
    const bearer = await start();
    const body = JSON.stringify({ message: { token: fcmToken(), data: { a: '1' } } });
    for (const call of [http1, http2]) {
      const said = await call(SEND, { authorization: `Bearer ${bearer}` }, body);
      expect(said).toMatchObject({
        status: 200,
        body: { name: expect.stringMatching(/^projects\/bellhop-test\/messages\//) as string },
      });
    }
    expect(simulator.requests).toMatchObject([
      { protocol: 'HTTP/1.1', token: fcmToken(), answer: '200', message: { data: { a: '1' } } },
      { protocol: 'HTTP/2', token: fcmToken(), answer: '200' },
    ]);
    expect(simulator.counters).toMatchObject({ requests: 2, accepted: 2, answers: { 200: 2 }, bearers: 1 });
    expect(simulator.acceptedByToken.get(fcmToken())).toBe(2);
  });

  it('answers validate_only without a delivery', async () => {
    const bearer = await start();
    const said = await send(bearer, { topic: 'news' }, { validate_only: true });
    expect(said).toMatchObject({ status: 200, body: { name: 'projects/bellhop-test/messages/fake_message_id' } });
    expect(simulator.counters).toMatchObject({ accepted: 0, validated: 1 });
  });

  it.each<readonly [title: string, message: unknown]>([
    ['none', undefined],
    ['a list', []],
    ['without a target', { data: {} }],
    ['with two targets', { token: fcmToken(), topic: 'news' }],
    ['with a blank in the token', { token: 'a token' }],
    ['with a number in data', { token: fcmToken(), data: { a: 1 } }],
    ['with data that is text', { token: fcmToken(), data: 'a' }],
    ['with the key "from"', { token: fcmToken(), data: { from: 'me' } }],
    ['with the key "gcm.x"', { token: fcmToken(), data: { 'gcm.x': '1' } }],
    ['over 4,096 bytes', { token: fcmToken(), notification: { body: '好'.repeat(1400) } }],
    ['over 2,048 bytes for a topic', { topic: 'news', data: { a: 'x'.repeat(2048) } }],
  ])('refuses a message %s', async (_title, message) => {
    const bearer = await start();
    expect(await send(bearer, message)).toMatchObject({ status: 400, body: { error: { status: 'INVALID_ARGUMENT' } } });
    expect(simulator.counters.accepted).toBe(0);
  });

  it('takes a message of exactly 4,096 bytes', async () => {
    const bearer = await start();
    expect(await send(bearer, { token: fcmToken(), data: { a: 'x'.repeat(4095) } })).toMatchObject({ status: 200 });
  });

  it.each<readonly [title: string, claims: object, head: object]>([
    ['another key id', {}, { kid: 'gone' }],
    ['another algorithm', {}, { alg: 'HS256' }],
    ['an unknown account', { iss: 'nobody@example.com' }, {}],
    ['another audience', { aud: 'https://example.com' }, {}],
    ['another scope', { scope: 'https://www.googleapis.com/auth/drive' }, {}],
    ['a clock that is ahead', { iat: Math.floor(Date.now() / 1000) + 900 }, {}],
    ['a life of two hours', { exp: Math.floor(Date.now() / 1000) + 7200 }, {}],
  ])('grants nothing to an assertion with %s', async (_title, claims, head) => {
    await start();
    expect(await token(assertion(claims, head))).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });

  it('grants nothing to an assertion that another key signed', async () => {
    await start();
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    expect(await token(assertion({}, {}, privateKey))).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });

  it('grants nothing to what is no assertion', async () => {
    await start();
    expect(await token('a.b.c')).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(await token(assertion(), 'password')).toMatchObject({ body: { error: 'unsupported_grant_type' } });
  });

  it('knows its bearers, their project and their age', async () => {
    let now = Date.now();
    const other = fcmTestServiceAccount('other-project');
    const bearer = await start({ now: () => now, serviceAccounts: [ACCOUNT, other] });
    expect(await send('ya29.made-up', { token: fcmToken() })).toMatchObject({ status: 401 });
    const foreign = (await token(assertion({ iss: other.client_email }))).body.access_token!;
    expect(await send(foreign, { token: fcmToken() })).toMatchObject({
      status: 403,
      body: { error: { status: 'PERMISSION_DENIED' } },
    });
    expect(await send(bearer, { token: fcmToken() })).toMatchObject({ status: 200 });
    now += 3599_000;
    expect(await send(bearer, { token: fcmToken() })).toMatchObject({ status: 401 });
  });

  it('spends a quota and fills it up every minute', async () => {
    let now = Date.now();
    const bearer = await start({ now: () => now, quotaPerMinute: 2 });
    const statuses: number[] = [];
    for (let call = 0; call < 3; call++) statuses.push((await send(bearer, { token: fcmToken() })).status);
    now += 60_000;
    statuses.push((await send(bearer, { token: fcmToken() })).status);
    expect(statuses).toEqual([200, 200, 429, 200]);
  });

  it('writes Retry-After as seconds and as a date', async () => {
    const now = Date.parse('2026-11-20T08:00:00Z');
    const bearer = await start();
    expect((await send(bearer, { token: fcmToken('quota5') })).headers['retry-after']).toBe('5');
    await simulator.close();
    simulator = await startFcmSimulator({ now: () => now });
    const iat = now / 1000;
    const fixed = (await token(assertion({ iat, exp: iat + 3600 }))).body.access_token!;
    expect((await send(fixed, { token: fcmToken('unavailabledate90') })).headers['retry-after']).toBe(
      'Fri, 20 Nov 2026 08:01:30 GMT',
    );
  });

  it('fails a number of times and then takes the message', async () => {
    const bearer = await start();
    const statuses: number[] = [];
    for (let call = 0; call < 4; call++) statuses.push((await send(bearer, { token: fcmToken('fail2') })).status);
    expect(statuses).toEqual([503, 503, 200, 200]);
  });

  it('follows scripts, of one token before those of all, and refuses words it does not know', async () => {
    const bearer = await start();
    simulator.script('*', ['internal', { status: 418, body: '{}' }]);
    simulator.script(fcmToken('accepted', 1), ['sender'], { repeatLast: true });
    const statuses: number[] = [];
    for (const number of [1, 2, 1, 2, 2])
      statuses.push((await send(bearer, { token: fcmToken('accepted', number) })).status);
    expect(statuses).toEqual([403, 500, 403, 418, 200]);
    expect(() => simulator.script('*', ['explode'])).toThrow(RangeError);
    expect(() => simulator.scriptOAuth(['unregistered'])).toThrow(RangeError);
  });

  it('keeps the latest sends, or none', async () => {
    const bearer = await start({ record: 2 });
    for (const number of [1, 2, 3, 4, 5]) await send(bearer, { token: fcmToken('accepted', number) });
    expect(simulator.requests.map(({ token: sent }) => sent)).toEqual([
      fcmToken('accepted', 4),
      fcmToken('accepted', 5),
    ]);
    await simulator.close();
    const another = await start({ record: 0 });
    await send(another, { token: fcmToken() });
    expect(simulator.requests).toEqual([]);
    expect(simulator.acceptedByToken.size).toBe(0);
    expect(simulator.counters.accepted).toBe(1);
  });

  it('is controlled over plain HTTP', async () => {
    const bearer = await start({ controlPort: 0 });
    const control = (path: string, method = 'GET', body?: unknown): Promise<Response> =>
      fetch(simulator.controlUrl + path, { method, ...(body !== undefined && { body: JSON.stringify(body) }) });
    const rules = { scripts: [{ token: '*', steps: ['sender'] }], oauth: { steps: ['invalidgrant'] }, latencyMs: 1 };
    expect(await (await control('/rules', 'POST', rules)).json()).toEqual({});
    expect(await send(bearer, { token: fcmToken() })).toMatchObject({ status: 403 });
    expect(await token(assertion())).toMatchObject({ status: 400 });
    expect(await (await control('/requests')).json()).toMatchObject([
      { token: fcmToken(), answer: '403 SENDER_ID_MISMATCH' },
    ]);
    expect(await (await control('/counters')).json()).toMatchObject({ requests: 1, accepted: 0, tokenRequests: 2 });
    expect((await control('/rules', 'POST', { scripts: [{ token: '*', steps: ['explode'] }] })).status).toBe(400);
    expect((await control('/nothing')).status).toBe(404);
    expect((await control('/reset', 'POST')).status).toBe(200);
    expect(simulator.counters).toMatchObject({ requests: 0, tokenRequests: 0 });
  });

  it('knows no other address', async () => {
    const bearer = await start();
    expect(await http1('/v1/other', { authorization: `Bearer ${bearer}` }, '{}')).toMatchObject({ status: 404 });
  });
});

function parse(words: string): Said['body'] {
  try {
    return JSON.parse(words) as Said['body'];
  } catch {
    return {};
  }
}
