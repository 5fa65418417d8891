import { RECEIPT_KEY, type SendItem } from '@bellhop/contracts';
import { executed } from '@bellhop/contracts/testing';
import { aMessage, anItem, anItemFor, configFor, fixture, withOptions } from '../testing/builders.js';
import type { NimConfig } from './nim.manifest.js';
import { inspectItem, planCalls } from './nim.plan.js';
import { broadcastRequest, desktopPushRequest, type NimRequest } from './nim.request.js';

interface RequestFixture {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly form?: Readonly<Record<string, string>>;
  readonly bodyRaw: string;
}

const { requests } = fixture<{ requests: readonly RequestFixture[] }>('outbound-requests.json');
const now = new Date('2026-01-01T00:00:00Z');
const inSevenDays = new Date(now.getTime() + 7 * 86_400_000);
const text = (msg: string, from = 'kf_bot') => ({ from, type: '0', content: JSON.stringify({ msg }) });

/** What a call of the API has to hold for each of the requests. */
const SENDS: Readonly<Record<string, () => NimRequest>> = {
  'NIM-OUT-01': () => sent(aMessage({ body: '发来了一条消息', chatMessage: text('hello') })),
  'NIM-OUT-02': () => sent(withOptions({ push: false }, { body: 'hello' }), { mode: 'message' }),
  'NIM-OUT-03': () => {
    const team = { tid: '14089002', forcePushAll: true, forcePushContent: '有人@所有人' };
    return sent(withOptions({ team }, { body: '群消息', chatMessage: text('@all') }), {}, ['14089002']);
  },
  'NIM-OUT-04': () => {
    const team = { tid: '14089002', forcePushList: ['accid1', 'accid2'], forcePushContent: '有人@你' };
    return sent(withOptions({ team }, { body: '', chatMessage: text('@a') }), {}, ['14089002']);
  },
  'NIM-OUT-05': () => sent(aMessage({ body: '系统维护通知' }), { mode: 'message' }, ['user1', 'user2']),
  'NIM-OUT-06': () => {
    const attach = { type: 'ticket', id: '42' };
    const options = { attach, payload: servicePayload, save: 2, badge: true, needPushNick: false, route: true };
    return sent(withOptions(options, { ...ticket, body: '您的工单有新回复', sound: 'ding.caf' }));
  },
  'NIM-OUT-07': () => {
    const options = { attach: { type: 'alert' }, forcePushContent: '紧急通知' };
    return sent(withOptions(options, { body: '紧急', forced: true }));
  },
  'NIM-OUT-08': () => sent(withOptions({ attach: { type: 'alert' } }, { body: '紧急' }), {}, ['user1', 'user2']),
  'NIM-OUT-09': () =>
    broadcastRequest({ body: '维护公告', keep: true, keepHours: 24, systems: ['ios', 'aos'] }, 'kf_bot'),
  'NIM-OUT-10': () => desktopPushRequest('user', true, 'v1'),
  'NIM-OUT-11': () => {
    const message = withOptions({ payload: servicePayload }, { ...ticket, body: '维护公告', expiresAt: inSevenDays });
    return planned([anItemFor({ kind: 'everyone', platforms: ['ios', 'android'] }, message)], { pushToAll: true });
  },
  'NIM-OUT-12': () => desktopPushRequest('user', true, 'v2'),
};

const ticket = { title: '新消息', extras: { sessionId: 'user' } };
const servicePayload = {
  apsField: { 'mutable-content': 1, 'thread-id': 'conv-1' },
  hwField: { click_action: { type: 3 } },
  fcmFieldV1: { title: '新消息' },
  channel_id: 'im',
};

function sent(message: SendItem['message'], settings: Partial<NimConfig> = {}, to: readonly string[] = ['user']) {
  return planned(
    to.map((accid) => anItem(accid, message)),
    settings,
  );
}

/** The only request that the items become. */
function planned(items: readonly SendItem[], settings: Partial<NimConfig> = {}): NimRequest {
  const { calls, refused } = planCalls(items, configFor(settings), now, new WeakMap());
  expect([...refused.values()]).toEqual([]);
  expect(calls).toHaveLength(1);
  return calls[0]!.request;
}

describe('a request of NIM', () => {
  it('is known for every one of the files', () => {
    expect(requests.map(({ id }) => id).sort()).toEqual(Object.keys(SENDS).sort());
    expect(requests).toHaveLength(12);
  });

  it.each(requests.map((each) => [each.id, each] as const))('%s', (id, { method, path, form, bodyRaw }) => {
    const request = SENDS[id]!();
    expect({ method: request.method, path: request.path, body: request.body }).toEqual({ method, path, body: bodyRaw });
    expect(request.fields).toEqual(form ?? JSON.parse(bodyRaw));
    executed('nim/outbound-requests.json', id);
  });

  it('writes the push fields of messages as the SDKs do when it is told to', () => {
    const team = { tid: 't1', forcePushList: ['a'], forcePushContent: 'urgent' };
    const message = withOptions({ team }, { body: 'copy', chatMessage: text('hi') });
    expect(sent(message, { sdkNames: true }, ['t1']).fields).toMatchObject({
      pushContent: 'copy',
      forcePushList: '["a"]',
      forcePushContent: 'urgent',
    });
    const notification = withOptions({ forcePushContent: 'urgent' }, { body: 'copy', forced: true });
    expect(sent(notification, { sdkNames: true }).fields).toMatchObject({ pushcontent: 'copy', isForcePush: 'true' });
  });

  it('of a forced team message that names nobody forces everybody', () => {
    const message = withOptions({ team: { tid: 't1' } }, { body: 'copy', chatMessage: text('hi'), forced: true });
    expect(sent(message, {}, ['t1']).fields).toMatchObject({ ope: '1', to: 't1', forcepushall: 'true' });
  });

  it('of a team notification carries the force list', () => {
    const team = { tid: 't1', forcePushList: ['a', 'b'], forcePushContent: 'urgent' };
    expect(sent(withOptions({ team }, { body: 'copy' }), {}, ['t1']).fields).toMatchObject({
      msgtype: '1',
      to: 't1',
      isForcePush: 'true',
      forcePushContent: 'urgent',
      forcePushList: '["a","b"]',
    });
  });

  it('never forces a person by a message', () => {
    const message = withOptions({ forcePushContent: 'urgent' }, { chatMessage: text('hi'), forced: true });
    expect(Object.keys(sent(message).fields).filter((name) => /force/i.test(name))).toEqual([]);
  });

  it('names the copy target', () => {
    expect(sent(aMessage(), { env: 'staging' }).fields).toMatchObject({ env: 'staging' });
    expect(sent(aMessage(), { env: 'staging', mode: 'message' }, ['a', 'b']).fields).toMatchObject({ env: 'staging' });
  });

  it('of a push to everyone lasts as long as the message, at most seven days', () => {
    const everyone = (expiresAt: Date, platforms: readonly ('ios' | 'android')[]) =>
      planned([anItemFor({ kind: 'everyone', platforms }, aMessage({ expiresAt, sound: 'ding.caf' }))], {
        pushToAll: true,
      }).fields;
    expect(everyone(new Date(now.getTime() + 90_500), ['android'])).toMatchObject({
      target_os: ['aos'],
      roam_enabled: true,
      roam_expire_after: 90,
      push_config: { push_payload: '{"apsField":{"sound":"ding.caf"}}' },
    });
    expect(everyone(new Date('2030-01-01'), ['ios'])).toMatchObject({ roam_expire_after: 604_800 });
    expect(everyone(now, ['ios'])).toMatchObject({ roam_enabled: false, roam_expire_after: 0 });
  });
});

describe('a push payload', () => {
  it('is made from the message', () => {
    const message = aMessage({
      title: 'T',
      subtitle: 'S',
      body: 'B',
      threadId: 'thread',
      category: 'CHAT',
      imageUrl: 'https://a.example/p.png',
      deepLink: 'demo://orders/1',
      androidChannel: 'im',
      extras: { order: '1' },
      overrides: { ios: { body: 'B on iPhones' }, android: { title: 'T on Android', body: 'B on Android' } },
    });
    expect(payloadIn(sent(message))).toEqual({
      pushTitle: 'T',
      apsField: {
        alert: { title: 'T', subtitle: 'S', body: 'B on iPhones' },
        'mutable-content': 1,
        'thread-id': 'thread',
        category: 'CHAT',
      },
      fcmFieldV1: {
        message: { android: { notification: { title: 'T on Android', body: 'B on Android', channel_id: 'im' } } },
      },
      hwField: { title: 'T on Android', body: 'B on Android', channel_id: 'im' },
      honorField: { notification: { title: 'T on Android', body: 'B on Android' } },
      vivoField: { title: 'T on Android', content: 'B on Android' },
      oppoField: { title: 'T on Android', content: 'B on Android' },
      deepLink: 'demo://orders/1',
      imageUrl: 'https://a.example/p.png',
      order: '1',
    });
  });

  it('lets the options win, member by member', () => {
    const payload = { pushTitle: 'own', apsField: { badge: 3, 'thread-id': 'own' }, notify_foreground: '1' };
    const message = withOptions({ payload }, { title: 'T', threadId: 'thread', category: 'CHAT' });
    expect(payloadIn(sent(message))).toEqual({
      pushTitle: 'own',
      apsField: { 'thread-id': 'own', category: 'CHAT', badge: 3 },
      notify_foreground: '1',
    });
  });

  it('takes the sound where a message has no field for it', () => {
    const message = aMessage({ sound: 'ding.caf' });
    expect(payloadIn(sent(message, { mode: 'message' }))).toEqual({ apsField: { sound: 'ding.caf' } });
    expect(sent(message).fields).toMatchObject({ sound: 'ding.caf' });
    expect(sent(message).fields['payload']).toBeUndefined();
  });

  it('carries a receipt of its own', () => {
    expect(payloadIn(planned([anItem('a', aMessage(), 'token-a')]))).toEqual({ [RECEIPT_KEY]: 'token-a' });
    const { rendered } = inspectItem(anItem('a', aMessage(), 'token-a'), configFor(), now);
    expect(rendered?.payload).toMatchObject({ payload: JSON.stringify({ [RECEIPT_KEY]: 'token-a' }) });
  });

  it('is harmless whatever its keys', () => {
    const payload = JSON.parse('{"__proto__":{"a":1},"constructor":{"b":2}}') as object;
    const read = sent(withOptions({ payload }, { title: 'T' })).fields['payload'];
    expect(read).toBe('{"pushTitle":"T","__proto__":{"a":1},"constructor":{"b":2}}');
  });
});

function payloadIn({ fields }: NimRequest): unknown {
  return JSON.parse(fields['payload'] as string);
}
