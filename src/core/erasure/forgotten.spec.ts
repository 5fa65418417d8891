import type { InboundEvent } from '@bellhop/contracts';
import {
  eventWithout,
  NO_CONTENT,
  notificationWithout,
  type PersonalNotification,
  targetWithout,
} from './forgotten.js';
import type { Person } from './person.js';

const NIM = '019a8f3b-2c4d-7e5f-a0b1-c2d3e4f50617';
const OTHER = '019a8f3b-2c4d-7e5f-a0b1-c2d3e4f50618';
const DEVICE = '019a8f3b-2c4d-7e5f-a0b1-c2d3e4f50619';
const TOKEN = 'ab12cd34ab12cd34ab12cd34ab12cd34';
const PUBLIC_DEVICE = `dev_${DEVICE.replaceAll('-', '')}`;

const person: Person = {
  appId: OTHER,
  userId: 'text',
  names: [
    { integrationId: NIM, kind: 'nim.accid', value: 'zhangsan7' },
    { integrationId: NIM, kind: 'nim.short', value: '7' },
  ],
  devices: [{ id: DEVICE, installationId: 'phone-1', token: TOKEN }],
};
const ref = (value: string, kind = 'nim.accid') => ({ kind, value });
const source = (vouched?: string, integrationId = NIM) => ({ integrationId, vouchedFor: () => vouched });

function event(more: Partial<InboundEvent> = {}): InboundEvent {
  return {
    kind: 'conversation.message',
    key: 'k',
    recipient: { identities: [ref('lisi')], devices: [] },
    message: { type: 'text', vendorType: 'TEXT', text: 'Hello' },
    push: { notify: true },
    ...more,
  };
}

const group = { id: 't-1', type: 'group' as const };
const to = (...identities: ReturnType<typeof ref>[]) => ({ recipient: { identities, devices: [] } });

describe('an event without a person', () => {
  it.each<[string, InboundEvent]>([
    ['is about somebody else', event()],
    ['holds a word that somebody is called', event({ message: { type: 'text', vendorType: 'text', text: 'text 7' } })],
    ['names somebody by the same word of another kind', event(to(ref('7', 'nim.team')))],
    ['was written by staff with the same number', event({ sender: { id: '7', role: 'staff' } })],
  ])('stays as it is when it %s', (_words, given) => {
    expect(eventWithout(given, source(), person)).toBeUndefined();
  });

  it('stays as it is when it names somebody by the same word of another vendor', () => {
    expect(eventWithout(event(to(ref('7', 'nim.short'))), source(undefined, OTHER), person)).toBeUndefined();
  });

  it.each<[string, InboundEvent]>([
    ['is for them alone', event(to(ref('zhangsan7')))],
    ['is for them under several names', event(to(ref('unknown', 'nim.uuid'), ref('7', 'nim.short')))],
    [
      'was written by them',
      event({ ...to(ref('lisi'), ref('wangwu')), conversation: group, sender: { id: '7', role: 'user' } }),
    ],
    [
      'names a device of theirs alone',
      event({ recipient: { identities: [], devices: [{ platform: 'ios', token: TOKEN.toUpperCase() }] } }),
    ],
    [
      'names their device by our id',
      event({ recipient: { identities: [], devices: [{ platform: 'ios', token: PUBLIC_DEVICE }] } }),
    ],
    ['mentions them in a text', event({ message: { type: 'text', vendorType: 'T', text: 'Ask @zhangsan7 !' } })],
    ['mentions them in a field', event({ attributes: { members: 'lisi;zhangsan7' } })],
    ['is for a group of which they are all', event({ ...to(ref('zhangsan7')), conversation: group })],
    ['sets their tags alone', event({ ...to(), tags: { identityKind: 'nim.short', users: ['7'], tags: ['vip'] } })],
    [
      'is a push to them that names tags beside',
      event({
        ...to(),
        request: { identityKind: 'nim.short', audience: { users: ['7'], allOf: ['vip'] }, content: { body: 'x' } },
      }),
    ],
  ])('is empty when it %s', (_words, given) => {
    expect(eventWithout(given, source(), person)).toBeNull();
  });

  it('is empty when a plugin vouches for them', () => {
    expect(eventWithout(event(to(ref('signed', 'nim.token'))), source('text'), person)).toBeNull();
    expect(eventWithout(event(to(ref('signed', 'nim.token'))), source('somebody'), person)).toBeUndefined();
  });

  it('of a group goes on for the others', () => {
    const given = event({ ...to(ref('lisi'), ref('zhangsan7')), conversation: group });
    expect(eventWithout(given, source(), person)).toEqual({ ...given, ...to(ref('lisi')) });
  });

  it('of somebody else who has their old phone keeps its reader', () => {
    const devices = [{ platform: 'ios' as const, token: TOKEN }];
    const given = event({ recipient: { identities: [ref('lisi')], devices } });
    expect(eventWithout(given, source(), person)).toEqual(event());
  });

  it('that commands something goes on for the others', () => {
    const tags = { identityKind: 'nim.short', users: ['7', '8'], tags: ['vip'] };
    expect(eventWithout(event({ ...to(), tags }), source(), person)).toMatchObject({ tags: { users: ['8'] } });
    const audience = { users: ['8', '7'] };
    const request = { identityKind: 'nim.short', audience, content: {} };
    expect(eventWithout(event({ ...to(), request }), source(), person)).toMatchObject({
      request: { audience: { users: ['8'] } },
    });
  });
});

function notification(more: Partial<PersonalNotification> = {}): PersonalNotification {
  return {
    integrationId: null,
    content: { copy: { default: { body: 'Hi' } }, extras: {} },
    audience: { users: ['v'] },
    decisions: [],
    ...more,
  };
}

describe('a notification without a person', () => {
  it('stays as it is when it is about others', () => {
    expect(notificationWithout(notification(), person)).toBeUndefined();
    expect(notificationWithout(notification({ audience: { allOf: ['text'] } }), person)).toBeUndefined();
  });

  it.each<[string, PersonalNotification['audience'], PersonalNotification['audience']]>([
    ['user', { users: ['text'], allOf: ['vip'] }, { users: [] }],
    ['device', { devices: [PUBLIC_DEVICE] }, { devices: [] }],
    ['identity', { identities: ['nim.short:7'] }, { identities: [] }],
  ])('has nothing to say to nobody when they were its only %s', (_list, audience, left) => {
    expect(notificationWithout(notification({ audience }), person)).toEqual(
      notification({ audience: left, content: NO_CONTENT }),
    );
  });

  it('keeps the others, and what is for all of them', () => {
    const given = notification({
      integrationId: NIM,
      audience: { identities: ['nim.accid:lisi', 'nim.accid:zhangsan7'] },
      decisions: [
        'nim.accid lisi: user v (linked)',
        'nim.accid zhangsan7: user text (linked)',
        'nim.x y: user text (linked)',
      ],
    });
    expect(notificationWithout(given, person)).toEqual({
      ...given,
      audience: { identities: ['nim.accid:lisi'] },
      decisions: ['nim.accid lisi: user v (linked)'],
    });
  });

  it('does not take the names of one integration for those of another', () => {
    const given = notification({ integrationId: OTHER, audience: { identities: ['nim.short:7'] } });
    expect(notificationWithout(given, person)).toBeUndefined();
  });

  it('is empty when it is known to be theirs, or tells of them', () => {
    const content = { copy: { default: { body: 'Dear zhangsan7' } }, extras: {} };
    expect(notificationWithout(notification({ content }), person)).toMatchObject({ content: NO_CONTENT });
    expect(notificationWithout(notification({ decisions: ['x'] }), person, 'words')).toMatchObject({
      content: NO_CONTENT,
      decisions: [],
      audience: { users: ['v'] },
    });
    expect(notificationWithout(notification(), person, 'whole')).toMatchObject({
      content: NO_CONTENT,
      audience: { users: [] },
    });
    expect(notificationWithout(notification({ audience: { allOf: ['vip'] } }), person, 'whole')).toMatchObject({
      content: NO_CONTENT,
      audience: { allOf: ['vip'] },
    });
  });
});

describe('a target without a person', () => {
  const values = new Set(['7']);
  const users = (...names: string[]) => ({
    kind: 'audience' as const,
    audience: { kind: 'users' as const, users: names },
  });

  it.each([
    [{ kind: 'vendorUser' as const, userId: '7' }, null],
    [{ kind: 'vendorUser' as const, userId: '8' }, undefined],
    [users('7'), null],
    [users('7', '8'), users('8')],
    [users('8'), undefined],
    [{ kind: 'audience' as const, audience: { kind: 'everyone' as const, platforms: [] } }, undefined],
  ])('%j → %j', (target, left) => {
    expect(targetWithout(target, values)).toEqual(left);
  });
});
