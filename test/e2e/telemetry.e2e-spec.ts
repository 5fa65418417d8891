import { kf5Chat, startWebhookReceiver, type WebhookReceiver } from '@bellhop/simulators';
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { newKey } from '../../src/platform/env.keys.js';
import { eventually, type Gateways, startGateways } from '../support/app.js';
import { freshDatabase, type FreshDatabase } from '../support/postgres.js';
import { freshApnsToken } from '../support/shop.js';
import { ObservedPlatform } from '../security/observed-platform.js';
import { Recorder } from '../security/recorder.js';

interface Value {
  readonly stringValue?: string;
  readonly intValue?: number | string;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values: readonly Value[] };
}

interface Attribute {
  readonly key: string;
  readonly value: Value;
}

interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly attributes: readonly Attribute[];
  readonly links: readonly { readonly traceId: string }[];
  readonly status: { readonly code?: number };
}

interface Metric {
  readonly name: string;
  readonly sum?: {
    readonly isMonotonic: boolean;
    readonly aggregationTemporality: number;
    readonly dataPoints: readonly Point[];
  };
  readonly gauge?: { readonly dataPoints: readonly Point[] };
  readonly histogram?: { readonly dataPoints: readonly HistogramPoint[] };
}

interface Point {
  readonly attributes: readonly Attribute[];
  readonly asDouble?: number;
}

interface HistogramPoint {
  readonly count: number | string;
  readonly sum: number;
  readonly bucketCounts: readonly (number | string)[];
  readonly explicitBounds: readonly number[];
}

interface Scoped<T> {
  readonly resource: { readonly attributes: readonly Attribute[] };
  readonly [scopes: string]: readonly ({ readonly [items: string]: readonly T[] } & object)[] | object;
}

/** What a collector of OpenTelemetry is told, on loopback. */
class Collector {
  readonly calls: { readonly path: string; readonly type: string; readonly body: Buffer }[] = [];

  private constructor(private readonly server: Server) {
    server.on('request', (request: IncomingMessage, response) => {
      const chunks: Buffer[] = [];
      request
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .once('end', () => {
          const type = request.headers['content-type'] ?? '';
          this.calls.push({ path: request.url ?? '', type, body: Buffer.concat(chunks) });
          response.writeHead(200, { 'content-type': type }).end(type.includes('json') ? '{}' : '');
        });
    });
  }

  static async start(): Promise<Collector> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Collector(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get text(): string {
    return this.calls.map(({ body }) => body.toString('latin1')).join('\n');
  }

  get spans(): Span[] {
    return this.items<Span>('/v1/traces', 'resourceSpans', 'scopeSpans', 'spans');
  }

  /** As they were last told. */
  get metrics(): Map<string, Metric> {
    const all = this.items<Metric>('/v1/metrics', 'resourceMetrics', 'scopeMetrics', 'metrics');
    return new Map(all.map((metric) => [metric.name, metric]));
  }

  get resource(): Record<string, unknown> {
    const call = this.calls.find(({ path }) => path === '/v1/traces');
    const { resourceSpans } = JSON.parse(call?.body.toString() ?? '{}') as { resourceSpans: readonly Scoped<Span>[] };
    return factsOf(resourceSpans[0]?.resource.attributes ?? []);
  }

  close(): Promise<unknown> {
    return new Promise((resolve) => this.server.close(resolve));
  }

  private items<T>(path: string, resources: string, scopes: string, items: string): T[] {
    return this.calls
      .filter((call) => call.path === path && call.type.includes('json'))
      .flatMap(({ body }) => (JSON.parse(body.toString()) as Record<string, readonly Scoped<T>[]>)[resources] ?? [])
      .flatMap((resource) => resource[scopes] as readonly Record<string, readonly T[]>[])
      .flatMap((scope) => scope[items] ?? []);
  }
}

const valueOf = ({ stringValue, intValue, doubleValue, arrayValue }: Value): unknown =>
  arrayValue ? arrayValue.values.map(valueOf) : (stringValue ?? Number(intValue ?? doubleValue));

const factsOf = (attributes: readonly Attribute[]): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, valueOf(value)]));

const [SERVER, CLIENT, CONSUMER] = [2, 3, 5];
const digits = (publicId: string): string => publicId.split('_')[1] ?? '';
const CALLER = { traceId: randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex') };
const TRACEPARENT = `00-${CALLER.traceId}-${CALLER.spanId}-01`;

describe('OpenTelemetry', () => {
  const recorder = new Recorder();
  const platformKey = randomBytes(32).toString('hex');
  const text = `text ${randomBytes(16).toString('hex')}`;
  const token = freshApnsToken();
  let database: FreshDatabase;
  let gateways: Gateways;
  let receiver: WebhookReceiver;
  let collector: Collector;
  let platform: ObservedPlatform;
  let key: string;
  let apns: string;
  let inboundUrl: string;

  const environment = (url: string): Record<string, string> => ({
    DATABASE_URL: url,
    BELLHOP_KEYS: newKey('k1'),
    BELLHOP_PLATFORM_KEY: platformKey,
    BELLHOP_SANDBOX: 'false',
    BELLHOP_EGRESS_ALLOW: '127.0.0.1:*',
    LOG_LEVEL: 'warn',
  });

  beforeAll(async () => {
    database = await freshDatabase();
    gateways = await startGateways();
    receiver = await startWebhookReceiver();
    collector = await Collector.start();
    platform = await ObservedPlatform.start(
      {
        ...environment(database.url),
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_BSP_SCHEDULE_DELAY: '50',
        OTEL_METRIC_EXPORT_INTERVAL: '200',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      },
      recorder,
    );
  });
  afterAll(async () => {
    await platform?.stop();
    await collector?.close();
    await receiver?.close();
    await gateways?.close();
    await database?.drop();
  });

  const call = (method: string, address: string, body?: unknown, headers?: Record<string, string>) =>
    platform.call(method, address, { key, body, ...(headers && { headers }) });
  const spansNamed = (name: string, matches: (facts: Record<string, unknown>) => boolean = () => true): Span[] =>
    collector.spans.filter((span) => span.name === name && matches(factsOf(span.attributes)));
  const found = (name: string, matches?: (facts: Record<string, unknown>) => boolean) =>
    eventually(async () => spansNamed(name, matches)[0]);
  const ids = async (address: string): Promise<string[]> => {
    const { body } = await call('GET', address);
    return (body['data'] as { id: string }[]).map(({ id }) => id);
  };

  it('continues the trace of a caller of the API, and names the route, not the address', async () => {
    const operator = { key: platformKey };
    const app = await platform.call('POST', '/v1/apps', {
      ...operator,
      body: { name: 'Shop', deepLinkScheme: 'shop' },
    });
    const made = await platform.call('POST', `/v1/apps/${String(app.body['id'])}/api-keys`, {
      ...operator,
      body: { name: 'tests', scopes: ['admin'] },
    });
    key = String(made.body['key']);
    const integration = await call('POST', '/v1/integrations', {
      plugin: 'apns',
      name: 'iPhones',
      config: gateways.apnsConfig,
    });
    apns = String(integration.body['id']);
    const device = { gateway: 'apns', platform: 'ios', environment: 'production', token };
    const reply = await call('PUT', '/v1/users/ann/devices/phone?hidden=1', device, { traceparent: TRACEPARENT });
    expect(reply.status).toBe(200);
    const span = await found('PUT /v1/users/:userId/devices/:installationId');
    expect([span.traceId, span.parentSpanId, span.kind]).toEqual([CALLER.traceId, CALLER.spanId, SERVER]);
    expect(factsOf(span.attributes)).toEqual({
      'http.request.method': 'PUT',
      'http.route': '/v1/users/:userId/devices/:installationId',
      'http.response.status_code': 200,
      'bellhop.request.id': expect.any(String),
    });
    expect(collector.resource).toMatchObject({
      'service.name': 'bellhop',
      'service.version': expect.stringMatching(/^\d/),
      'bellhop.role': 'all',
      'deployment.environment.name': 'test',
    });
  });

  it('receives, routes, delivers and sends in spans that are found by our ids', async () => {
    const vendor = await call('POST', '/v1/integrations', { plugin: 'kf5', name: 'KF5', config: {} });
    inboundUrl = String(vendor.body['callbackUrl']);
    const kf5 = String(vendor.body['id']);
    const identity = { integrationId: kf5, kind: 'kf5.user_id', value: '7' };
    expect((await call('PUT', '/v1/users/ann/identities', identity)).status).toBe(200);
    const callback = kf5Chat({ userId: 7, text, devices: [] });
    const status = await platform.post(inboundUrl, {
      body: callback.body,
      headers: { ...callback.headers, traceparent: TRACEPARENT },
    });
    expect(status).toBe(200);
    const [event = ''] = await ids('/v1/events');

    const received = await found('receive');
    expect(received).toMatchObject({ traceId: digits(event), kind: SERVER, links: [{ traceId: CALLER.traceId }] });
    expect(received.parentSpanId ?? '').toBe('');
    expect(factsOf(received.attributes)).toEqual({
      'bellhop.event.ids': [event],
      'bellhop.integration.id': kf5,
      'bellhop.request.id': expect.any(String),
      'http.response.status_code': 200,
    });
    const routed = await found('route', (facts) => (facts['bellhop.event.ids'] as string[]).includes(event));
    expect([routed.traceId, routed.kind]).toEqual([digits(event), CONSUMER]);

    const sent = await found('send');
    const [delivery] = (await call('GET', `/v1/trace/${event}`)).text.match(/dlv_[0-9a-f]{32}/) ?? [];
    expect(factsOf(sent.attributes)).toEqual({
      'bellhop.channel': 'apns',
      'bellhop.integration.id': apns,
      'bellhop.delivery.ids': [delivery],
      'bellhop.batch.size': 1,
      'bellhop.outcome.accepted': 1,
    });
    const delivered = await found('deliver', (facts) =>
      (facts['bellhop.delivery.ids'] as string[]).includes(delivery ?? ''),
    );
    expect([sent.kind, sent.traceId, sent.parentSpanId]).toEqual([CLIENT, delivered.traceId, delivered.spanId]);
  });

  it('plans a notification in the trace of its id', async () => {
    const body = {
      audience: { everyone: true },
      content: { body: text },
      schedule: { at: new Date(Date.now() + 500).toISOString() },
    };
    const { status, body: made } = await call('POST', '/v1/notifications', body);
    expect(status).toBe(202);
    const id = String(made['id']);
    const planned = await found('plan', (facts) => facts['bellhop.notification.id'] === id);
    expect([planned.traceId, planned.kind]).toEqual([digits(id), CONSUMER]);
  });

  it('hands the trace on to receivers of webhooks, and to no gateway', async () => {
    const hook = await call('POST', '/v1/webhooks', { url: receiver.url, events: ['notification.done'] });
    const tested = await call('POST', `/v1/webhooks/${String(hook.body['id'])}/test`, undefined, {
      traceparent: TRACEPARENT,
    });
    expect(tested.status).toBe(200);
    expect(receiver.requests.at(-1)?.headers['traceparent']).toMatch(
      new RegExp(`^00-${CALLER.traceId}-[0-9a-f]{16}-01$`),
    );
    expect(gateways.apns.requests.map(({ headers }) => headers['traceparent'])).toEqual(
      gateways.apns.requests.map(() => undefined),
    );
  });

  it('says that a span failed, and what kind of fault it was, in no words', async () => {
    await platform.post(inboundUrl, { body: 'x'.repeat(400_000) });
    const span = await found('receive', (facts) => facts['http.response.status_code'] === 413);
    expect(span.links).toEqual([]);
    expect(factsOf(span.attributes)).not.toHaveProperty('error.message');
  });

  it('tells the numbers of /metrics under their names', async () => {
    const accepted = ({ attributes }: Point): boolean => factsOf(attributes)['outcome'] === 'accepted';
    const metrics = await eventually(async () => {
      const point = collector.metrics.get('bellhop_deliveries_total')?.sum?.dataPoints.find(accepted);
      return point && Number(point.asDouble) >= 2 ? collector.metrics : undefined;
    });
    expect(metrics.get('bellhop_deliveries_total')?.sum).toMatchObject({
      isMonotonic: true,
      aggregationTemporality: 2,
    });
    expect(metrics.get('bellhop_integrations')?.gauge?.dataPoints.length).toBeGreaterThanOrEqual(2);
    const [inbound] = metrics.get('bellhop_inbound_seconds')?.histogram?.dataPoints ?? [];
    expect(Number(inbound?.count)).toBe(1);
    expect(inbound?.bucketCounts.map(Number).reduce((sum, count) => sum + count, 0)).toBe(1);
    expect(inbound?.bucketCounts).toHaveLength((inbound?.explicitBounds.length ?? 0) + 1);
    const { text: scraped } = await call('GET', '/metrics');
    const names = [...scraped.matchAll(/^# TYPE (\w+)/gm)].map(([, name = '']) => name);
    expect(names.filter((name) => !metrics.has(name))).toEqual([]);
  });

  it('tells no text, token, key or secret to anybody', () => {
    const secret = inboundUrl.split('/').at(-1) as string;
    const told = new Recorder();
    told.add('collector', collector.text);
    const markers = { text, token, key, secret, platformKey };
    expect(told.find(Object.entries(markers).map(([what, value]) => ({ what, value })))).toEqual([]);
    expect(collector.calls.length).toBeGreaterThan(3);
  });

  it('speaks protobuf unless it is asked for JSON, flushes what it has when it stops, and stops when nobody listens', async () => {
    const other = await freshDatabase();
    const env = environment(other.url);
    const binary = await Collector.start();
    const first = await ObservedPlatform.start({ ...env, OTEL_EXPORTER_OTLP_ENDPOINT: binary.url }, recorder);
    expect((await first.call('GET', '/v1/apps', { key: platformKey })).status).toBe(200);
    await first.stop();
    expect(new Set(binary.calls.map(({ path, type }) => `${path} ${type}`))).toEqual(
      new Set(['/v1/traces application/x-protobuf', '/v1/metrics application/x-protobuf']),
    );
    expect(binary.text).toContain('GET /v1/apps');
    const nowhere = binary.url;
    await binary.close();
    const second = await ObservedPlatform.start({ ...env, OTEL_EXPORTER_OTLP_ENDPOINT: nowhere }, recorder);
    expect((await second.call('GET', '/v1/apps', { key: platformKey })).status).toBe(200);
    await second.stop();
    await other.drop();
  });

  it('loads nothing of it without a receiver, or when it is switched off', async () => {
    const other = await freshDatabase();
    const env = environment(other.url);
    const refusing = `data:text/javascript,${encodeURIComponent(`
      import { registerHooks } from 'node:module';
      registerHooks({ resolve(name, context, next) {
        if (/^@opentelemetry\\/(sdk|exporter|resources)/.test(name)) throw new Error('LOADED ' + name);
        return next(name, context);
      } });`)}`;
    const off: readonly Record<string, string>[] = [
      {},
      { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_SDK_DISABLED: 'true' },
    ];
    for (const more of off) {
      const plain = await ObservedPlatform.start({ ...env, ...more, NODE_OPTIONS: `--import=${refusing}` }, recorder);
      expect((await plain.call('GET', '/v1/apps', { key: platformKey })).status).toBe(200);
      await plain.stop();
    }
    const wanted = { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, NODE_OPTIONS: `--import=${refusing}` };
    await expect(ObservedPlatform.start(wanted, recorder)).rejects.toThrow(/LOADED @opentelemetry/);
    await other.drop();
  });
});
