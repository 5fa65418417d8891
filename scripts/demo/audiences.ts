import { RECEIPT_KEY } from '@bellhop/contracts';
import { CUSTOMER, DEMO_PEOPLE, FRIEND } from '../../src/sandbox/demo-people.js';
import { reached, tokensOf } from './people.js';
import { type Arrival, newMark, type Section, type Stage } from './stage.js';
import { say } from './words.js';

interface Preview {
  readonly users: number;
  readonly devices: number;
  readonly platforms: readonly { readonly platform: string; readonly devices: number }[];
}

interface Explanation {
  readonly send: number;
  readonly payloads: readonly {
    readonly channel: string;
    readonly targets: number;
    readonly payload: Readonly<Record<string, unknown>>;
    readonly bytes: number;
  }[];
}

const NORTH_OR_SOUTH = { allOf: ['demo-vip'], anyOf: ['beijing', 'shanghai'] };

export const AUDIENCES: Section = {
  title: 'Tags, audiences and a broadcast to them',
  async play(stage) {
    await tag(stage);
    const { users, devices, platforms } = await stage.api<Preview>('POST', '/v1/audiences/preview', {
      audience: NORTH_OR_SOUTH,
    });
    say(
      `  preview: ${users} people, ${platforms.map((one) => `${one.devices} ${one.platform}`).join(' and ')} devices`,
    );
    stage.equal(
      '"demo-vip and (beijing or shanghai)" is two of three people with four devices',
      [users, devices],
      [2, 4],
    );
    await broadcast(stage);
  },
};

/** Sets what the sandbox sets, whatever has been tried since. */
async function tag(stage: Stage): Promise<void> {
  const userIds = DEMO_PEOPLE.map(({ userId }) => userId);
  await stage.api('POST', '/v1/tags/batch', { userIds, tags: ['demo-vip'] });
  for (const { userId, tags } of DEMO_PEOPLE) {
    await stage.api('PUT', `/v1/users/${userId}/tags`, { tags });
    say(`  ${userId}: ${tags.join(', ')}`);
  }
}

async function broadcast(stage: Stage): Promise<void> {
  const extras = { demo: newMark() };
  const content = { title: '会员日', body: '今天全场八折', deepLink: 'shop://sale', extras };
  const body = { audience: NORTH_OR_SOUTH, content };
  const explained = await stage.api<Explanation>('POST', '/v1/notifications/explain', body);
  for (const { channel, targets, bytes } of explained.payloads)
    say(`  explain: ${channel}, ${targets} devices, ${bytes} bytes each`);
  stage.equal('explain sends nothing', (await stage.arrivals(extras.demo)).length, 0);
  const { id } = await stage.api<{ id: string }>('POST', '/v1/notifications', body);
  const { counts } = await stage.ended(id);
  stage.equal('sent to as many as explain said', counts.byState, { accepted: explained.send });
  const arrivals = await stage.arrivals(extras.demo);
  stage.equal('arrived on exactly their devices', reached(arrivals), tokensOf(CUSTOMER, FRIEND));
  const said = explained.payloads.map(({ channel, payload }) => [channel, comparable(payload)]);
  const isAsSaid = arrivals.every((arrival) =>
    said.some(([gateway, text]) => gateway === arrival.gateway && text === comparable(arrival.payload)),
  );
  stage.check('every payload is the one of explain, apart from token, receipt and seconds left', isAsSaid);
}

/** What differs from device to device, or from moment to moment. */
const OWN_KEYS: ReadonlySet<string> = new Set(['token', RECEIPT_KEY, 'ttl']);

function comparable(payload: Arrival['payload']): string {
  return JSON.stringify(payload.message ?? payload, (key, value: unknown) => (OWN_KEYS.has(key) ? undefined : value));
}

export const OVERRIDES: Section = {
  title: 'One notification, two platforms',
  async play(stage) {
    const ios = { title: 'On iPhones', body: 'With a number', badge: 7 };
    const android = { body: 'On Android' };
    const { id, mark } = await stage.notify({
      audience: { users: [CUSTOMER.userId] },
      content: { title: 'For all', body: 'For all', overrides: { ios, android } },
    });
    await stage.ended(id);
    const arrivals = await stage.arrivals(mark);
    const [apns, fcm] = (['apns', 'fcm'] as const).map((gateway) => arrivals.find((one) => one.gateway === gateway));
    const { alert, badge } = (apns?.payload.aps ?? {}) as { alert?: object; badge?: number };
    stage.equal('the iPhone shows its own title, body and badge', { ...alert, badge }, ios);
    stage.equal('the Android phone shows its own body under the common title', fcm?.payload.notification, {
      title: 'For all',
      ...android,
    });
  },
};
