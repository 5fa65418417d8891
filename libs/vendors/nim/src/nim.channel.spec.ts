import {
  type ActionResult,
  type ChannelClient,
  type ChannelContext,
  type OutcomeKind,
  readConfig,
  RECEIPT_KEY,
  type SendItem,
  type SharedState,
} from '@bellhop/contracts';
import { type ChannelStub, describeChannel, MemoryState, testContext } from '@bellhop/contracts/testing';
import { type NimSimulator, startNimSimulator } from '@bellhop/simulators';
import { aMessage, anItem, anItemFor, APP, configFor, withOptions } from '../testing/builders.js';
import { NimChannel } from './nim.channel.js';
import { BroadcastMessageInput, DesktopPushInput } from './nim.inputs.js';
import type { NimConfig } from './nim.manifest.js';

const NEVER = new AbortController().signal;
const ACCOUNTS = Array.from({ length: 1001 }, (_, i) => `user${i}`);
const text = (msg: string) => ({ from: 'kf_bot', type: '0', content: JSON.stringify({ msg }) });
/** As fast as it gets. */
const noWaiting: SharedState = Object.assign(new MemoryState(), { takeSlot: () => Promise.resolve(0) });

describe('NIM as a way to people', () => {
  let simulator: NimSimulator;
  const clients: ChannelClient[] = [];

  beforeAll(async () => {
    const accounts = ['kf_bot', 'other_bot', ...ACCOUNTS];
    simulator = await startNimSimulator({ ...APP, accounts, teams: { t1: ['kf_bot', 'user1', 'user2'] } });
  });
  beforeEach(() => simulator.reset());
  afterEach(() => Promise.all(clients.splice(0).map((client) => client.close())));
  afterAll(() => simulator.close());

  async function open(
    changes: Partial<NimConfig> = {},
    context: Partial<ChannelContext> = { shared: noWaiting },
  ): Promise<ChannelClient> {
    const client = await new NimChannel().open(configFor(changes, simulator), testContext(context));
    clients.push(client);
    return client;
  }

  const send = async (items: readonly SendItem[], changes: Partial<NimConfig> = {}) =>
    (await open(changes)).sender!.send(items, NEVER);
  const inspect = (item: SendItem, changes: Partial<NimConfig> = {}) =>
    new NimChannel().inspect(item, configFor(changes, simulator), new Date()).rendered;
  const calls = () => simulator.requests.map(({ path }) => path.split('/').at(-1));

  it('sends a custom notification', async () => {
    const message = aMessage({ title: '客服', body: '您好', sound: 'ding.caf', extras: { ticket: '42' } });
    expect(await send([anItem('user1', message)])).toEqual([{ kind: 'accepted' }]);
    expect(calls()).toEqual(['sendAttachMsg.action']);
    expect(simulator.pushes).toMatchObject([
      { accid: 'user1', from: 'kf_bot', text: '您好', sound: 'ding.caf', nick: false, forced: false },
    ]);
    expect(simulator.pushes[0]?.payload).toEqual({ pushTitle: '客服', ticket: '42' });
    const { attach } = simulator.requests[0]!.params as { attach: string };
    expect(JSON.parse(attach)).toEqual({ title: '客服', body: '您好', extras: { ticket: '42' } });
  });

  it('sends a text of the conversation, with the digits of its id', async () => {
    const outcomes = await send([anItem('user1', aMessage({ body: '您好' }))], { mode: 'message' });
    expect(outcomes).toEqual([{ kind: 'accepted', vendorMessageId: simulator.pushes[0]?.messageId }]);
    expect(BigInt(simulator.pushes[0]!.messageId)).toBeGreaterThan(BigInt(Number.MAX_SAFE_INTEGER));
    expect(simulator.pushes).toMatchObject([{ text: '您好', nick: true }]);
  });

  it('sends a chat message from whom it names', async () => {
    const chatMessage = { ...text('hello'), from: 'other_bot' };
    await send([anItem('user1', aMessage({ body: '发来了一条消息', chatMessage }))], { sender: undefined });
    expect(simulator.pushes).toMatchObject([{ from: 'other_bot', text: '发来了一条消息', via: 'sendMsg' }]);
  });

  it('overrides do-not-disturb by a notification', async () => {
    await send([anItem('user1', withOptions({ forcePushContent: '紧急通知' }, { body: '紧急', forced: true }))]);
    expect(simulator.pushes).toMatchObject([{ forced: true, text: '紧急通知' }]);
  });

  it('tells a team once, and forces whom it names', async () => {
    const team = { tid: 't1', forcePushList: ['user2'], forcePushContent: '有人@你' };
    const message = withOptions({ team }, { body: '群消息', chatMessage: text('@a') });
    expect(await send([anItem('t1', message)])).toMatchObject([{ kind: 'accepted' }]);
    expect(simulator.requests).toHaveLength(1);
    expect(simulator.pushes.map(({ accid, text, forced }) => [accid, text, forced])).toEqual([
      ['user1', '群消息', false],
      ['user2', '有人@你', true],
    ]);
  });

  it('says nothing on phones when a message is not to be pushed', async () => {
    await send([anItem('user1', withOptions({ push: false }, { body: 'hello' }))], { mode: 'message' });
    expect(simulator.counters).toMatchObject({ accepted: 1, pushes: 0 });
  });

  describe('and receipts', () => {
    const message = aMessage();
    const items = ['user1', 'user2', 'user3'].map((accid) => anItem(accid, message, `receipt-of-${accid}`));

    it('gives each person a call and a receipt of their own', async () => {
      expect((await send(items)).map(({ kind }) => kind)).toEqual(['accepted', 'accepted', 'accepted']);
      expect(calls()).toEqual(Array.from(items, () => 'sendAttachMsg.action'));
      for (const { accid, payload } of simulator.pushes) {
        expect(payload).toEqual({ [RECEIPT_KEY]: `receipt-of-${accid}` });
      }
    });

    it('leaves them out where people share a call', async () => {
      expect((await send(items, { receipts: false })).map(({ kind }) => kind)).toEqual(items.map(() => 'accepted'));
      expect(calls()).toEqual(['sendBatchAttachMsg.action']);
      expect(simulator.requests[0]?.bodyRaw).not.toContain('receipt');
      expect(simulator.pushes).toHaveLength(3);
    });

    it('shows and sends none where they are off', async () => {
      const everyone = anItemFor({ kind: 'everyone', platforms: ['ios'] }, message, 'receipt-of-all');
      const shown = (receipts: boolean) =>
        JSON.stringify([items[0]!, everyone].map((item) => inspect(item, { receipts, pushToAll: true })));
      expect(shown(true).match(/receipt-of-(?:user1|all)/g)).toEqual(['receipt-of-user1', 'receipt-of-all']);
      expect(shown(false)).not.toContain('receipt');
      await send([everyone], { receipts: false, pushToAll: true });
      expect(simulator.requests[0]?.bodyRaw).not.toContain('receipt');
    });

    it('shares calls only among those without', async () => {
      const mixed = [items[0]!, anItem('user4', message), items[1]!, anItem('user5', message)];
      expect(await send(mixed)).toHaveLength(4);
      expect(calls()).toEqual(['sendAttachMsg.action', 'sendAttachMsg.action', 'sendBatchAttachMsg.action']);
      const pushed = new Map(simulator.pushes.map(({ accid, payload }) => [accid, payload?.[RECEIPT_KEY]]));
      expect(Object.fromEntries(pushed)).toEqual({
        user1: 'receipt-of-user1',
        user2: 'receipt-of-user2',
        user4: undefined,
        user5: undefined,
      });
    });
  });

  describe('in batches', () => {
    const message = aMessage();
    const sizes = () =>
      simulator.requests.map(
        ({ params }) => (JSON.parse((params?.['toAccids'] as string) ?? '[0]') as unknown[]).length,
      );
    const to = (count: number) => ACCOUNTS.slice(0, count).map((accid) => anItem(accid, message));

    it.each<[count: number, settings: Partial<NimConfig>, sizes: number[]]>([
      [500, {}, [500]],
      [501, {}, [500, 1]],
      [1001, {}, [500, 500, 1]],
      [500, { mode: 'message', messageIds: false }, [500]],
      [100, { mode: 'message' }, [100]],
      [101, { mode: 'message' }, [100, 1]],
    ])('%d people with %j become calls for %j', async (count, settings, expected) => {
      const outcomes = await send(to(count), settings);
      expect(outcomes.filter(({ kind }) => kind === 'accepted')).toHaveLength(count);
      expect(sizes().sort((a, b) => b - a)).toEqual(expected);
      expect(new Set(simulator.pushes.map(({ accid }) => accid)).size).toBe(count);
    });

    it('give everybody the id of their own message', async () => {
      const outcomes = await send(to(101), { mode: 'message' });
      const ids = new Map(simulator.pushes.map(({ accid, messageId }) => [accid, messageId]));
      expect(outcomes).toEqual(
        to(101).map(({ target }) => ({
          kind: 'accepted',
          vendorMessageId: ids.get((target as { userId: string }).userId),
        })),
      );
    });

    it.each([false, true])('refuse those only who are not registered (as text: %p)', async (unregisterAsText) => {
      const other = await startNimSimulator({ ...APP, accounts: ['kf_bot', 'user1'], unregisterAsText });
      const client = await new NimChannel().open(configFor({}, other), testContext());
      const items = ['ghost', 'user1', 'phantom'].map((accid) => anItem(accid, message));
      expect(await client.sender!.send(items, NEVER)).toMatchObject([
        { kind: 'rejected', reason: 'account.unknown' },
        { kind: 'accepted' },
        { kind: 'rejected', reason: 'account.unknown' },
      ]);
      await other.close();
    });

    it('keep different messages apart, and the order of the outcomes', async () => {
      const second = aMessage({ body: 'another' });
      const items = [
        anItem('user1', message),
        anItem('ghost', second),
        anItem('user2', second),
        anItem('ghost', message),
      ];
      expect((await send(items)).map(({ kind }) => kind)).toEqual(['accepted', 'rejected', 'accepted', 'rejected']);
      expect(calls()).toHaveLength(2);
    });

    it('name an account once', async () => {
      const items = [anItem('user1', message), anItem('user1', message), anItem('user2', message)];
      expect((await send(items)).map(({ kind }) => kind)).toEqual(['accepted', 'accepted', 'accepted']);
      expect(simulator.pushesTo('user1')).toHaveLength(1);
    });
  });

  describe('and everyone', () => {
    const everyone = anItemFor({ kind: 'everyone', platforms: ['ios', 'android'] }, aMessage({ body: '维护公告' }));

    it('are told through v2 where that is allowed', async () => {
      const [outcome] = await send([everyone], { pushToAll: true });
      expect(outcome).toEqual({ kind: 'accepted', vendorMessageId: simulator.pushes[0]?.messageId });
      expect(simulator.requests).toMatchObject([{ method: 'POST', path: '/im/v2/push_notification' }]);
      expect(simulator.pushes).toHaveLength(ACCOUNTS.length + 2);
      expect(simulator.pushesTo('user7')).toMatchObject([{ text: '维护公告', targetOs: ['ios', 'aos'], nick: false }]);
    });

    it('are not told otherwise', async () => {
      expect(await send([everyone])).toMatchObject([
        { kind: 'rejected', detail: '/audience/everyone: is switched off (pushToAll)' },
      ]);
      expect(simulator.requests).toEqual([]);
    });

    it('are not told twice when nobody knows whether they were', async () => {
      simulator.script('*', ['lost']);
      expect(await send([everyone], { pushToAll: true })).toMatchObject([{ kind: 'unknown' }]);
      expect(simulator.requests).toHaveLength(1);
    });
  });

  it('needs a sender', async () => {
    expect(await send([anItem('user1')], { sender: undefined })).toMatchObject([
      { kind: 'misconfigured', reason: 'sender.missing', field: 'sender' },
    ]);
    expect(simulator.requests).toEqual([]);
  });

  it('refuses what could never be sent, and sends the others', async () => {
    const device = {
      kind: 'device',
      token: 't',
      identifier: 'token',
      platform: 'ios',
      environment: 'unknown',
    } as const;
    const items = [
      { ...anItem('user1'), target: device },
      anItem('user1', aMessage({ silent: true })),
      anItem('user1'),
      anItemFor({ kind: 'tags', allOf: ['vip'], anyOf: [], platforms: ['ios'] }, aMessage()),
    ];
    expect(await send(items)).toMatchObject([
      { kind: 'rejected', detail: '/audience: NIM addresses accounts, not devices' },
      { kind: 'rejected', detail: '/content/silent: NIM sends no silent pushes' },
      { kind: 'accepted' },
      { kind: 'rejected', detail: '/audience: NIM knows accounts and everyone' },
    ]);
    expect(simulator.requests).toHaveLength(1);
  });

  it.each<[step: number | 'antispam', kind: OutcomeKind, rest: object]>([
    ['antispam', 'rejected', { reason: 'content.blocked' }],
    [404, 'rejected', { reason: 'account.unknown', vendorCode: '404' }],
    [503, 'transient', { vendorCode: '503' }],
    [500, 'unknown', { vendorCode: '500' }],
    [315, 'misconfigured', { vendorCode: '315' }],
  ])('calls %p %s', async (step, kind, rest) => {
    simulator.script('user1', [step]);
    expect(await send([anItem('user1')], { mode: 'message' })).toMatchObject([{ kind, ...rest }]);
  });

  it('does not repeat a message whose fate is unknown', async () => {
    simulator.script('user1', ['lost']);
    expect(await send([anItem('user1')])).toMatchObject([{ kind: 'unknown' }]);
    expect(simulator.pushesTo('user1')).toHaveLength(1);
  });

  describe('within the rate', () => {
    const items = (count: number) => ACCOUNTS.slice(0, count).map((accid) => anItem(accid, aMessage()));

    it('takes a slot for every call, 50 a second, of messages as many as the plan allows', async () => {
      const taken: [string, number][] = [];
      const shared = Object.assign(new MemoryState(), {
        takeSlot: (bucket: string, everyMs: number) => Promise.resolve(taken.push([bucket, everyMs]) && 0),
      });
      await (await open({}, { shared })).sender!.send(items(2), NEVER);
      await (await open({ mode: 'message', ratePerSecond: 500 }, { shared })).sender!.send(items(1), NEVER);
      await (await open({ ratePerSecond: 10 }, { shared })).check(NEVER);
      expect(taken).toEqual([
        ['nim.others', 20],
        ['nim.others', 20],
        ['nim.sendMsg', 2],
        ['nim.others', 100],
      ]);
    });

    it('waits for slots that come soon', async () => {
      const outcomes = await (await open({ ratePerSecond: 200, mode: 'message' }, {})).sender!.send(items(5), NEVER);
      expect(outcomes.map(({ kind }) => kind)).toEqual(Array.from(outcomes, () => 'accepted'));
    });

    it('hands back what would wait for long, one after the other', async () => {
      const shared = Object.assign(new MemoryState(), { takeSlot: () => Promise.resolve(60_000) });
      const outcomes = await (await open({}, { shared })).sender!.send(items(3), NEVER);
      const held = { kind: 'throttled', scope: 'channel', reason: 'rate.no_slot' };
      expect(outcomes).toEqual([
        { ...held, retryAfterMs: 60_000 },
        { ...held, retryAfterMs: 60_020 },
        { ...held, retryAfterMs: 60_040 },
      ]);
      expect(simulator.requests).toEqual([]);
    });

    it('hands back what it cannot count, and keeps what was sent', async () => {
      let slots = 1;
      const takeSlot = () => (slots-- > 0 ? Promise.resolve(0) : Promise.reject(new Error('no database')));
      const shared = Object.assign(new MemoryState(), { takeSlot });
      const outcomes = await (await open({}, { shared })).sender!.send(items(2), NEVER);
      expect(outcomes.map(({ kind }) => kind)).toEqual(['accepted', 'transient']);
    });

    it('stops when NIM says that it was too fast', async () => {
      const slow = await startNimSimulator({ ...APP, accounts: ['kf_bot', ...ACCOUNTS], ratePerSecond: 20 });
      const client = await new NimChannel().open(
        configFor({ mode: 'message' }, slow),
        testContext({ shared: noWaiting }),
      );
      const outcomes = await client.sender!.send(items(200), NEVER);
      const counts = Map.groupBy(outcomes, ({ kind }) => kind);
      expect([counts.get('accepted')?.length, counts.get('throttled')?.length]).toEqual([20, 180]);
      expect(counts.get('throttled')?.[0]).toMatchObject({ scope: 'channel', retryAfterMs: 10_000, vendorCode: '416' });
      // Those under way when the first refusal came, and no other.
      expect(slow.counters.requests).toBeLessThanOrEqual(20 + 16);
      await slow.close();
    });

    it('gives the rest up with the call', async () => {
      const abort = new AbortController();
      const shared = Object.assign(new MemoryState(), {
        takeSlot: () => {
          abort.abort();
          return Promise.resolve(5000);
        },
      });
      const outcomes = await (await open({}, { shared })).sender!.send(items(2), abort.signal);
      expect(outcomes).toEqual(Array.from(outcomes, () => ({ kind: 'transient', reason: 'send.aborted' })));
    });
  });

  it('stops at the first word against the credentials', async () => {
    const items = ACCOUNTS.slice(0, 100).map((accid) => anItem(accid, aMessage()));
    const outcomes = await send(items, { appSecret: 'another' });
    expect(outcomes.filter(({ kind }) => kind === 'misconfigured')).toHaveLength(100);
    // Each of those under way asks twice.
    expect(simulator.counters.requests).toBeLessThanOrEqual(2 * 16);
  });

  describe('when it is tested', () => {
    it('knows its sender, and tells nobody', async () => {
      expect(await (await open()).check(NEVER)).toMatchObject({ ok: true });
      expect(calls()).toEqual(['userOnlineStatus.action']);
      expect(simulator.pushes).toEqual([]);
    });

    it.each<[settings: Partial<NimConfig>, result: object]>([
      [{ sender: 'ghost' }, { ok: false, code: 'account.unknown', field: 'sender' }],
      [{ sender: undefined }, { ok: true, detail: expect.stringContaining('without a sender') as string }],
      [{ appSecret: 'another' }, { ok: false, code: 'credentials.refused', field: 'appSecret' }],
      [{ appKey: 'another' }, { ok: false, code: 'credentials.refused' }],
    ])('with %j says so', async (settings, result) => {
      expect(await (await open(settings)).check(NEVER)).toMatchObject(result);
    });

    it('takes a look-up that is forbidden for good credentials', async () => {
      simulator.script('*', [403]);
      expect(await (await open()).check(NEVER)).toMatchObject({ ok: true });
    });
  });

  describe('performs', () => {
    const perform = async (id: string, input: object): Promise<ActionResult> =>
      (await open()).actions![id]!(input, NEVER);

    it.each(['v1', 'v2'] as const)('the desktop switch by %s, in one sense', async (api) => {
      for (const push of [true, false]) {
        const input = readConfig(DesktopPushInput, { accid: 'user1', push, api });
        expect(await perform('set-desktop-push', input)).toEqual({ ok: true, data: {} });
        expect(simulator.pushWhenDesktopOnline.get('user1')).toBe(push);
      }
    });

    it('the desktop switch of nobody', async () => {
      const input = readConfig(DesktopPushInput, { accid: 'ghost', push: true });
      expect(await perform('set-desktop-push', input)).toMatchObject({
        ok: false,
        outcome: { reason: 'account.unknown' },
      });
    });

    it('a broadcast message', async () => {
      const input = readConfig(BroadcastMessageInput, { body: '维护公告', systems: ['ios'] });
      const result = await perform('broadcast-message', input);
      expect(result).toEqual({ ok: true, data: { broadcastId: expect.stringMatching(/^90071992547\d+$/) as string } });
      expect(simulator.requests[0]?.params).toEqual({ body: '维护公告', from: 'kf_bot', targetOs: '["ios"]' });
    });
  });

  it('closes after what is under way', async () => {
    const client = await open();
    simulator.hold();
    const order: string[] = [];
    const sending = client.sender!.send([anItem('user1')], NEVER).then(() => order.push('sent'));
    await simulator.received(1);
    const closing = client.close().then(() => order.push('closed'));
    simulator.release();
    await Promise.all([sending, closing]);
    expect(order).toEqual(['sent', 'closed']);
  });

  it('is closed for good', async () => {
    const client = await open();
    await client.close();
    expect(await client.sender!.send([anItem('user1')], NEVER)).toEqual([
      { kind: 'transient', reason: 'channel.closed' },
    ]);
    expect(await client.check(NEVER)).toMatchObject({ ok: false, code: 'channel.closed' });
  });

  it('shows what it sends', async () => {
    const items = [
      anItem('user1', aMessage({ title: 'T' }), 'r'.repeat(64)),
      anItem('user2', aMessage(), 'r'.repeat(64)),
    ];
    const shown = items.map((item) => inspect(item));
    await send(items);
    const sent = simulator.requests.map(({ params, bodyRaw }) => ({ payload: params, bytes: bodyRaw.length }));
    expect(sent).toEqual(shown);
  });

  it('pushes exactly what each account was to get', async () => {
    const items = ACCOUNTS.slice(0, 40).map((accid) => anItem(accid, aMessage({ body: `for ${accid}` }), `r-${accid}`));
    await send(items);
    const told = simulator.pushes.map(({ accid, text, payload }) => [accid, { text, receipt: payload?.[RECEIPT_KEY] }]);
    const meant = items.map(({ message, receipt }, i) => [`user${i}`, { text: message.body, receipt }]);
    expect(told).toHaveLength(40);
    expect(Object.fromEntries(told)).toEqual(Object.fromEntries(meant));
  });
});

describe('conformance', () => {
  let simulator: NimSimulator | undefined;
  const stub: ChannelStub = {
    start: async () => {
      simulator = await startNimSimulator({ ...APP, accounts: ['kf_bot', 'a', 'b', 'busy', 'odd'] });
      simulator.script('busy', [503], { repeatLast: true });
      simulator.script('odd', [500], { repeatLast: true });
    },
    stop: async () => simulator?.close(),
    hold: () => {
      simulator!.hold();
      const { requests } = simulator!.counters;
      return { arrived: () => simulator!.received(requests + 1), release: () => simulator!.release() };
    },
  };
  const message = aMessage({ title: '客服' });

  describeChannel(new NimChannel(), {
    config: () => configFor({ deadlineMs: 5000 }, simulator),
    context: () => testContext({ shared: noWaiting }),
    cases: [
      { item: anItem('a', message, 'receipt-of-a'), outcome: 'accepted' },
      { item: anItem('ghost', message, 'receipt-of-nobody'), outcome: 'rejected' },
      { item: anItem('b', message), outcome: 'accepted' },
      { item: anItem('busy', aMessage()), outcome: 'transient' },
      { item: anItem('odd', aMessage()), outcome: 'unknown' },
    ],
    actions: {
      'set-desktop-push': { input: { accid: 'a', push: true }, ok: true },
      'broadcast-message': { input: { body: '维护公告' }, ok: true },
    },
    stub,
  });
});
