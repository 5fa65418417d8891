import { RECEIPT_KEY } from '@bellhop/contracts';
import type { ApnsRequest, FcmRequest } from '@bellhop/simulators';
import { ReceiptTokens } from '../../src/core/receipts/receipt-tokens.js';
import { publicId } from '../../src/platform/ids.js';
import { eventually, type Gateways, startGateways, TestPlatform } from '../support/app.js';
import {
  type Arbitrary,
  arbitraryFrom,
  arbitraryNotification,
  PACKAGES,
  TAGS,
} from '../support/arbitrary-notification.js';
import { freshApnsToken, freshFcmToken, Shop } from '../support/shop.js';

interface Payload {
  readonly channel: string;
  readonly platform: string;
  readonly targets: number;
  readonly payload: Record<string, unknown> | null;
  readonly headers: Record<string, string>;
  readonly bytes: number;
  readonly issues: readonly unknown[];
}

interface Explanation {
  readonly targets: number;
  readonly send: number;
  readonly skipped: Record<string, number>;
  readonly payloads: readonly Payload[];
}

interface Counted {
  readonly state: string;
  readonly targets: number;
  readonly counts: { readonly byState: Record<string, number>; readonly byReason: Record<string, number> };
}

/** A push as it left, in the form that payloads of an explanation have here. */
interface Sent {
  readonly channel: string;
  readonly text: string;
}

const NOTIFICATIONS = 1_000;
const AT_ONCE = 20;
const PEOPLE = 30;
/** Printed with every failure, since it stands in the name of the test. */
const SEED = 20_260_115;

describe('POST /v1/notifications/explain', () => {
  let platform: TestPlatform;
  let gateways: Gateways;
  let shop: Shop;
  let random: Arbitrary;

  beforeAll(async () => {
    gateways = await startGateways({ apns: { record: 100_000 }, fcm: { record: 100_000 } });
    platform = await TestPlatform.start();
    // Standing still: what depends on the time of sending is then the same for the explanation.
    platform.setTime(new Date());
    shop = await Shop.open(platform, gateways);
    random = arbitraryFrom(SEED);
    await populate();
  }, 60_000);
  afterAll(async () => {
    await platform?.stop();
    await gateways?.close();
  });

  /** People with devices of both kinds, languages, tags, opt-outs, quiet hours and apps in front. */
  async function populate(): Promise<void> {
    for (let i = 0; i < PEOPLE; i++) {
      const userId = `user_${i}`;
      for (let n = random.int(0, 3); n > 0; n--) {
        const gateway = random.pick(['apns', 'fcm'] as const);
        const token = gateway === 'apns' ? freshApnsToken() : freshFcmToken();
        const locale = random.pick(['zh-CN', 'en', 'fr', null]);
        const appIdentifier = gateway === 'apns' ? 'com.example.shop' : random.pick([...PACKAGES, null]);
        await shop.app.device(userId, gateway, token, { locale, appIdentifier });
      }
      await shop.app.call('PUT', `/v1/users/${userId}/tags`, { tags: random.some(TAGS) });
      if (random.chance(0.3)) {
        const dnd = random.chance(0.5) && { dndStart: '00:00', dndEnd: '23:59' };
        const preferences = { pushEnabled: random.chance(0.8), optedOut: random.some(['orders', 'general']), ...dnd };
        await shop.app.call('PUT', `/v1/users/${userId}/preferences`, preferences);
      }
    }
  }

  const ask = async <T>(path: string, body: unknown): Promise<T> => {
    const reply = await shop.app.call<T>('POST', path, body);
    if (reply.status >= 300) throw new Error(`${path}: ${reply.status} ${JSON.stringify([reply.body, body])}`);
    return reply.body;
  };

  it(`says exactly what ${NOTIFICATIONS} generated notifications do (seed ${SEED})`, async () => {
    const explained = new Map<string, Explanation>();
    for (let from = 0; from < NOTIFICATIONS; from += AT_ONCE) {
      const bodies = Array.from({ length: AT_ONCE }, () => arbitraryNotification(random, PEOPLE));
      await Promise.all(
        bodies.map(async (body) => {
          const explanation = await ask<Explanation>('/v1/notifications/explain', body);
          const { id } = await ask<{ id: string }>('/v1/notifications', body);
          explained.set(id, explanation);
        }),
      );
    }
    expect(explained.size).toBe(NOTIFICATIONS);
    await eventually(async () => {
      const open = await shop.query(`SELECT 1 FROM notification WHERE app_id = $1 AND state <> 'done' LIMIT 1`);
      return open.length === 0;
    }, 60_000);
    const sent = await sentByNotification();
    let pushes = 0;
    for (const [id, explanation] of explained) {
      const { body } = await shop.app.call<Counted>('GET', `/v1/notifications/${id}`);
      const { accepted = 0, skipped = 0, ...others } = body.counts.byState;
      expect({ id, targets: body.targets, accepted, skipped: body.counts.byReason, others }).toEqual({
        id,
        targets: explanation.targets,
        accepted: explanation.send,
        skipped: explanation.skipped,
        others: {},
      });
      expect(skipped).toBe(explanation.targets - explanation.send);
      expect({ id, payloads: tally(sent.get(id) ?? []) }).toEqual({ id, payloads: expected(explanation.payloads) });
      pushes += accepted;
    }
    // Nothing else arrived, and the test looked at something.
    expect(gateways.apns.requests.length + gateways.fcm.requests.length).toBe(pushes);
    expect(pushes).toBeGreaterThan(NOTIFICATIONS);
  }, 120_000);

  it('stores and sends nothing', async () => {
    const before = (await shop.notifications()).length;
    await ask('/v1/notifications/explain', { audience: { everyone: true }, content: { body: 'Hello' } });
    expect((await shop.notifications()).length).toBe(before);
  });

  /** Every push that the simulators got, by the notification that its receipt token leads to. */
  async function sentByNotification(): Promise<Map<string, Sent[]>> {
    const rows = await shop.deliveries();
    const notificationOf = new Map(rows.map((row) => [row.id, publicId('ntf', row.notification_id)]));
    const found = new Map<string, Sent[]>();
    const add = (receipt: string, sent: Sent) => {
      const id = notificationOf.get(platform.app.get(ReceiptTokens).read(receipt)?.deliveryId ?? '') ?? 'nowhere';
      found.set(id, [...(found.get(id) ?? []), sent]);
    };
    for (const request of gateways.apns.requests) add(...apnsSent(request));
    for (const request of gateways.fcm.requests) add(...fcmSent(request));
    return found;
  }
});

function apnsSent({ payload, headers }: ApnsRequest): [receipt: string, sent: Sent] {
  const { [RECEIPT_KEY]: receipt, ...rest } = payload as Record<string, unknown>;
  const own = Object.entries(headers).filter(([name]) => /^apns-(?!id$)/.test(name));
  const bytes = Buffer.byteLength(JSON.stringify(payload));
  const text = stable({
    payload: rest,
    headers: Object.fromEntries(own.map(([name, value]) => [name, String(value)])),
    bytes,
  });
  return [String(receipt), { channel: 'apns', text }];
}

function fcmSent({ message }: FcmRequest): [receipt: string, sent: Sent] {
  const { token: _token, data = {}, ...rest } = message as { token: string; data?: Record<string, string> };
  const { [RECEIPT_KEY]: receipt, ...extras } = data;
  return [String(receipt), { channel: 'fcm', text: stable({ payload: fcmPayload(rest, extras), headers: {} }) }];
}

/** Without the time to live, which FCM counts from the moment of sending, by the real clock. */
function fcmPayload(rest: Record<string, unknown>, data: Record<string, string>): unknown {
  const { android, ...others } = rest as { android?: Record<string, unknown> };
  const { ttl: _ttl, ...kept } = android ?? {};
  return { ...others, ...(android && { android: kept }), data };
}

function expected(payloads: readonly Payload[]): Record<string, number> {
  const texts = payloads.flatMap(({ channel, payload, headers, bytes, targets, issues }) => {
    expect(issues).toEqual([]);
    const { [RECEIPT_KEY]: _receipt, ...rest } = payload ?? {};
    if (channel === 'apns')
      return Array.from({ length: targets }, () => ({ channel, text: stable({ payload: rest, headers, bytes }) }));
    const { message } = payload as { message: Record<string, unknown> };
    const { data = {}, ...others } = message as { data?: Record<string, string> };
    const { [RECEIPT_KEY]: _in, ...extras } = data;
    return Array.from({ length: targets }, () => ({
      channel,
      text: stable({ payload: fcmPayload(others, extras), headers }),
    }));
  });
  return tally(texts);
}

function tally(sent: readonly Sent[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { channel, text } of sent) counts[`${channel} ${text}`] = (counts[`${channel} ${text}`] ?? 0) + 1;
  return counts;
}

/** JSON that does not depend on the order of names. */
function stable(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
