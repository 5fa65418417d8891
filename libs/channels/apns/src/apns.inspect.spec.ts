import { type ChannelClient, type PushMessage, readConfig, RECEIPT_KEY, RECEIPT_LENGTH } from '@bellhop/contracts';
import { type ApnsSimulator, apnsTestCredentials, apnsToken, startApnsSimulator } from '@bellhop/simulators';
import { randomUUID } from 'node:crypto';
import { ApnsChannel } from './apns.channel.js';
import { ApnsConfig } from './apns.manifest.js';

const NEVER = new AbortController().signal;
const credentials = apnsTestCredentials();
const RECEIPT = 'aB3-_'.repeat(13).slice(0, RECEIPT_LENGTH);

const aMessage = (part: Partial<PushMessage> = {}): PushMessage => ({
  title: '客服',
  body: '您好',
  extras: { order: '7' },
  priority: 'high',
  expiresAt: new Date('2040-01-01T00:00:00.999Z'),
  ...part,
});

const anItem = (part: Partial<PushMessage> = {}, target: object = {}) => ({
  id: randomUUID(),
  message: aMessage(part),
  receipt: RECEIPT,
  target: {
    kind: 'device' as const,
    token: apnsToken(),
    identifier: 'token' as const,
    platform: 'ios' as const,
    environment: 'production' as const,
    ...target,
  },
});

const MESSAGES: readonly (readonly [name: string, message: Partial<PushMessage>])[] = [
  ['a text', {}],
  ['nothing but a title', { body: undefined, extras: {} }],
  ['a silent push', { silent: true, title: undefined, body: undefined, priority: 'normal' }],
  ['a picture', { imageUrl: 'https://img.example/1.png', deepLink: 'shop://orders/7' }],
  ['a long body', { body: '您"\n👨‍👩‍👧‍👦'.repeat(900) }],
  ['a badge that clears', { badge: 0, sound: 'default', category: 'REPLY' }],
  ['a collapse id', { collapseId: 'order-7', threadId: 'orders', subtitle: 'S' }],
  ['a collapse id that no header carries', { collapseId: '订单七' }],
  ['what is past', { expiresAt: new Date(-1) }],
];

describe('inspect', () => {
  let gateway: ApnsSimulator;
  let client: ChannelClient;
  let config: ApnsConfig;
  const channel = new ApnsChannel();

  beforeAll(async () => {
    gateway = await startApnsSimulator({ credentials });
    config = readConfig(ApnsConfig, {
      ...credentials,
      bundleId: 'com.example.app',
      productionUrl: gateway.url,
      sandboxUrl: gateway.url,
      certificateAuthority: gateway.caPem,
    });
    client = await channel.open(config);
  });
  beforeEach(() => gateway.reset());
  afterAll(async () => {
    await client?.close();
    await gateway?.close();
  });

  it.each(MESSAGES)('says what the gateway receives for %s', async (_name, part) => {
    const item = anItem(part);
    const { issues, rendered } = channel.inspect(item, config);
    expect(issues).toEqual([]);
    expect(await client.sender?.send([item], NEVER)).toMatchObject([{ kind: 'accepted' }]);
    const [request] = gateway.requests;
    expect(request?.payload).toEqual(rendered?.payload);
    expect(request?.payload).toHaveProperty(RECEIPT_KEY, RECEIPT);
    expect(Object.fromEntries(messageHeaders(request?.headers ?? {}))).toEqual(rendered?.headers);
    expect(rendered?.bytes).toBe(Buffer.byteLength(JSON.stringify(rendered?.payload)));
    expect(rendered?.bytes).toBeLessThanOrEqual(4096);
  });

  it('gives each of many devices its own receipt in the same message', async () => {
    const message = aMessage();
    const items = Array.from({ length: 50 }, (_, number) => ({
      ...anItem({}, { token: apnsToken('ok', { number }) }),
      message,
      receipt: String(number).padStart(RECEIPT_LENGTH, '0'),
    }));
    await client.sender?.send(items, NEVER);
    const seen = new Map(gateway.requests.map(({ token, payload }) => [token, payload]));
    expect(seen.size).toBe(50);
    for (const item of items) {
      expect(seen.get(item.target.token)).toEqual(channel.inspect(item, config).rendered?.payload);
      expect(seen.get(item.target.token)).toHaveProperty(RECEIPT_KEY, item.receipt);
    }
  });

  it.each<[field: string, item: ReturnType<typeof anItem>, kind: string]>([
    [`/content/extras/${RECEIPT_KEY}`, anItem({ extras: { [RECEIPT_KEY]: 'x' } }), 'rejected'],
    ['/content/extras', anItem({ extras: { blob: 'x'.repeat(5000) } }), 'rejected'],
    ['/content/title', anItem({ title: 'x'.repeat(5000) }), 'rejected'],
    ['/audience', anItem({}, { platform: 'android' }), 'rejected'],
    ['/audience/devices', anItem({}, { token: 'zz' }), 'invalidTarget'],
  ])('names %s, and send() refuses the same', async (field, item, kind) => {
    const inspection = channel.inspect(item, config);
    expect(inspection).toEqual({ issues: [{ field, message: expect.any(String) as string }], warnings: [] });
    expect(await client.sender?.send([item], NEVER)).toMatchObject([{ kind }]);
    expect(gateway.counters.requests).toBe(0);
  });

  it.each<[words: RegExp, part: Partial<PushMessage>]>([
    [/cut/, { body: 'x'.repeat(5000) }],
    [/androidChannel/, { androidChannel: 'chat' }],
    [/service extension/, { imageUrl: 'https://img.example/1.png' }],
    [/no picture/, { silent: true, imageUrl: 'https://img.example/1.png' }],
    [/digest/, { collapseId: 'x'.repeat(65) }],
  ])('warns with %s', (words, part) => {
    const { warnings } = channel.inspect(anItem(part), config);
    expect(warnings).toEqual([expect.stringMatching(words)]);
  });

  it('has nothing to say about an ordinary message', () => {
    expect(channel.inspect(anItem({ collapseId: 'order-7' }), config).warnings).toEqual([]);
  });

  function messageHeaders(headers: Readonly<Record<string, unknown>>): [string, unknown][] {
    return Object.entries(headers).filter(([name]) => name.startsWith('apns-') && name !== 'apns-id');
  }
});
