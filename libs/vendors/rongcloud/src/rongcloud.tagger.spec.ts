import type { ChannelClient, SendOutcome, SharedState } from '@bellhop/contracts';
import { MemoryState, testContext } from '@bellhop/contracts/testing';
import { type RongCloudSimulator, rongCloudUserId, startRongCloudSimulator } from '@bellhop/simulators';
import { APP, configFor } from '../testing/builders.js';
import { RongCloudChannel } from './rongcloud.channel.js';

const NEVER = new AbortController().signal;
const SET = '/user/tag/set.json';
const BATCH = '/user/tag/batch/set.json';

describe('tags of RongCloud', () => {
  let simulator: RongCloudSimulator;
  const clients: ChannelClient[] = [];

  beforeAll(async () => {
    simulator = await startRongCloudSimulator(APP);
  });
  beforeEach(() => simulator.reset());
  afterEach(() => Promise.all(clients.splice(0).map((client) => client.close())));
  afterAll(() => simulator.close());

  async function replace(
    tagsByUser: readonly (readonly [userId: string, ...tags: string[]])[],
    { signal = NEVER, shared }: { signal?: AbortSignal; shared?: SharedState } = {},
  ): Promise<readonly SendOutcome[]> {
    const context = testContext(shared && { shared });
    const client = await new RongCloudChannel().open(configFor([simulator.url]), context);
    clients.push(client);
    return client.tags!.replace(
      tagsByUser.map(([userId, ...tags]) => ({ userId, tags })),
      signal,
    );
  }

  const calls = () => simulator.requests.map(({ path, body }) => ({ path, body }));
  const kindsOf = (outcomes: readonly SendOutcome[]) => outcomes.map(({ kind }) => kind);

  it('need one call for all who get the same ones', async () => {
    const outcomes = await replace([['u1', 'a', 'b'], ['u2'], ['u3', 'b', 'a', 'a'], ['u4', 'c']]);
    expect(outcomes).toEqual([1, 2, 3, 4].map(() => ({ kind: 'accepted' })));
    expect(calls()).toEqual([
      { path: BATCH, body: { userIds: ['u1', 'u3'], tags: ['a', 'b'] } },
      { path: SET, body: { userId: 'u2', tags: [] } },
      { path: SET, body: { userId: 'u4', tags: ['c'] } },
    ]);
  });

  it('go to 1,000 people at a time', async () => {
    const users = Array.from({ length: 2001 }, (_, index) => [`u${index}`, 'a'] as const);
    const outcomes = await replace(users);
    expect(new Set(kindsOf(outcomes))).toEqual(new Set(['accepted']));
    expect(simulator.requests.map(({ path }) => path)).toEqual([BATCH, BATCH, SET]);
    expect(simulator.directory.tagsOf('u2000')).toEqual(['a']);
  });

  it('are the last ones that are asked for', async () => {
    expect(
      kindsOf(
        await replace([
          ['u1', 'a'],
          ['u1', 'b,c'],
          ['u1', 'd'],
        ]),
      ),
    ).toEqual(Array(3).fill('accepted'));
    expect(simulator.directory.tagsOf('u1')).toEqual(['d']);
    expect(calls()).toHaveLength(1);
  });

  it('that break a rule keep nobody else’s back', async () => {
    const many = Array.from({ length: 21 }, (_, index) => `t${index}`);
    const outcomes = await replace([
      ['u1', ...many],
      ['u2', 'a'],
      ['u3', 'a', 'vip gold'],
      ['', 'a'],
      ['u5', 'a'],
    ]);
    expect(outcomes).toEqual([
      { kind: 'rejected', reason: 'tags.invalid', detail: 'a person can have at most 20 tags' },
      { kind: 'accepted' },
      { kind: 'rejected', reason: 'tags.invalid', detail: 'tag 2 has a character that tags cannot have' },
      { kind: 'rejected', reason: 'tags.invalid', detail: 'the user id must not be empty' },
      { kind: 'accepted' },
    ]);
    expect(calls()).toEqual([{ path: BATCH, body: { userIds: ['u2', 'u5'], tags: ['a'] } }]);
  });

  it('of 20, one of them given twice, are 20', async () => {
    const tags = Array.from({ length: 20 }, (_, index) => `t${index}`);
    expect(kindsOf(await replace([['u1', ...tags, 't0']]))).toEqual(['accepted']);
  });

  it('that the vendor refuses or fails at are a matter of those people alone', async () => {
    const failing = [rongCloudUserId('code1000'), rongCloudUserId('code1002')] as const;
    const outcomes = await replace([
      [failing[0], 'a'],
      [failing[1], 'b'],
      ['u3', 'c'],
    ]);
    expect(kindsOf(outcomes)).toEqual(['transient', 'rejected', 'accepted']);
  });

  it.each([
    ['code1004', 'misconfigured'],
    ['code1008', 'throttled'],
    ['lost', 'transient'],
  ])('are asked for no further after %s', async (step, kind) => {
    const outcomes = await replace([
      ['u1', 'a'],
      [rongCloudUserId(step), 'b'],
      ['u3', 'c'],
      ['u4', 'x y'],
    ]);
    expect(kindsOf(outcomes)).toEqual(['accepted', kind, kind, 'rejected']);
    expect(simulator.counters.requests).toBe(2);
  });

  it('wait for a near slot that all processes share', async () => {
    const waits = [20, 3, 0];
    const asked: string[] = [];
    const shared: SharedState = {
      cached: () => Promise.reject(new Error('nothing to fetch')),
      takeSlot: async (bucket, everyMs) => {
        asked.push(`${bucket} every ${everyMs} ms`);
        return waits.shift() ?? 0;
      },
    };
    expect(kindsOf(await replace([['u1'], ['u2']], { shared }))).toEqual(['accepted', 'accepted']);
    expect(asked).toEqual(Array(3).fill('rongcloud.tag-batch-set every 100 ms'));
  });

  it('are put off where slots are taken for longer', async () => {
    const shared = new MemoryState();
    await shared.takeSlot('rongcloud.tag-set', 5000);
    const [outcome] = await replace([['u1']], { shared });
    expect(outcome).toMatchObject({ kind: 'throttled', scope: 'channel', reason: 'rate.own_limit' });
    expect((outcome as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(4000);
    expect(simulator.counters.requests).toBe(0);
  });

  it('are not set for somebody who has gone while they waited', async () => {
    const shared = new MemoryState();
    await shared.takeSlot('rongcloud.tag-set', 5);
    const abort = new AbortController();
    const replacing = replace([['u1']], { shared, signal: abort.signal });
    abort.abort();
    expect(kindsOf(await replacing)).not.toContain('accepted');
    expect(simulator.counters.requests).toBe(0);
  });

  it('keep within the rates of the vendor', async () => {
    const strict = await startRongCloudSimulator({ ...APP, tagRates: { single: 100, batch: 10 } });
    const client = await new RongCloudChannel().open(configFor([strict.url]), testContext());
    clients.push(client);
    const replacements = Array.from({ length: 30 }, (_, index) => ({ userId: `u${index}`, tags: [`t${index}`] }));
    expect(new Set(kindsOf(await client.tags!.replace(replacements, NEVER)))).toEqual(new Set(['accepted']));
    await strict.close();
  });
});
