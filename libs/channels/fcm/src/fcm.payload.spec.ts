import { type Platform, type PushMessage, RECEIPT_KEY, RECEIPT_LENGTH } from '@bellhop/contracts';
import { aMessage } from '../testing/builders.js';
import {
  type AndroidStyle,
  type FcmBody,
  type FcmPayload,
  FcmPayloads,
  probePayload,
  renderJson,
  ttlSeconds,
} from './fcm.payload.js';

const NOW = Date.parse('2026-11-20T08:00:00Z');
const EXPIRES = new Date(NOW + 3_600_000);

function build(changes: Partial<PushMessage>, platform: Platform = 'android', style: AndroidStyle = 'notification') {
  return new FcmPayloads(style).of(
    aMessage({ title: undefined, body: undefined, expiresAt: EXPIRES, ...changes }),
    platform,
  );
}

function payload(...args: Parameters<typeof build>): FcmPayload {
  const built = build(...args);
  if ('outcome' in built) throw new Error(built.outcome.reason);
  return built;
}

const body = (...args: Parameters<typeof build>): FcmBody => payload(...args).body;

const HEADERS = {
  'apns-push-type': 'alert',
  'apns-priority': '10',
  'apns-expiration': String(EXPIRES.getTime() / 1000),
};

describe('messages in the words of FCM', () => {
  it.each<readonly [title: string, changes: Partial<PushMessage>, expected: FcmBody]>([
    ['nothing', {}, { android: { priority: 'high', notification: {} } }],
    [
      'texts and picture',
      { title: 'T', body: 'B', imageUrl: 'https://img.example/1.png' },
      {
        notification: { title: 'T', body: 'B', image: 'https://img.example/1.png' },
        android: { priority: 'high', notification: {} },
      },
    ],
    [
      'what Android shows it with',
      { badge: 3, sound: 'ding', androidChannel: 'chat', collapseId: 'c-1', priority: 'normal' },
      {
        android: {
          priority: 'normal',
          collapse_key: 'c-1',
          notification: { channel_id: 'chat', tag: 'c-1', sound: 'ding', notification_count: 3 },
        },
      },
    ],
    ['a badge that clears', { badge: 0 }, { android: { priority: 'high', notification: {} } }],
    [
      'link and extras',
      { deepLink: 'shop://orders/7', extras: { order: '7' } },
      { data: { order: '7', deepLink: 'shop://orders/7' }, android: { priority: 'high', notification: {} } },
    ],
    [
      'a silent push',
      { silent: true, extras: { sync: '1' } },
      { data: { sync: '1' }, android: { priority: 'normal' } },
    ],
  ])('for Android: %s', (_title, changes, expected) => {
    expect(body(changes)).toEqual(expected);
  });

  it('hands everything to the app in the data style, as strings', () => {
    const all = aMessage({
      title: 'T',
      subtitle: 'S',
      body: 'B',
      badge: 0,
      sound: 'ding',
      collapseId: 'c-1',
      threadId: 't-1',
      deepLink: 'shop://',
      imageUrl: 'https://img.example/1.png',
      category: 'reply',
      androidChannel: 'chat',
      extras: { order: '7' },
    });
    const { expiresAt: _expiresAt, extras, priority, badge: _badge, ...texts } = all;
    expect(body(all, 'android', 'data')).toEqual({
      data: { ...extras, ...texts, badge: '0' },
      android: { priority, collapse_key: 'c-1' },
    });
  });

  it.each<readonly [title: string, changes: Partial<PushMessage>, expected: FcmBody]>([
    [
      'texts, picture and the rest of aps',
      {
        title: 'T',
        subtitle: 'S',
        body: 'B',
        badge: 0,
        sound: 'ding.caf',
        category: 'reply',
        threadId: 't-1',
        imageUrl: 'https://img.example/1.png',
        collapseId: 'c-1',
      },
      {
        apns: {
          headers: { ...HEADERS, 'apns-collapse-id': 'c-1' },
          payload: {
            aps: {
              alert: { title: 'T', subtitle: 'S', body: 'B' },
              badge: 0,
              sound: 'ding.caf',
              category: 'reply',
              'thread-id': 't-1',
              'mutable-content': 1,
            },
          },
          fcm_options: { image: 'https://img.example/1.png' },
        },
      },
    ],
    [
      'link and extras',
      { body: 'B', deepLink: 'shop://', extras: { order: '7' }, priority: 'normal' },
      {
        data: { order: '7', deepLink: 'shop://' },
        apns: {
          headers: { ...HEADERS, 'apns-priority': '5' },
          payload: { aps: { alert: { body: 'B' }, 'mutable-content': 1 } },
        },
      },
    ],
    [
      'a silent push',
      { silent: true },
      {
        apns: {
          headers: { ...HEADERS, 'apns-push-type': 'background', 'apns-priority': '5' },
          payload: { aps: { 'content-available': 1 } },
        },
      },
    ],
  ])('for iPhones: %s', (_title, changes, expected) => {
    expect(body(changes, 'ios')).toEqual(expected);
    expect(body(changes, 'ios', 'data')).toEqual(expected);
  });

  it('hashes a collapse id that Apple’s header could not carry', () => {
    for (const collapseId of ['x'.repeat(65), '订单七']) {
      const headers = body({ collapseId }, 'ios').apns?.headers as Record<string, string>;
      expect(headers['apns-collapse-id']).toMatch(/^[0-9a-f]{32}$/);
    }
  });
});

describe('what cannot be sent', () => {
  const RESERVED = { kind: 'rejected', reason: 'payload.reserved_key' };
  const TOO_LARGE = { kind: 'rejected', reason: 'payload.too_large' };

  it.each(['from', 'message_type', 'google', 'google.sent_time', 'gcm.notification.x', 'gcm', RECEIPT_KEY])(
    'extras.%s',
    (key) => {
      const refusal = { outcome: RESERVED, issues: [{ field: `/content/extras/${key}` }] };
      expect(build({ extras: { [key]: '1' } })).toMatchObject(refusal);
      expect(build({ extras: { [key]: '1' } }, 'ios')).toMatchObject(refusal);
    },
  );

  it('names every fault, with its place in a JSON Pointer', () => {
    expect(build({ extras: { 'gcm/~': '1', order: '7', from: 'me' } })).toMatchObject({
      outcome: RESERVED,
      issues: [{ field: '/content/extras/gcm~1~0' }, { field: '/content/extras/from' }],
    });
  });

  it.each(['fromage', 'sender', 'constructor', 'toString'])('extras.%s may', (key) => {
    expect(body({ extras: { [key]: '1' } }).data).toEqual({ [key]: '1' });
  });

  it('extras that would replace a field of the message', () => {
    expect(build({ deepLink: 'a://', extras: { deepLink: 'b://' } })).toMatchObject({ outcome: RESERVED });
    expect(build({ title: 'T', extras: { title: 'U' } }, 'android', 'data')).toMatchObject({ outcome: RESERVED });
    expect(body({ title: 'T', extras: { title: 'U' } }).data).toEqual({ title: 'U' });
  });

  it.each<[field: string, changes: Partial<PushMessage>]>([
    ['extras', { body: 'B', extras: { blob: 'x'.repeat(4096) } }],
    ['title', { title: 'x'.repeat(5000), body: 'B' }],
    ['deepLink', { silent: true, deepLink: `a://${'x'.repeat(4096)}` }],
  ])('%s that leave no room', (field, changes) => {
    const refusal = { outcome: TOO_LARGE, issues: [{ field: `/content/${field}` }] };
    for (const style of ['notification', 'data'] as const) {
      expect(build(changes, 'android', style)).toMatchObject(refusal);
    }
    expect(build(changes, 'ios')).toMatchObject(refusal);
  });
});

describe('the limit of 4,096 bytes', () => {
  const FAMILY = '👨‍👩‍👧‍👦';

  it.each<readonly [title: string, text: string]>([
    ['Chinese', '您好'.repeat(2000)],
    ['line breaks and quotes', '\n"'.repeat(4000)],
    ['families', FAMILY.repeat(400)],
    ['broken surrogates', '\ud83d'.repeat(3000)],
    ['plain', 'x'.repeat(9000)],
  ])('cuts a body of %s and nothing else', (_title, text) => {
    const extras = { order: '7' };
    for (const [platform, style] of [
      ['android', 'notification'],
      ['android', 'data'],
      ['ios', 'data'],
    ] as const) {
      const whole = payload({ title: 'T', body: text, extras }, platform, style).body;
      expect(sizeOnDevice(whole)).toBeLessThanOrEqual(4096);
      expect(whole.data).toMatchObject(extras);
      const cut = bodyText(whole);
      expect(cut.endsWith('…')).toBe(true);
      expect(text.startsWith(cut.slice(0, -1))).toBe(true);
    }
  });

  it('never cuts through a character', () => {
    const cut = bodyText(body({ body: FAMILY.repeat(400) })).slice(0, -1);
    expect(cut.replaceAll(FAMILY, '')).toBe('');
  });

  it('leaves alone what fits, and cuts what does not by little', () => {
    const text = 'x'.repeat(3900);
    expect([bodyText(body({ body: text })), payload({ body: text }).shortened]).toEqual([text, false]);
    const cut = payload({ body: 'x'.repeat(4096) });
    expect(cut.shortened).toBe(true);
    expect(sizeOnDevice(cut.body)).toBeGreaterThan(4050);
  });

  /** FCM's own count, of keys and values, with a receipt. */
  function sizeOnDevice({ notification, data, apns }: FcmBody): number {
    const texts = { ...notification, ...data, [RECEIPT_KEY]: 'r'.repeat(RECEIPT_LENGTH) };
    return Buffer.byteLength(Object.entries(texts).flat().join('') + JSON.stringify(apns?.payload ?? ''));
  }

  function bodyText({ notification, data, apns }: FcmBody): string {
    const aps = (apns?.payload as { aps: { alert: { body: string } } } | undefined)?.aps;
    return notification?.body ?? aps?.alert.body ?? data?.body ?? '';
  }
});

describe('the body of a request', () => {
  const request = (one: FcmPayload, now = NOW, validateOnly = false): unknown =>
    JSON.parse(renderJson({ target: { token: 'a"b' }, payload: one }, now, validateOnly));

  it('says the same as the payload, with target and time to live', () => {
    const one = payload({ title: 'T', extras: { a: '1' } });
    expect(request(one)).toEqual({
      message: { token: 'a"b', ...one.body, android: { ...one.body.android, ttl: '3600s' } },
    });
    const other = payload({ title: 'T' }, 'ios');
    expect(request(other, NOW, true)).toEqual({ message: { token: 'a"b', ...other.body }, validate_only: true });
  });

  it('takes the receipt in among the data', () => {
    const receipt = 'a "quoted" one';
    for (const [one, data] of [
      [payload({ title: 'T', extras: { a: '1' } }), { a: '1' }],
      [payload({ title: 'T' }), {}],
      [payload({ title: 'T', deepLink: 'shop://' }, 'ios'), { deepLink: 'shop://' }],
    ] as const) {
      const sent = JSON.parse(renderJson({ target: { fid: 'f' }, payload: one, receipt }, NOW, false)) as unknown;
      expect(sent).toMatchObject({ message: { fid: 'f', data: { ...data, [RECEIPT_KEY]: receipt } } });
    }
    expect(request(payload({ title: 'T' }))).not.toHaveProperty('message.data');
  });

  it('may hold nothing but data', () => {
    expect(request(probePayload())).toEqual({ message: { token: 'a"b', data: { bellhop: 'check' } } });
  });

  it('counts the time to live from the moment of sending', () => {
    const one = payload({ title: 'T' });
    expect(request(one, NOW + 60_000)).toMatchObject({ message: { android: { ttl: '3540s' } } });
  });

  it.each([
    [3_600_500, 3600],
    [0, 0],
    [-5000, 0],
    [40 * 86_400_000, 2_419_200],
  ])('turns %d ms into %d s', (ms, seconds) => {
    expect(ttlSeconds(new Date(NOW + ms), NOW)).toBe(seconds);
  });

  it('is built once per message and platform', () => {
    const payloads = new FcmPayloads('notification');
    const message = aMessage();
    expect(payloads.of(message, 'android')).toBe(payloads.of(message, 'android'));
    expect(payloads.of(message, 'android')).not.toBe(payloads.of(message, 'ios'));
    expect(payloads.of({ ...message }, 'android')).not.toBe(payloads.of(message, 'android'));
  });
});
