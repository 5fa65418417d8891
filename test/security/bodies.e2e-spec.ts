import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib';
import { PluginRegistry } from '../../src/core/registry/plugin-registry.js';
import { BellhopHttpAdapter } from '../../src/http-adapter.js';
import { buildDocument } from '../../src/openapi.js';
import { type TestApp, TestPlatform } from '../support/app.js';
import { rawRequest, type RawOptions, type RawReply } from '../support/raw-http.js';
import { type Route, routesOf } from './routes.support.js';

/** Bytes that a body of the API may have. */
const API_LIMIT = 102_400;
/** Levels of lists and objects in it. */
const DEPTH = 64;
const FAST = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };
const PACKERS = {
  gzip: (bytes: string | Buffer) => gzipSync(bytes),
  deflate: (bytes: string | Buffer) => deflateSync(bytes),
  br: (bytes: string | Buffer) => brotliCompressSync(bytes, FAST),
} as const;
const NOTHING_MUCH = Buffer.alloc(32 * 1024 * 1024);
const PACKED = Object.entries(PACKERS).map(([encoding, pack]) => ({ encoding, pack, bomb: pack(NOTHING_MUCH) }));

describe('bodies', () => {
  let platform: TestPlatform;
  let app: TestApp;
  let routes: readonly Route[];

  beforeAll(async () => {
    platform = await TestPlatform.start({ role: 'api' });
    app = await platform.createApp();
    routes = routesOf(buildDocument(platform.app)).filter(({ operation }) => operation.requestBody);
  });
  afterAll(() => platform?.stop());

  const codeOf = ({ status, body }: RawReply): unknown[] => [
    status,
    (JSON.parse(body || '{}') as { code?: string }).code,
  ];

  describe('of the API', () => {
    const send = (path: string, options: RawOptions) =>
      rawRequest(platform.url + path, {
        ...options,
        headers: { authorization: `Bearer ${app.key}`, 'content-type': 'application/json', ...options.headers },
      });
    const tag = (options: RawOptions) => send('/v1/users/u-1/tags', { method: 'PUT', ...options });
    /** JSON of so many bytes. */
    const jsonOf = (bytes: number): string => '{"tags":["vip"]}'.padEnd(bytes);
    const TOO_LARGE = [413, 'request.too_large'];

    it('are taken up to the limit, however they are framed', async () => {
      const headers = { 'transfer-encoding': 'chunked' };
      expect((await tag({ body: jsonOf(API_LIMIT) })).status).toBe(200);
      expect((await tag({ headers, body: jsonOf(API_LIMIT) })).status).toBe(200);
      for (const more of [{}, { headers }]) {
        expect(codeOf(await tag({ ...more, body: jsonOf(API_LIMIT + 1) }))).toEqual(TOO_LARGE);
      }
    });

    it.each(PACKED)('count after $encoding is undone', async ({ encoding, pack, bomb }) => {
      const headers = { 'content-encoding': encoding };
      expect((await tag({ headers, body: pack(jsonOf(API_LIMIT)) })).status).toBe(200);
      expect(codeOf(await tag({ headers, body: pack(jsonOf(API_LIMIT + 1)) }))).toEqual(TOO_LARGE);
      expect(codeOf(await tag({ headers, body: bomb }))).toEqual(TOO_LARGE);
      expect(codeOf(await tag({ headers, body: 'not packed' }))).toEqual([400, 'request.malformed']);
      expect(codeOf(await tag({ headers, body: pack(jsonOf(50)).subarray(0, -4) }))).toEqual([
        400,
        'request.malformed',
      ]);
    });

    it.each(['gzip, gzip', 'compress', 'x'])('packed as %s are refused', async (encoding) => {
      const headers = { 'content-encoding': encoding };
      expect(codeOf(await tag({ headers, body: jsonOf(50) }))).toEqual([415, 'request.unsupported_media']);
    });

    it.each([
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'text/plain',
      'text/json',
      'application/xml',
      'application/jsonp',
      'application/json-patch+json',
      'nonsense',
      '',
    ])('are JSON: %j is refused everywhere', async (type) => {
      for (const { id, method, path } of routes) {
        const reply = await send(path, { method, headers: { 'content-type': type }, body: '{"tags":["vip"]}' });
        expect([id, ...codeOf(reply)]).toEqual([id, 415, 'request.unsupported_media']);
      }
    });

    it('are no deeper than they need to be', async () => {
      const nested = (levels: number): string => `${'{"no":'.repeat(levels - 1)}[]${'}'.repeat(levels - 1)}`;
      const answer = async ({ method, path }: Route, levels: number) => {
        const headers = { 'idempotency-key': `depth-${levels}` };
        const { status, body } = await send(path, { method, headers, body: nested(levels) });
        const { code, errors } = JSON.parse(body) as { code: string; errors?: { field: string; message: string }[] };
        return [status, code, errors];
      };
      const tooDeep = [400, 'request.invalid', [{ field: '', message: 'is nested too deeply' }]];
      expect(routes.length).toBeGreaterThan(30);
      for (const route of routes) {
        expect([route.id, ...(await answer(route, DEPTH + 1))]).toEqual([route.id, ...tooDeep]);
        expect([route.id, ...(await answer(route, 10_000))]).toEqual([route.id, ...tooDeep]);
        expect([route.id, ...(await answer(route, DEPTH))]).not.toEqual([route.id, ...tooDeep]);
      }
    });

    it('of many faults are answered with some of them', async () => {
      const fields = Object.fromEntries(Array.from({ length: 8_000 }, (_, i) => [`f${i}`, 1]));
      const items = Array.from({ length: 8_000 }, () => ({ a: 1 }));
      const bodies: readonly [method: string, path: string, body: object][] = [
        ['PUT', '/v1/users/u-1/tags', { tags: ['vip'], ...fields }],
        ['POST', '/v1/receipts', { receipts: items }],
        ['POST', '/v1/notifications', { audience: { users: ['u'] }, content: { title: 'x', extras: fields } }],
        ['POST', '/v1/notifications', { audience: { users: ['u'] }, content: { title: 'x', localized: fields } }],
        ['POST', '/v1/integrations', { plugin: 'nim', name: 'x', config: fields }],
        ['PUT', '/v1/users/u-1/tags', { tags: items.slice(0, 5_000).map((_, i) => `\0${i}`) }],
      ];
      for (const [method, path, body] of bodies) {
        const reply = await send(path, { method, body: JSON.stringify(body) });
        const { errors = [] } = JSON.parse(reply.body) as { errors?: unknown[] };
        expect([path, Object.keys(body), reply.status, errors.length <= 100, reply.body.length < 20_000]).toEqual([
          path,
          Object.keys(body),
          400,
          true,
          true,
        ]);
      }
    });
  });

  describe('of vendors', () => {
    const inbound = () =>
      platform.app
        .get(PluginRegistry)
        .all()
        .flatMap(({ inbound: adapter }) => (adapter ? [adapter.manifest] : []));
    const CONFIGS: Readonly<Record<string, Record<string, unknown>>> = {
      nim: { appKey: 'a', appSecret: 'b' },
      rongcloud: { appKey: 'a', appSecret: 'b' },
      echat: { token: 'a' },
    };

    it('are taken up to what the vendor sends, however they are framed and packed', async () => {
      expect(inbound().map(({ id }) => id)).toEqual(['echat', 'kf5', 'nim', 'rongcloud', 'udesk']);
      for (const { id, bodyLimit = 262_144 } of inbound()) {
        const { inboundUrl } = await app.integrate({ plugin: id, name: id, config: CONFIGS[id] ?? {} });
        const send = async (options: RawOptions) => [id, ...codeOf(await rawRequest(inboundUrl, options))];
        const tooLarge = [id, 413, 'body_too_large'];
        const most = Buffer.alloc(bodyLimit, ' ');
        const more = Buffer.alloc(bodyLimit + 1, ' ');
        expect(await send({ body: most })).not.toEqual(tooLarge);
        expect(await send({ body: more })).toEqual(tooLarge);
        const chunked = { 'transfer-encoding': 'chunked' };
        expect(await send({ headers: chunked, body: most })).not.toEqual(tooLarge);
        expect(await send({ headers: chunked, body: more, unfinished: true })).toEqual(tooLarge);
        for (const { encoding, pack, bomb } of PACKED) {
          const headers = { 'content-encoding': encoding };
          expect(await send({ headers, body: pack(most) })).not.toEqual(tooLarge);
          expect(await send({ headers, body: pack(more) })).toEqual(tooLarge);
          expect(await send({ headers, body: bomb })).toEqual(tooLarge);
        }
      }
    });
  });
});

describe('connections', () => {
  const LIMITS = { headMs: 300, requestMs: 600, idleMs: 300, checkMs: 50, connections: 3 };
  let server: Server;

  beforeAll(async () => {
    const adapter = new BellhopHttpAdapter(LIMITS);
    adapter.initHttpServer();
    adapter.handleInbound(async (request, response) => {
      request.resume().once('end', () => response.end('read'));
    });
    server = adapter.getHttpServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  /** Sends a byte every now and then, for ever. @returns what comes back before the connection ends, and when that is. */
  async function dribble(head: string): Promise<{ said: string; ms: number }> {
    const started = performance.now();
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    let said = '';
    const drops = setInterval(() => socket.write('a'), 20);
    const ended = new Promise((resolve) => socket.once('close', resolve));
    socket.on('data', (chunk) => (said += chunk.toString()));
    socket.on('error', () => socket.destroy());
    socket.write(head);
    await ended;
    clearInterval(drops);
    return { said, ms: performance.now() - started };
  }

  it.each([
    ['head', 'POST /v1/inbound/x HTTP/1.1\r\nHost: x\r\nX-Slow: ', LIMITS.headMs],
    ['body of a callback', 'POST /v1/inbound/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n', LIMITS.requestMs],
    ['line', 'POST /', LIMITS.headMs],
  ])('with a %s that never ends are ended', async (_words, head, afterMs) => {
    const { said, ms } = await dribble(head);
    // What comes after our next byte may never reach us.
    expect(said).toMatch(/^(HTTP\/1.1 408 Request Timeout\r\nConnection: close|$)/);
    expect(ms).toBeGreaterThan(afterMs - LIMITS.checkMs);
  });

  it('that are too many are closed, and the others live on', async () => {
    const { port } = server.address() as AddressInfo;
    const sockets = Array.from({ length: LIMITS.connections }, () => connect(port, '127.0.0.1'));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    const late = connect(port, '127.0.0.1').resume();
    await once(late, 'close');
    const [first] = sockets;
    first?.write('POST /v1/inbound/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na');
    const [answer] = (await once(first as never, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 200/);
    for (const socket of sockets) socket.destroy();
  });

  it('of the product have a limit for all of it', () => {
    const adapter = new BellhopHttpAdapter();
    adapter.initHttpServer();
    const { headersTimeout, requestTimeout, keepAliveTimeout, maxConnections } = adapter.getHttpServer() as Server;
    expect([headersTimeout, requestTimeout, keepAliveTimeout, maxConnections]).toEqual([10_000, 30_000, 65_000, 2_000]);
  });
});
