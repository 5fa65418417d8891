import { kf5Chat, nimMessage, rongCloudMessage, sendCallback, callbackUrl } from '@bellhop/simulators';
import { randomUUID } from 'node:crypto';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { type Gateways, startGateways, TestPlatform } from '../support/app.js';
import { rawRequest, type RawOptions, type RawReply } from '../support/raw-http.js';
import { Shop } from '../support/shop.js';

const APP = { appKey: 'app-key', appSecret: 'app-secret' };
/** Bytes that KF5 may send. */
const LIMIT = 65_536;

describe('the callback address', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let shop: Shop;
  let kf5: Awaited<ReturnType<Shop['vendor']>>;

  beforeAll(async () => {
    gateways = await startGateways();
    platform = await TestPlatform.start();
  });
  afterAll(async () => {
    await platform?.stop();
    await gateways?.close();
  });
  beforeEach(async () => {
    shop = await Shop.open(platform, gateways);
    kf5 = await shop.vendor('kf5');
  });
  afterEach(() => platform.setTime(undefined));

  const send = (options: RawOptions = {}, url = kf5.inboundUrl): Promise<RawReply> => rawRequest(url, options);
  const codeOf = ({ status, body }: RawReply): unknown[] => [
    status,
    (JSON.parse(body || '{}') as { code?: string }).code,
  ];
  const callback = (text: string) => kf5Chat({ userId: 7, text, devices: [] });
  /** A body of exactly so many bytes. */
  const bodyOf = (bytes: number): string => {
    const { body } = callback('');
    return callback('x'.repeat(bytes - Buffer.byteLength(body))).body;
  };

  describe('size', () => {
    it('is taken up to the limit', async () => {
      expect((await send({ body: bodyOf(LIMIT) })).status).toBe(200);
      expect(codeOf(await send({ body: bodyOf(LIMIT + 1) }))).toEqual([413, 'body_too_large']);
      await shop.settled();
      expect(await shop.events()).toHaveLength(1);
    });

    it('is refused as soon as it is announced', async () => {
      const reply = await send({ headers: { 'content-length': `${LIMIT + 1}` }, body: '{', unfinished: true });
      expect([...codeOf(reply), reply.headers.connection]).toEqual([413, 'body_too_large', 'close']);
    });

    it('is refused as soon as it is reached, without having been announced', async () => {
      const headers = { 'transfer-encoding': 'chunked' };
      const reply = await send({ headers, body: 'x'.repeat(LIMIT + 1), unfinished: true });
      expect(codeOf(reply)).toEqual([413, 'body_too_large']);
      expect(await shop.events()).toEqual([]);
    });

    it('counts after inflation', async () => {
      const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024));
      expect(bomb.length).toBeLessThan(LIMIT);
      expect(codeOf(await send({ headers: { 'content-encoding': 'gzip' }, body: bomb }))).toEqual([
        413,
        'body_too_large',
      ]);
      expect((await send({ body: callback('still here').body })).status).toBe(200);
    });
  });

  describe('encoding', () => {
    it.each([
      ['gzip', gzipSync],
      ['GZIP', gzipSync],
      ['deflate', deflateSync],
      ['br', brotliCompressSync],
      ['identity', (bytes: string) => bytes],
    ])('%s is understood', async (encoding, encode) => {
      const { body } = callback(`in ${encoding}`);
      expect((await send({ headers: { 'content-encoding': encoding }, body: encode(body) })).status).toBe(200);
      const [raw] = await shop.query<{ body: Buffer }>('SELECT body FROM inbound_raw WHERE app_id = $1');
      expect(raw?.body.toString()).toBe(body);
    });

    it.each(['zstd', 'gzip, br', 'nonsense'])('%s is refused', async (encoding) => {
      const reply = await send({ headers: { 'content-encoding': encoding }, body: '{}' });
      expect(codeOf(reply)).toEqual([415, 'content_encoding_unsupported']);
    });

    it.each(['gzip', 'deflate', 'br'])('%s that is none is refused', async (encoding) => {
      const reply = await send({ headers: { 'content-encoding': encoding }, body: 'not compressed' });
      expect(codeOf(reply)).toEqual([400, 'body_unreadable']);
    });
  });

  it.each(['GET', 'PUT', 'DELETE', 'OPTIONS'])('refuses %s, and says what it takes', async (method) => {
    const reply = await send({ method });
    expect([...codeOf(reply), reply.headers.allow]).toEqual([405, 'method_not_allowed', 'POST']);
  });

  it('answers alike whoever has no business here', async () => {
    const base = `${platform.url}/v1/inbound`;
    const [id, secret] = kf5.inboundUrl.slice(base.length + 1).split('/') as [string, string];
    const apns = await shop.app.integrate({ plugin: 'apns', name: 'apns', config: gateways.apnsConfig });
    const strangers = [
      `${base}/int_${randomUUID().replaceAll('-', '')}/${secret}`,
      `${base}/${id}/${secret.slice(0, -1)}`,
      `${base}/${id}/`,
      `${base}/${id}`,
      `${base}/int_1/${secret}`,
      `${base}/%00/${secret}`,
      `${base}/${id}/%E0%A4%A`,
      `${base}/`,
      apns.inboundUrl,
    ];
    const replies = await Promise.all(strangers.map((url) => send({ body: callback('x').body }, url)));
    const shapes = replies.map(({ status, headers, body }) => {
      const { instance, ...problem } = JSON.parse(body) as Record<string, unknown>;
      expect(instance).toBe(headers['x-request-id']);
      const { date: _date, 'x-request-id': _id, 'content-length': _length, ...shape } = headers;
      return { status, shape, problem };
    });
    expect(shapes).toEqual(strangers.map(() => shapes[0]));
    expect(shapes[0]).toMatchObject({ status: 401, problem: { code: 'inbound.unauthorized', title: 'Unauthorized' } });
    expect(await shop.events()).toEqual([]);
  });

  it('takes a secret that was rotated away for as long as the operator said', async () => {
    platform.setTime(new Date());
    const rotate = async (graceSeconds: number): Promise<string> => {
      const path = `/v1/integrations/${kf5.publicId}/rotate-url-secret`;
      const { body } = await shop.app.call<{ callbackUrl: string }>('POST', path, { graceSeconds });
      return body.callbackUrl;
    };
    const statusOf = async (url: string, text: string): Promise<number> =>
      (await sendCallback(url, callback(text))).status;
    const second = await rotate(60);
    expect(new URL(second).pathname).not.toBe(new URL(kf5.inboundUrl).pathname);
    expect([await statusOf(kf5.inboundUrl, 'a'), await statusOf(second, 'b')]).toEqual([200, 200]);
    platform.setTime(new Date(Date.now() + 61_000));
    expect([await statusOf(kf5.inboundUrl, 'c'), await statusOf(second, 'd')]).toEqual([401, 200]);
    const third = await rotate(0);
    expect([await statusOf(second, 'e'), await statusOf(third, 'f')]).toEqual([401, 200]);
    await shop.settled();
    expect(await shop.events()).toHaveLength(4);
  });

  it('takes callbacks of a paused integration', async () => {
    const phones = await shop.person('user_1');
    const nim = await shop.vendor('nim', APP);
    expect((await shop.app.call('POST', `/v1/integrations/${nim.publicId}/pause`, {})).status).toBe(200);
    const message = { fromAccount: 'a', to: 'user_1', body: 'hi' };
    await shop.deliver(nim.inboundUrl, nimMessage(APP, message, { now: new Date() }));
    expect(shop.pushes(phones)).toEqual([1, 1]);
  });

  it('reads the first of two values of one name', async () => {
    const { inboundUrl } = await shop.vendor('rongcloud', APP);
    const signed = rongCloudMessage(APP, { fromUserId: 'a', toUserId: 'b' }, { now: new Date() });
    const url = callbackUrl(inboundUrl, signed);
    const options = { headers: signed.headers, body: signed.body };
    expect((await send(options, `${url.href}&nonce=0&signature=0&signTimestamp=1`)).status).toBe(200);
    expect((await send(options, `${inboundUrl}?nonce=0&${url.searchParams.toString()}`)).status).toBe(401);
  });

  it.each([
    ['forged', { forged: true }, 0],
    ['too old', {}, -3_600_000],
  ])('stores nothing of a callback that is %s', async (_words, signing, ms) => {
    const { inboundUrl } = await shop.vendor('nim', APP);
    const now = new Date(Date.now() + ms);
    const reply = await sendCallback(inboundUrl, nimMessage(APP, { fromAccount: 'a', to: 'b' }, { now, ...signing }));
    expect(reply.status).toBe(401);
    expect(await shop.events()).toEqual([]);
  });

  it('keeps a safe request id of the caller, and none that is not', async () => {
    const ask = async (id: string) =>
      (await send({ headers: { 'x-request-id': id }, body: '{}' })).headers['x-request-id'];
    expect(await ask('vendor-1.2:3')).toBe('vendor-1.2:3');
    for (const unsafe of ['a b', '<script>', 'x'.repeat(129)]) expect(await ask(unsafe)).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('keeps credentials of others out of what it stores', async () => {
    const headers = { authorization: 'Bearer secret-1', cookie: 'secret-2', 'content-type': 'application/json' };
    await send({ headers, body: callback('x').body });
    const [raw] = await shop.query<{ headers: string }>('SELECT headers FROM inbound_raw WHERE app_id = $1');
    expect(raw?.headers).toContain('application/json');
    expect(raw?.headers).not.toContain('secret');
  });
});
