import type { ChannelClient, OutcomeKind, SendItem, SendOutcome } from '@bellhop/contracts';
import { describeChannel, executed, testContext } from '@bellhop/contracts/testing';
import {
  type RongCloudDevice,
  rongCloudUserId,
  type RongCloudSimulator,
  startRongCloudSimulator,
} from '@bellhop/simulators';
import { aMessage, anItem, APP, configFor, itemOf, loadFixture, type PushExample } from '../testing/builders.js';
import { RongCloudChannel } from './rongcloud.channel.js';
import { signedHeaders } from './rongcloud.server.js';

const NEVER = new AbortController().signal;
const UNLIMITED = { quotaPerHour: Infinity, quotaPerDay: Infinity };
const channel = new RongCloudChannel();
let simulator: RongCloudSimulator;

const toUser = (userId: string): SendItem => anItem({ target: { kind: 'vendorUser', userId } });

describeChannel(channel, {
  config: () => configFor([simulator.url]),
  stub: {
    start: async () => {
      simulator = await startRongCloudSimulator({ ...APP, ...UNLIMITED });
    },
    stop: () => simulator.close(),
    hold: () => {
      simulator.hold();
      const { requests } = simulator.counters;
      return { arrived: () => simulator.received(requests + 1), release: () => simulator.release() };
    },
  },
  cases: [
    { item: anItem(), outcome: 'accepted' },
    { item: anItem({ message: aMessage({ body: '' }) }), outcome: 'rejected' },
    { item: toUser('u1'), outcome: 'accepted' },
    { item: toUser(rongCloudUserId('code1002')), outcome: 'rejected' },
    { item: toUser(rongCloudUserId('code1004')), outcome: 'misconfigured' },
    { item: toUser(rongCloudUserId('code1008')), outcome: 'quotaExhausted' },
    { item: toUser(rongCloudUserId('code1009')), outcome: 'misconfigured' },
    { item: toUser(rongCloudUserId('http504')), outcome: 'unknown' },
    { item: anItem(), outcome: 'accepted' },
  ],
  tags: [
    { replacement: { userId: 'u1', tags: ['vip'] }, outcome: 'accepted' },
    { replacement: { userId: 'u2', tags: ['vip,gold'] }, outcome: 'rejected' },
    { replacement: { userId: 'u3', tags: ['vip'] }, outcome: 'accepted' },
  ],
});

describe('RongCloud at the simulator', () => {
  let client: ChannelClient;

  beforeAll(async () => {
    simulator = await startRongCloudSimulator({ ...APP, ...UNLIMITED });
    client = await channel.open(configFor([simulator.url]), testContext());
  });
  beforeEach(() => simulator.reset());
  afterAll(async () => {
    await client.close();
    await simulator.close();
  });

  async function send(item: SendItem): Promise<SendOutcome> {
    return (await client.sender!.send([item], NEVER))[0]!;
  }

  async function postRaw(path: string, body: string): Promise<void> {
    const headers = { ...signedHeaders(APP, '14314', new Date()), 'Content-Type': 'application/json' };
    await fetch(simulator.url + path, { method: 'POST', headers, body });
  }

  describe('sends the examples of the document', () => {
    interface Seed {
      readonly id: string;
      readonly path: string;
      readonly bodyRaw: string;
      readonly body: PushExample;
    }
    const { requests } = loadFixture<{ requests: Seed[] }>('seed-requests.json');
    const pushes = requests.filter(({ path }) => path === '/push.json');

    it('has all of them', () => expect([requests.length, pushes.length]).toEqual([17, 15]));

    it.each(pushes.map((each) => [each.id, each] as const))('%s', async (id, { path, bodyRaw, body }) => {
      const item = itemOf(body)!;
      expect(await send(item)).toMatchObject({ kind: 'accepted', vendorMessageId: simulator.pushes[0]?.id });
      await postRaw(path, bodyRaw);
      const [ours, theirs] = simulator.requests;
      expect(ours?.command).toEqual(theirs?.command);
      expect(ours).toMatchObject({ path, body: { ...body, audience: effectiveOf(body) } });
      expect(channel.inspect(item, configFor([simulator.url])).rendered?.payload).toEqual(ours?.body);
      executed('rongcloud/seed-requests.json', id);
    });

    it('tag-set and tag-batch-set', async () => {
      const tags = ['bj', '男'];
      const replace = (...userIds: string[]) =>
        client.tags!.replace(
          userIds.map((userId) => ({ userId, tags })),
          NEVER,
        );
      expect(await replace('31232')).toEqual([{ kind: 'accepted' }]);
      expect(await replace('id1', 'id2')).toEqual([{ kind: 'accepted' }, { kind: 'accepted' }]);
      const seeds = requests.filter(({ path }) => path !== '/push.json');
      expect(simulator.requests).toMatchObject(seeds.map(({ path, body }) => ({ path, body })));
      executed('rongcloud/seed-requests.json', ...seeds.map(({ id }) => id));
    });

    /** The condition that wins alone, and always said whether everybody is meant. */
    function effectiveOf({ audience = {} }: PushExample): object {
      const { is_to_all = false, userid, ...tags } = audience;
      if (is_to_all) return { is_to_all };
      return userid ? { is_to_all, userid } : { is_to_all, ...tags };
    }
  });

  describe('reaches', () => {
    interface AudienceFile {
      readonly devices: RongCloudDevice[];
      readonly userTags: Record<string, string[]>;
      readonly cases: { id: string; request: PushExample; expectDevices: string[] | null }[];
    }
    const { devices, userTags, cases } = loadFixture<AudienceFile>('audience-resolution.json');

    beforeAll(async () => {
      simulator.directory.addDevices(devices);
      const replacements = Object.entries(userTags).map(([userId, tags]) => ({ userId, tags }));
      const outcomes = await client.tags!.replace(replacements, NEVER);
      expect(outcomes).toEqual(replacements.map(() => ({ kind: 'accepted' })));
    });

    it('has all of its cases', () => expect(cases).toHaveLength(14));

    it.each(cases.map((each) => [each.id, each] as const))('%s', async (id, { request, expectDevices }) => {
      const item = itemOf({ ...request, notification: { alert: 'a' } });
      expect(item === undefined).toBe(expectDevices === null);
      if (item) await send(item);
      const reached = simulator.pushes.flatMap(({ arrivals }) => arrivals.map(({ deviceId }) => deviceId));
      expect(reached).toEqual(expectDevices ?? []);
      executed('rongcloud/audience-resolution.json', id);
    });
  });

  describe('validates before any call', () => {
    interface Case {
      readonly id: string;
      readonly body: PushExample;
      readonly expect: 'ok' | 'reject';
      readonly warn?: string;
    }
    interface TagCase {
      readonly id: string;
      readonly body: { readonly userId?: string; readonly userIds?: readonly string[]; readonly tags: string[] };
      readonly expect: 'ok' | 'reject';
    }
    type Group<T> = Record<'push' | 'broadcast', Case[]> & Record<'tagSet' | 'tagBatchSet', T[]>;
    const file = loadFixture<Group<TagCase>>('validation-cases.json');
    const pushes = [...file.push, ...file.broadcast];
    const tags = [...file.tagSet, ...file.tagBatchSet];

    /** Where the fault lies, in the words of our API. */
    const FIELDS: Readonly<Record<string, string>> = {
      'RC-VAL-P02': '/audience/platforms',
      'RC-VAL-P03': '/audience/platforms',
      'RC-VAL-P05': '/content/body',
      'RC-VAL-P06': '/content/body',
      'RC-VAL-P07': '/content/overrides/ios/body',
      'RC-VAL-P09': '/audience/users',
      'RC-VAL-P10': '/audience/allOf',
      'RC-VAL-M03': '/content/chatMessage/from',
      'RC-VAL-M06': '/content/chatMessage/type',
      'RC-VAL-M07': '/content/chatMessage/content',
      'RC-VAL-M08': '/content/chatMessage/content',
    };
    /** Faults that our words cannot express: a third value of a boolean, a sender without a message, tags that are no list. */
    const INEXPRESSIBLE: ReadonlySet<string> = new Set(['RC-VAL-P12', 'RC-VAL-M04', 'RC-VAL-T11']);
    /** An audience of nobody is no target. */
    const NOBODY = 'RC-VAL-P04';

    it('has all of its cases', () => expect([pushes.length, tags.length]).toEqual([13 + 8, 11 + 3]));

    it.each(pushes.map((each) => [each.id, each] as const))('%s', async (id, { body, expect: expected, warn }) => {
      const item = itemOf(body);
      expect(item === undefined).toBe(id === NOBODY);
      if (!item) return;
      const { issues, warnings } = channel.inspect(item, configFor([simulator.url]));
      const isRefused = expected === 'reject' && !INEXPRESSIBLE.has(id);
      expect(issues.map(({ field }) => field)).toEqual(isRefused ? [FIELDS[id]] : []);
      expect(await send(item)).toMatchObject({ kind: isRefused ? 'rejected' : 'accepted' });
      expect(simulator.counters.requests).toBe(isRefused ? 0 : 1);
      expect(warnings.some((words) => words.startsWith('badge'))).toBe(warn === 'BADGE_IGNORED_ON_ANDROID');
    });

    it.each(tags.map((each) => [each.id, each] as const))('%s', async (id, { body, expect: expected }) => {
      const userIds = body.userIds ?? [body.userId ?? ''];
      const replacements = userIds.map((userId) => ({ userId, tags: [body.tags].flat() }));
      const outcomes = await client.tags!.replace(replacements, NEVER);
      // More people than one call takes are two calls; nobody is none.
      const isRefused = expected === 'reject' && ![...INEXPRESSIBLE, 'RC-VAL-B02', 'RC-VAL-B03'].includes(id);
      const kinds = new Set<OutcomeKind>(outcomes.map(({ kind }) => kind));
      expect([...kinds]).toEqual(userIds.length === 0 ? [] : [isRefused ? 'rejected' : 'accepted']);
      expect(simulator.counters.requests).toBe(isRefused ? 0 : Math.ceil(userIds.length / 1000));
    });
  });

  it('obeys the quota of the vendor', async () => {
    const limited = await startRongCloudSimulator(APP);
    const other = await channel.open(configFor([limited.url]), testContext());
    const kinds: OutcomeKind[] = [];
    for (const item of [anItem(), anItem(), anItem()]) kinds.push((await other.sender!.send([item], NEVER))[0]!.kind);
    await other.close();
    await limited.close();
    expect(kinds).toEqual(['accepted', 'accepted', 'quotaExhausted']);
  });

  it('reads the receipt token in a link that RongCloud’s SDK opens the app with', () => {
    const extra = encodeURIComponent('{"bellhop_receipt":"token"}');
    expect(channel.receiptIn(`rong://cn.example.app/push_message?pushId=p&extra=${extra}`)).toBe('token');
    expect(channel.receiptIn(`https://cn.example.app/push_message?pushId=p&extra=${extra}`)).toBeUndefined();
  });
});
