import { Findings } from '../findings.js';
import type { Push } from '../stage/gateways.js';
import type { Asked, Told } from '../stage/ledger.js';
import { asked } from './asked.js';
import type { Check, Evidence } from './evidence.js';
import { pushed } from './pushed.js';
import type { DeliveryRow, EventRow, NotificationRow } from './rows.js';

const told = (acknowledged: number): Told => ({ at: 0, attempts: 1, acknowledged });
const event = (mark: number, more: Partial<EventRow> = {}): EventRow => {
  return { id: `event-${mark}`, appId: 'app', mark, state: 'routed', reason: null, ...more };
};
const notification = (more: Partial<NotificationRow>): NotificationRow => {
  const counts = { targetCount: 1, pendingCount: 0, deliveries: 1, open: 0 };
  return { id: 'n', appId: 'app', eventId: null, ask: null, state: 'done', ...counts, ...more };
};
const delivery = (id: string, more: Partial<DeliveryRow> = {}): DeliveryRow => {
  const known = { appId: 'app', notificationId: 'n', deviceId: 'd', reason: null, expiresAt: 10_000 };
  return { id, ...known, state: 'accepted', marked: false, unsure: false, ...more };
};
const push = (deliveryId: string, more: Partial<Push> = {}): Push => {
  return { channel: 'apns', token: deliveryId, appId: 'app', deliveryId, mark: '', at: 5_000, answered: true, ...more };
};

interface Given {
  readonly events?: readonly EventRow[];
  readonly notifications?: readonly NotificationRow[];
  readonly deliveries?: readonly DeliveryRow[];
  readonly pushes?: readonly Push[];
  readonly callbacks?: readonly (readonly [number, Told])[];
  readonly asks?: readonly (readonly [number, Asked])[];
  readonly cancelled?: readonly (readonly [string, number])[];
}

/** @returns the promises that a check finds broken. */
async function brokenIn(check: Check, given: Given): Promise<string[]> {
  const findings = new Findings();
  const ledger = {
    callbacks: new Map(given.callbacks),
    asks: new Map(given.asks),
    cancelled: new Map(given.cancelled),
  };
  const stage = {
    chaos: { findings },
    ledger,
    gateways: { unaccounted: 0 },
    tenants: [{ unwilling: new Set(['unwilling']) }],
  } as unknown as Evidence['stage'];
  const { events = [], notifications = [], deliveries = [], pushes = [] } = given;
  const rows = { events, notifications, deliveries, messages: [] };
  const senders = { expected: () => ({ deliveries: 1, skipped: 0 }) } as unknown as Evidence['senders'];
  await check({ stage, senders, rows, pushes }, (promise, found) => findings.expectNone(promise, found));
  return findings.broken.map(({ promise }) => promise);
}

describe('the checks', () => {
  it('find nothing where nothing is wrong', async () => {
    const events = [event(1)];
    const notifications = [notification({ eventId: 'event-1' })];
    expect(await brokenIn(asked, { callbacks: [[1, told(1)]], events, notifications })).toEqual([]);
    expect(await brokenIn(pushed, { deliveries: [delivery('a')], pushes: [push('a')] })).toEqual([]);
  });

  it.each<[string, Given]>([
    ['acknowledged callbacks without a row', { callbacks: [[1, told(1)]] }],
    [
      'rows that nobody sent',
      { events: [event(1, { state: 'routed' })], notifications: [notification({ eventId: 'event-1' })] },
    ],
    [
      'callbacks with more than one row',
      {
        callbacks: [[1, told(1)]],
        events: [event(1), event(1, { id: 'other' })],
        notifications: [notification({ eventId: 'event-1' }), notification({ id: 'm', eventId: 'other' })],
      },
    ],
    [
      'events that ended otherwise than they should',
      { callbacks: [[1, told(1)]], events: [event(1, { state: 'ignored', reason: 'unroutable' })] },
    ],
    ['events with more or fewer deliveries than they ask for', { callbacks: [[1, told(1)]], events: [event(1)] }],
    ['notifications nobody asked for', { notifications: [notification({ ask: 7 })] }],
    [
      'acknowledged requests without their notification',
      { asks: [[7, { ...told(1), appId: 'app', ids: new Set(['ntf_1']) }]] },
    ],
    [
      'requests with more than one notification',
      {
        asks: [[7, { ...told(1), appId: 'app', ids: new Set() }]],
        notifications: [notification({ ask: 7 }), notification({ id: 'm', ask: 7 })],
      },
    ],
  ])('of what was asked find: %s', async (promise, given) => {
    expect(await brokenIn(asked, given)).toContain(promise);
  });

  it.each<[string, Given]>([
    ['accepted deliveries that never arrived', { deliveries: [delivery('a')] }],
    ['pushes of no delivery', { pushes: [push('a')] }],
    [
      'targets pushed more than once and not marked',
      { deliveries: [delivery('a', { unsure: true })], pushes: [push('a'), push('a', { answered: false })] },
    ],
    [
      'targets pushed for two deliveries',
      {
        deliveries: [delivery('a', { marked: true }), delivery('b', { marked: true })],
        pushes: [push('a', { token: 't', mark: 'ask-1!' }), push('b', { token: 't', mark: 'ask-1!' })],
      },
    ],
    [
      'states that contradict the gateway',
      { deliveries: [delivery('a', { state: 'cancelled' })], pushes: [push('a')] },
    ],
    ['pushes after expiry', { deliveries: [delivery('a')], pushes: [push('a', { at: 12_000 })] }],
    [
      'pushes after an acknowledged cancel',
      { deliveries: [delivery('a')], pushes: [push('a')], cancelled: [['ntf_n', 4_000]] },
    ],
    ['pushes against a skip rule', { deliveries: [delivery('a')], pushes: [push('a', { token: 'unwilling' })] }],
  ])('of what was pushed find: %s', async (promise, given) => {
    expect(await brokenIn(pushed, given)).toContain(promise);
  });

  it('take a mark, and what nobody can know, for an excuse', async () => {
    const deliveries = [delivery('a', { marked: true }), delivery('b', { state: 'cancelled', unsure: true })];
    const pushes = [push('a'), push('a'), push('b')];
    expect(await brokenIn(pushed, { deliveries, pushes })).toEqual([]);
  });
});
