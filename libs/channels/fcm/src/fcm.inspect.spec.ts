import {
  type ChannelClient,
  type DeviceTarget,
  type PushMessage,
  RECEIPT_KEY,
  RECEIPT_LENGTH,
} from '@bellhop/contracts';
import { type FcmSimulator, fcmInstallationId, fcmToken, startFcmSimulator } from '@bellhop/simulators';
import { type AdminShim, redirectFirebaseAdmin } from '../testing/admin-shim.js';
import { aMessage, anItem, configFor, within } from '../testing/builders.js';
import { FcmChannel } from './fcm.channel.js';
import type { FcmConfig } from './fcm.manifest.js';

const NEVER = new AbortController().signal;
const RECEIPT = 'aB3-_'.repeat(13).slice(0, RECEIPT_LENGTH);
const NOW = new Date('2026-11-20T08:00:00Z');
/** So late that the time to live is FCM's longest, whatever the clock says. */
const LATE = new Date('2040-01-01T00:00:00Z');

const channel = new FcmChannel();
const item = (part: Partial<PushMessage> = {}, target: Partial<DeviceTarget> = {}) => ({
  ...anItem(fcmToken(), aMessage({ extras: { order: '7' }, expiresAt: LATE, ...part }), target),
  receipt: RECEIPT,
});

const MESSAGES: readonly (readonly [name: string, message: Partial<PushMessage>])[] = [
  ['a text', {}],
  ['nothing but a title', { body: undefined, extras: {} }],
  ['a silent push', { silent: true, title: undefined, body: undefined, priority: 'normal' }],
  ['a picture', { imageUrl: 'https://img.example/1.png', deepLink: 'shop://orders/7' }],
  ['a long body', { body: '您"\n👨‍👩‍👧‍👦'.repeat(900) }],
  ['a badge', { badge: 3, sound: 'default', category: 'REPLY', androidChannel: 'chat' }],
  ['a badge that clears', { badge: 0 }],
  ['a collapse id', { collapseId: 'order-7', threadId: 'orders', subtitle: 'S' }],
];
const DEVICES = [
  ['android', 'notification'],
  ['android', 'data'],
  ['ios', 'notification'],
] as const;

describe.each(['http', 'admin'] as const)('inspect, by the %s transport', (transport) => {
  let simulator: FcmSimulator;
  let shim: AdminShim;
  const clients = new Map<string, ChannelClient>();
  const configs = new Map<string, FcmConfig>();

  beforeAll(async () => {
    simulator = await startFcmSimulator();
    shim = redirectFirebaseAdmin(simulator);
    for (const androidStyle of ['notification', 'data'] as const) {
      const config = configFor(simulator, { transport, androidStyle });
      configs.set(androidStyle, config);
      clients.set(androidStyle, await channel.open(config));
    }
  });
  beforeEach(() => simulator.reset());
  afterAll(async () => {
    await within(Promise.all([...clients.values()].map((client) => client.close())));
    shim.restore();
    await simulator.close();
  });

  describe.each(DEVICES)('on %s, style %s', (platform, style) => {
    it.each(MESSAGES)('says what FCM receives for %s', async (_name, part) => {
      const one = item(part, { platform });
      const { issues, rendered } = channel.inspect(one, configs.get(style)!, NOW);
      expect(issues).toEqual([]);
      expect(await within(clients.get(style)!.sender!.send([one], NEVER))).toMatchObject([{ kind: 'accepted' }]);
      const { token, ...received } = simulator.requests[0]?.message ?? {};
      expect(token).toBe((one.target as DeviceTarget).token);
      expect({ message: received }).toEqual(rendered?.payload);
      expect(received.data).toHaveProperty(RECEIPT_KEY, RECEIPT);
      expect(rendered?.bytes).toBe(Buffer.byteLength(JSON.stringify(rendered?.payload)));
    });
  });

  it('gives each of many devices its own receipt in the same message', async () => {
    const message = aMessage({ expiresAt: LATE });
    const items = Array.from({ length: 50 }, (_, number) => ({
      ...anItem(fcmInstallationId('accepted', number), message, { identifier: 'fid' }),
      receipt: String(number).padStart(RECEIPT_LENGTH, '0'),
    }));
    await within(clients.get('notification')!.sender!.send(items, NEVER));
    const seen = new Map(simulator.requests.map((request) => [request.token, request.message]));
    expect(seen.size).toBe(50);
    for (const one of items) {
      const { fid, ...received } = seen.get((one.target as DeviceTarget).token) ?? {};
      expect(fid).toBeDefined();
      expect({ message: received }).toEqual(channel.inspect(one, configs.get('notification')!, NOW).rendered?.payload);
      expect(received.data).toEqual({ [RECEIPT_KEY]: one.receipt });
    }
  });

  it.each<[field: string, part: Partial<PushMessage>]>([
    [`/content/extras/${RECEIPT_KEY}`, { extras: { [RECEIPT_KEY]: 'x' } }],
    ['/content/extras/google.x', { extras: { 'google.x': '1' } }],
    ['/content/extras', { extras: { blob: 'x'.repeat(5000) } }],
  ])('names %s, and send() refuses the same', async (field, part) => {
    const inspection = channel.inspect(item(part), configs.get('notification')!, NOW);
    expect(inspection).toEqual({ issues: [{ field, message: expect.any(String) as string }], warnings: [] });
    const outcomes = await within(clients.get('notification')!.sender!.send([item(part)], NEVER));
    expect(outcomes).toMatchObject([{ kind: 'rejected' }]);
    expect(simulator.counters.requests).toBe(0);
  });
});

describe('inspect', () => {
  const warningsOf = (part: Partial<PushMessage>, androidStyle: FcmConfig['androidStyle'], target = {}) =>
    channel.inspect(item(part, target), { androidStyle } as FcmConfig, NOW).warnings;

  it('counts the time to live from the moment that is asked for', () => {
    const one = item({ expiresAt: new Date(NOW.getTime() + 90_500) });
    const { rendered } = channel.inspect(one, { androidStyle: 'notification' } as FcmConfig, NOW);
    expect(rendered?.payload).toMatchObject({ message: { android: { ttl: '90s' } } });
  });

  it('refuses targets that are no devices', () => {
    const everyone = { kind: 'audience', audience: { kind: 'everyone', platforms: ['android'] } } as const;
    const { issues } = channel.inspect({ ...item(), target: everyone }, {} as FcmConfig, NOW);
    expect(issues).toEqual([{ field: '/audience', message: expect.any(String) as string }]);
  });

  it.each<[words: RegExp, part: Partial<PushMessage>, target: object]>([
    [/cut/, { body: 'x'.repeat(5000) }, {}],
    [/subtitle/, { subtitle: 'S' }, {}],
    [/threadId/, { threadId: 't' }, {}],
    [/category/, { category: 'c' }, {}],
    [/clear/, { badge: 0 }, {}],
    [/androidChannel/, { androidChannel: 'chat' }, { platform: 'ios' }],
    [/service extension/, { imageUrl: 'https://img.example/1.png' }, { platform: 'ios' }],
  ])('warns with %s', (words, part, target) => {
    expect(warningsOf(part, 'notification', target)).toEqual([expect.stringMatching(words)]);
  });

  it('has nothing to say about what the app gets whole', () => {
    expect(warningsOf({ subtitle: 'S', threadId: 't', badge: 0 }, 'data')).toEqual([]);
    expect(warningsOf({ badge: 1, androidChannel: 'chat' }, 'notification')).toEqual([]);
  });
});
