import { type PushMessage, RECEIPT_KEY, RECEIPT_LENGTH } from '@bellhop/contracts';
import { type ApnsPayload, payloadOf, withReceipt } from './apns.payload.js';

const expiresAt = new Date('2031-01-02T03:04:05.678Z');
const message = (part: Partial<PushMessage> = {}): PushMessage => ({
  extras: {},
  priority: 'high',
  expiresAt,
  ...part,
});
const RECEIPT = 'r'.repeat(RECEIPT_LENGTH);
const built = (part: Partial<PushMessage> = {}): ApnsPayload => {
  const payload = payloadOf(message(part));
  if ('outcome' in payload) throw new Error(payload.outcome.reason);
  return payload;
};
const valueOf = (part: Partial<PushMessage>) => JSON.parse(built(part).json) as object;
const bytesOf = (part: Partial<PushMessage>) => Buffer.byteLength(withReceipt(built(part).json, RECEIPT));

describe('content', () => {
  it.each<[string, Partial<PushMessage>, object]>([
    [
      'text',
      { title: 'T', subtitle: 'S', body: 'B' },
      { aps: { alert: { title: 'T', subtitle: 'S', body: 'B' }, 'mutable-content': 1 } },
    ],
    ['body alone', { body: 'B' }, { aps: { alert: { body: 'B' }, 'mutable-content': 1 } }],
    ['badge', { badge: 7 }, { aps: { badge: 7 } }],
    ['cleared badge', { badge: 0 }, { aps: { badge: 0 } }],
    ['sound', { sound: 'default' }, { aps: { sound: 'default' } }],
    ['category', { category: 'REPLY' }, { aps: { category: 'REPLY' } }],
    ['thread', { threadId: 'c-1' }, { aps: { 'thread-id': 'c-1' } }],
    ['deep link', { deepLink: 'shop://chat' }, { aps: {}, deepLink: 'shop://chat' }],
    ['extras', { extras: { aps: 'x', n: '1' } }, { aps: {}, extras: { aps: 'x', n: '1' } }],
    [
      'image',
      { body: 'B', imageUrl: 'https://example.com/a.png' },
      { aps: { alert: { body: 'B' }, 'mutable-content': 1 }, imageUrl: 'https://example.com/a.png' },
    ],
    [
      'silence',
      { silent: true, body: 'B', badge: 1, sound: 's', threadId: 't', imageUrl: 'https://e.com/', extras: { n: '1' } },
      { aps: { 'content-available': 1 }, extras: { n: '1' } },
    ],
  ])('maps %s', (_name, part, expected) => {
    expect(valueOf(part)).toEqual(expected);
  });

  it('takes the receipt in beside the extras', () => {
    const { json } = built({ body: '"}', extras: { n: '1' } });
    const value = { aps: { alert: { body: '"}' }, 'mutable-content': 1 }, extras: { n: '1' } };
    expect(JSON.parse(withReceipt(json, RECEIPT))).toEqual({ ...value, [RECEIPT_KEY]: RECEIPT });
    expect(JSON.parse(withReceipt(json, 'a "quoted" one'))).toMatchObject({ [RECEIPT_KEY]: 'a "quoted" one' });
    expect(JSON.parse(withReceipt(json, undefined))).toEqual(value);
  });

  it('keeps the name of the receipt for it', () => {
    expect(payloadOf(message({ body: 'B', extras: { [RECEIPT_KEY]: 'mine' } }))).toEqual({
      outcome: { kind: 'rejected', reason: 'payload.reserved_key', detail: `extras.${RECEIPT_KEY}` },
      issues: [{ field: `/content/extras/${RECEIPT_KEY}`, message: expect.any(String) as string }],
    });
  });

  it('is built once per message', () => {
    const once = message({ body: 'B' });
    expect(payloadOf(once)).toBe(payloadOf(once));
    expect(payloadOf({ ...once })).not.toBe(payloadOf(once));
  });
});

describe('headers', () => {
  it.each<[Partial<PushMessage>, string, number]>([
    [{ body: 'B', priority: 'high' }, 'alert', 10],
    [{ body: 'B', priority: 'normal' }, 'alert', 5],
    [{ silent: true, priority: 'high' }, 'background', 5],
    [{ silent: true, priority: 'normal' }, 'background', 5],
  ])('%j travels as %s with priority %d', (part, pushType, priority) => {
    expect(built(part)).toMatchObject({ pushType, priority });
  });

  it('expire at an absolute second', () => {
    expect(built().expiry).toBe(1_925_089_445);
    expect(built({ expiresAt: new Date(-5000) }).expiry).toBe(0);
  });

  it.each<[string, string | undefined, RegExp]>([
    ['nothing', undefined, /^undefined$/],
    ['64 bytes', 'c'.repeat(64), /^c{64}$/],
    ['65 bytes', 'c'.repeat(65), /^[0-9a-f]{32}$/],
    ['Chinese', '会话', /^[0-9a-f]{32}$/],
    ['a line break', 'a\r\nb', /^[0-9a-f]{32}$/],
  ])('carry a collapse id of %s', (_name, collapseId, expected) => {
    expect(String(built({ collapseId }).collapseId)).toMatch(expected);
  });

  it('tell long collapse ids apart', () => {
    const [a, b] = ['a', 'b'].map((end) => built({ collapseId: 'c'.repeat(70) + end }).collapseId);
    expect(a).not.toBe(b);
  });
});

describe('the limit of 4,096 bytes, receipt included', () => {
  const frame = bytesOf({ body: 'x' }) - 1;

  it('is met exactly', () => {
    const body = 'x'.repeat(4096 - frame);
    expect(valueOf({ body })).toMatchObject({ aps: { alert: { body } } });
    expect([bytesOf({ body }), built({ body }).shortened]).toEqual([4096, false]);
    expect([bytesOf({ body: `${body}x` }), built({ body: `${body}x` }).shortened]).toEqual([4096, true]);
  });

  it.each([
    ['ASCII', 'x'.repeat(5000)],
    ['Chinese', '您'.repeat(1400)],
    ['quotation marks', '"'.repeat(5000)],
    ['control characters', '\u0001'.repeat(5000)],
    ['families', '👨‍👩‍👧‍👦'.repeat(400)],
    ['half a surrogate pair', `${'\ud83d'.repeat(2000)}x`],
  ])('cuts a body of %s', (_name, body) => {
    const value = valueOf({ title: 'T', body, extras: { k: 'v' } }) as { aps: { alert: { body: string } } };
    expect(value).toMatchObject({ aps: { alert: { title: 'T' } }, extras: { k: 'v' } });
    expect(value.aps.alert.body).toMatch(/…$/);
    expect(bytesOf({ title: 'T', body, extras: { k: 'v' } })).toBeLessThanOrEqual(4096);
  });

  it('wastes little of it', () => {
    expect(bytesOf({ body: '您'.repeat(1400) })).toBeGreaterThan(4090);
  });

  it('cuts between characters as people see them', () => {
    const value = valueOf({ body: '👨‍👩‍👧‍👦'.repeat(400) }) as { aps: { alert: { body: string } } };
    expect(value.aps.alert.body).toMatch(/^(?:👨‍👩‍👧‍👦)+…$/u);
  });

  it.each<[field: string, part: Partial<PushMessage>]>([
    ['extras', { body: 'B', extras: { big: 'x'.repeat(4096) } }],
    ['title', { title: 'x'.repeat(4096), body: 'B' }],
    ['deepLink', { silent: true, body: 'x'.repeat(100), deepLink: `a://${'x'.repeat(4096)}` }],
  ])('cannot be met by cutting the body when %s fill it', (field, part) => {
    expect(payloadOf(message(part))).toMatchObject({
      outcome: { kind: 'rejected', reason: 'payload.too_large' },
      issues: [{ field: `/content/${field}` }],
    });
  });
});
