import { randomBytes } from 'node:crypto';
import { TRAVELLER } from '../../src/sandbox/demo-people.js';
import { NIM_SENDER } from '../../src/sandbox/demo-vendors.js';
import { type Delivery, newMark, type Request, type Section, type Stage } from './stage.js';
import { say, until } from './words.js';

interface Call {
  readonly path: string;
  readonly answer: string;
  readonly command?: {
    readonly kind: string;
    readonly mode?: string;
    readonly audience?: object;
    readonly userIds?: readonly string[];
    readonly tags?: readonly string[];
  };
}

interface Quota {
  readonly rules: readonly { readonly id: string; readonly limit: number; readonly used: number }[];
  readonly nextAt: string | null;
}

export const TAG_MIRROR: Section = {
  title: 'RongCloud has our tags',
  async play(stage) {
    const { integrationId } = stage.sandbox.vendors.rongcloud;
    const { userId } = TRAVELLER;
    const mark = newMark();
    await stage.api('PUT', `/v1/users/${userId}/tags`, { tags: [...TRAVELLER.tags, mark] });
    const [call] = await until('the tags are mirrored', async () => {
      const calls = await stage.requests<Call>('rongcloud', mark);
      return calls.length > 0 ? calls : undefined;
    });
    stage.equal(
      'a change here is written there',
      [call?.command?.userIds, call?.command?.tags],
      [[userId], [...TRAVELLER.tags, mark]],
    );
    await stage.api('PUT', `/v1/users/${userId}/tags`, { tags: TRAVELLER.tags });
    const mirror = await until('nothing waits', async () => {
      const seen = await stage.api<{ waiting: number; failed: object[] }>(
        'GET',
        `/v1/integrations/${integrationId}/tag-mirror`,
      );
      return seen.waiting === 0 ? seen : undefined;
    });
    stage.equal('nothing waits and nothing was refused', [mirror.waiting, mirror.failed], [0, []]);
  },
};

export const DELEGATION: Section = {
  title: 'RongCloud finds the devices: two calls an hour',
  async play(stage) {
    const { channel, appKey } = await addChannel(stage);
    const calls = () => stage.requests<Call>('rongcloud', appKey);
    try {
      await push(stage, channel, calls);
      await broadcastMessage(stage, channel, calls);
      await exceed(stage, channel, calls);
    } finally {
      await stage.api('POST', `/v1/integrations/${channel}/pause`, { detail: 'The demo is over.' });
    }
  },
};

/** RongCloud counts by App Key: with one of its own, every run has the whole quota. */
async function addChannel(stage: Stage): Promise<{ channel: string; appKey: string }> {
  const app = { appKey: newMark(), appSecret: randomBytes(16).toString('hex') };
  await stage.rules('rongcloud', { apps: [app] });
  const { integrationId } = stage.sandbox.vendors.rongcloud;
  const seeded = await stage.api<{ config: { baseUrls: string[] } }>('GET', `/v1/integrations/${integrationId}`);
  const { id } = await stage.api<{ id: string }>('POST', '/v1/integrations', {
    plugin: 'rongcloud',
    name: `RongCloud (${app.appKey})`,
    config: { ...app, baseUrls: seeded.config.baseUrls },
  });
  return { channel: id, appKey: app.appKey };
}

type Calls = () => Promise<Call[]>;

async function push(stage: Stage, channel: string, calls: Calls): Promise<void> {
  const body = {
    channel,
    audience: { allOf: ['demo-vip'], anyOf: ['beijing', 'shanghai'] },
    content: { title: '会员日', body: '今天全场八折', badge: 3 },
  };
  const explained = await stage.api<{ quota: Quota }>('POST', '/v1/notifications/explain', body);
  say(`  quota before: ${usedOf(explained.quota)}`);
  const before = await stage.counters<{ arrivals: number }>('rongcloud');
  await send(stage, body);
  const [call] = await calls();
  const { arrivals } = await stage.counters<{ arrivals: number }>('rongcloud');
  stage.equal(
    'a push to tags is one call',
    [call?.answer, call?.command?.mode, call?.command?.audience],
    ['200', 'push', { tagsAll: ['demo-vip'], tagsAny: ['beijing', 'shanghai'] }],
  );
  stage.equal('RongCloud finds the four devices by the tags it has from us', arrivals - before.arrivals, 4);
}

async function broadcastMessage(stage: Stage, channel: string, calls: Calls): Promise<void> {
  const chatMessage = { from: NIM_SENDER, type: 'RC:TxtMsg', content: JSON.stringify({ content: '新品上架' }) };
  await send(stage, { channel, audience: { everyone: true }, content: { body: '新品上架', chatMessage } });
  const call = (await calls()).at(-1);
  stage.equal(
    'a broadcast message to everyone is one call',
    [call?.answer, call?.command?.mode, call?.command?.audience],
    ['200', 'broadcast', { all: true }],
  );
}

/** The third call of the hour. */
async function exceed(stage: Stage, channel: string, calls: Calls): Promise<void> {
  const body = { channel, audience: { everyone: true }, content: { body: '一小时内的第三条' } };
  const { id } = await stage.api<{ id: string }>('POST', '/v1/notifications', body);
  const held = await until('the third one is held', async () => {
    const [delivery] = await stage.deliveries(id);
    return delivery?.state === 'held' ? delivery : undefined;
  });
  const quota = await stage.api<Quota>('GET', `/v1/integrations/${channel}/quota`);
  say(`  quota now: ${usedOf(quota)}; the next slot is at ${quota.nextAt}`);
  stage.equal('the third call of the hour is held for the next slot', slotOf(held), ['quota_exhausted', quota.nextAt]);
  const refused = await stage.call<{ code: string }>('POST', '/v1/notifications', { ...body, onQuota: 'reject' });
  const seconds = Number(refused.headers.get('retry-after'));
  stage.check(
    `or refused, as the caller likes: ${refused.status} ${refused.body.code}, Retry-After ${seconds} s`,
    refused.status === 429 && seconds > 0 && seconds <= 3600,
  );
  const [latest] = (await stage.api<{ data: { id: string }[] }>('GET', '/v1/notifications?limit=1')).data;
  stage.equal('then nothing of it is stored', latest?.id, id);
  stage.equal('RongCloud saw two calls', (await calls()).length, 2);
  await stage.api('POST', `/v1/notifications/${id}/cancel`);
  const { counts } = await stage.notification(id);
  stage.equal('what is held can be cancelled', counts.byState, { cancelled: 1 });
}

async function send(stage: Stage, body: Request): Promise<void> {
  const { id } = await stage.api<{ id: string }>('POST', '/v1/notifications', body);
  await stage.ended(id);
}

const slotOf = ({ reason, notBefore }: Delivery): unknown[] => [reason, notBefore];
const usedOf = ({ rules }: Quota): string =>
  rules.map(({ id, used, limit }) => `${used} of ${limit} per ${id}`).join(', ');
