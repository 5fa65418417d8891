import type { ChannelClient, SendOutcome } from '@bellhop/contracts';
import { PickyEgress, testContext } from '@bellhop/contracts/testing';
import { type RongCloudSimulator, startRongCloudSimulator } from '@bellhop/simulators';
import { anItem, APP, configFor, loadFixture } from '../testing/builders.js';
import { RongCloudChannel } from './rongcloud.channel.js';
import { signedHeaders } from './rongcloud.server.js';

const NEVER = new AbortController().signal;
const UNLIMITED = { quotaPerHour: Infinity, quotaPerDay: Infinity };

describe('two addresses of a data centre', () => {
  let primary: RongCloudSimulator;
  let backup: RongCloudSimulator;
  let client: ChannelClient;
  let now: Date;

  beforeEach(async () => {
    now = new Date('2026-01-05T01:00:00Z');
    [primary, backup] = await Promise.all([
      startRongCloudSimulator({ ...APP, ...UNLIMITED }),
      startRongCloudSimulator({ ...APP, ...UNLIMITED }),
    ]);
    const config = configFor([primary.url, backup.url], { deadlineMs: 1000 });
    client = await new RongCloudChannel().open(config, testContext({ now: () => now }));
  });
  afterEach(async () => {
    await client.close();
    await Promise.all([primary.close(), backup.close()]);
  });

  const push = async (signal = NEVER): Promise<SendOutcome> => (await client.sender!.send([anItem()], signal))[0]!;
  const tag = async (): Promise<SendOutcome> =>
    (await client.tags!.replace([{ userId: 'u1', tags: ['vip'] }], NEVER))[0]!;
  const received = () => [primary.counters.requests, backup.counters.requests];

  it('stay with the first while it answers, whatever it answers', async () => {
    primary.script(['ok', 'code1009', 'code1008', 'html', 'ok']);
    const kinds = [await push(), await push(), await push(), await push(), await push()].map(({ kind }) => kind);
    expect(kinds).toEqual(['accepted', 'misconfigured', 'quotaExhausted', 'unknown', 'accepted']);
    expect(received()).toEqual([5, 0]);
  });

  it.each([
    ['silent', { kind: 'unknown', reason: 'network.no_answer', vendorCode: 'TimeoutError' }],
    ['lost', { kind: 'unknown', reason: 'network.no_answer' }],
    ['http504', { kind: 'unknown', reason: 'gateway.error', vendorCode: 'HTTP 504' }],
    ['code1000', { kind: 'unknown', reason: 'gateway.error', vendorCode: '1000' }],
  ])('never see the same push twice: %s', async (step, outcome) => {
    primary.script([step]);
    expect(await push()).toMatchObject(outcome);
    expect(received()).toEqual([1, 0]);
    expect(await push()).toMatchObject({ kind: 'accepted' });
    expect(received()).toEqual([1, 1]);
  });

  it('leave a push that could not be sent to whoever asked for it', async () => {
    await primary.close();
    expect(await push()).toMatchObject({ kind: 'transient', reason: 'network.unreachable' });
    expect(received()).toEqual([0, 0]);
    expect(await push()).toMatchObject({ kind: 'accepted' });
    expect(received()).toEqual([0, 1]);
  });

  it.each(['silent', 'lost', 'http504', 'code1000'])('both get the tags: %s', async (step) => {
    primary.script([step]);
    expect(await tag()).toEqual({ kind: 'accepted' });
    expect(received()).toEqual([1, 1]);
    expect(backup.directory.tagsOf('u1')).toEqual(['vip']);
  });

  it('call tags that neither took back later', async () => {
    primary.script(['lost']);
    backup.script(['silent']);
    expect(await tag()).toMatchObject({ kind: 'transient', reason: 'network.no_answer' });
    expect(received()).toEqual([1, 1]);
  });

  it('change at most once in 30 seconds', async () => {
    primary.script(['http502']);
    backup.script(['http502', 'http502', 'ok']);
    await push();
    now = new Date(now.getTime() + 29_999);
    await push();
    expect(received()).toEqual([1, 1]);
    now = new Date(now.getTime() + 1);
    await push();
    expect(received()).toEqual([1, 2]);
    expect(await push()).toMatchObject({ kind: 'accepted' });
    expect(received()).toEqual([2, 2]);
  });

  it('are left out when they may not be called', async () => {
    const egress = new PickyEgress((url) => url.startsWith(primary.url));
    client = await new RongCloudChannel().open(configFor([primary.url, backup.url]), testContext({ egress }));
    expect(await push()).toMatchObject({ kind: 'accepted' });
    backup.script(['http502']);
    expect(await tag()).toMatchObject({ kind: 'transient', vendorCode: 'HTTP 502' });
    expect(received()).toEqual([0, 2]);
  });

  it('none of which may be called are a fault of the settings', async () => {
    const egress = new PickyEgress(() => true);
    client = await new RongCloudChannel().open(configFor([primary.url, backup.url]), testContext({ egress }));
    expect(await push()).toMatchObject({ kind: 'misconfigured', reason: 'egress.refused', field: 'baseUrls' });
    expect(await client.check(NEVER)).toMatchObject({ ok: false, code: 'egress.refused', field: 'baseUrls' });
    expect(received()).toEqual([0, 0]);
  });

  it('change once for calls that fail together', async () => {
    primary.script(['http502', 'http502', 'http502']);
    await Promise.all([push(), push(), push()]);
    await push();
    expect(received()).toEqual([3, 1]);
  });

  it('do not change because somebody lost patience', async () => {
    primary.hold();
    const abort = new AbortController();
    const sending = push(abort.signal);
    await primary.received(1);
    abort.abort();
    expect(await sending).toMatchObject({ kind: 'unknown', reason: 'send.aborted' });
    primary.release();
    await push();
    expect(received()).toEqual([2, 0]);
  });
});

describe('a call', () => {
  let simulator: RongCloudSimulator;
  let client: ChannelClient;

  beforeEach(async () => {
    simulator = await startRongCloudSimulator({ ...APP, ...UNLIMITED, strictNonce: true });
    client = await open();
  });
  afterEach(async () => {
    await client.close();
    await simulator.close();
  });

  const open = (changes = {}): Promise<ChannelClient> =>
    new RongCloudChannel().open(configFor([simulator.url], changes), testContext());

  it('proves who makes it, with a nonce of its own each time', async () => {
    const items = [anItem(), anItem()];
    await client.sender!.send(items, NEVER);
    const headers = simulator.requests.map((request) => request.headers);
    expect(simulator.counters.answers).toEqual({ '200': 2 });
    expect(headers.map((each) => each['x-request-id'])).toEqual(items.map(({ id }) => id));
    expect(headers.filter(({ nonce }) => !/^\d{9,18}$/.test(nonce ?? ''))).toEqual([]);
    expect(headers.filter(({ timestamp }) => !/^\d{13}$/.test(timestamp ?? ''))).toEqual([]);
    expect(headers.filter((each) => each['content-type'] !== 'application/json')).toEqual([]);
  });

  it('has a connection of its own', async () => {
    await client.sender!.send([anItem(), anItem()], NEVER);
    expect(simulator.counters.connections).toBe(2);
  });

  it('is understood below a path as well', async () => {
    const other = await open({ baseUrls: [`${simulator.url}/v1/inbound/`] });
    expect(await other.sender!.send([anItem()], NEVER)).toMatchObject([{ kind: 'rejected', vendorCode: '404' }]);
    expect(simulator.requests[0]?.path).toBe('/v1/inbound/push.json');
    await other.close();
  });

  it('that tests the connection tells a wrong secret from a silent host', async () => {
    expect(await client.check(NEVER)).toEqual({ ok: true, detail: 'RongCloud accepted the signature' });
    simulator.script([{ status: 400, body: '{"code":400,"errorMessage":"no such user"}' }]);
    expect(await client.check(NEVER)).toMatchObject({ ok: true, detail: expect.stringContaining('user') as string });
    const other = await open({ appSecret: 'wrong-secret' });
    expect(await other.check(NEVER)).toMatchObject({ ok: false, code: 'credentials.refused', field: 'appSecret' });
    await other.close();
    expect(await other.check(NEVER)).toMatchObject({ ok: false, code: 'channel.closed' });
    expect(simulator.pushes).toEqual([]);
  });

  it('is not made any more once the client is closed', async () => {
    await client.close();
    expect(await client.sender!.send([anItem()], NEVER)).toEqual([{ kind: 'transient', reason: 'channel.closed' }]);
    expect(await client.tags!.replace([{ userId: 'u', tags: [] }], NEVER)).toMatchObject([{ kind: 'transient' }]);
    expect(simulator.counters.requests).toBe(0);
  });
});

describe('the signature of a call', () => {
  interface Vector {
    readonly id: string;
    readonly secret: string;
    readonly nonce: string;
    readonly timestamp: string;
    readonly signature: string;
  }
  const { vectors } = loadFixture<{ vectors: Vector[] }>('signature-vectors.json');
  /** Ours are milliseconds; what is signed in seconds is what the vendor's SDKs send. */
  const inMilliseconds = vectors.filter(({ timestamp }) => timestamp.length === 13);

  it('has all of its vectors', () => expect([vectors.length, inMilliseconds.length]).toEqual([6, 4]));

  it.each(inMilliseconds.map((each) => [each.id, each] as const))('%s', (_id, vector) => {
    const app = { appKey: 'uwd1c0sxdlx2', appSecret: vector.secret };
    expect(signedHeaders(app, vector.nonce, new Date(Number(vector.timestamp)))).toEqual({
      'App-Key': 'uwd1c0sxdlx2',
      Nonce: vector.nonce,
      Timestamp: vector.timestamp,
      Signature: vector.signature,
    });
  });
});
