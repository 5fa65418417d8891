import { newId, publicId } from '../../platform/ids.js';
import {
  deliverySteps,
  endSteps,
  planSteps,
  type TracedDelivery,
  type TracedNotification,
  type TraceStep,
} from './trace-steps.js';

const CREATED = new Date('2026-01-15T08:00:00.000Z');
const later = (minutes: number): Date => new Date(CREATED.getTime() + minutes * 60_000);
const told = (steps: readonly TraceStep[]) => steps.map(({ at, stage, text }) => [at, stage, text]);

const notification: TracedNotification = {
  id: newId(),
  source: 'api',
  category: 'offers',
  audience: { everyone: true },
  decisions: [],
  channel: null,
  state: 'sending',
  schedule: null,
  targetCount: 2_000,
  startsAt: null,
  pausedAt: null,
  cancelledAt: null,
  touchedAt: later(1),
  createdAt: CREATED,
  doneAt: null,
};

const delivery: TracedDelivery = {
  id: newId(),
  channel: 'apns',
  platform: 'ios',
  userId: 'u1',
  target: null,
  state: 'queued',
  reason: null,
  detail: null,
  notBefore: null,
  attempts: [],
  updatedAt: CREATED,
};

describe('the steps of a notification', () => {
  const requested = [CREATED, 'requested', 'offers to everyone'];

  it('tell how far planning has come', () => {
    expect(told(planSteps({ ...notification, state: 'planning' }))).toEqual([
      requested,
      [later(1), 'planned', 'offers for 2000 targets so far, more are being planned'],
    ]);
    expect(told(planSteps(notification))).toEqual([requested, [CREATED, 'planned', 'offers for 2000 targets']]);
    expect(told(planSteps({ ...notification, state: 'cancelled', targetCount: 0 }))).toEqual([requested]);
  });

  it('put planning where it began', () => {
    const startsAt = later(10);
    expect(told(planSteps({ ...notification, startsAt })).at(-1)?.[0]).toEqual(startsAt);
    expect(told(planSteps({ ...notification, state: 'scheduled', startsAt })).at(-1)).toEqual([
      CREATED,
      'planned',
      'planned from 2026-01-15T08:10:00.000Z on',
    ]);
  });

  it('tell no request that was none, and every decision', () => {
    const steps = planSteps({ ...notification, source: 'event', decisions: ['a', 'b'], targetCount: 1 });
    expect(told(steps).map(([, , text]) => text)).toEqual(['a', 'b', 'offers for 1 target']);
  });

  it('tell its end, once', () => {
    const texts = (more: Partial<TracedNotification>) =>
      endSteps({ ...notification, ...more }).map(({ at, stage, state }) => [at, stage, state]);
    expect(texts({})).toEqual([]);
    expect(texts({ pausedAt: later(2) })).toEqual([[later(2), 'paused', 'sending']]);
    expect(texts({ cancelledAt: later(3) })).toEqual([[later(3), 'cancelled', undefined]]);
    expect(texts({ cancelledAt: later(3), doneAt: later(4), state: 'cancelled' })).toEqual([
      [later(3), 'cancelled', undefined],
      [later(4), 'cancelled', 'cancelled'],
    ]);
    expect(texts({ doneAt: later(4), state: 'done' })).toEqual([[later(4), 'done', 'done']]);
  });
});

describe('the steps of a delivery', () => {
  const attempt = { at: later(1).toISOString(), outcome: 'accepted', ms: 7 } as const;

  it('tell what it waits for', () => {
    const steps = deliverySteps({ ...delivery, notBefore: later(30) }, []);
    expect(told(steps)).toEqual([
      [CREATED, 'delivery', 'apns · ios · user u1: queued, not before 2026-01-15T08:30:00.000Z'],
    ]);
    expect(steps[0]?.subject).toBe(publicId('dlv', delivery.id));
  });

  it('tell a state unless an attempt or a receipt has told it', () => {
    const receipt = { deliveryId: delivery.id, kind: 'delivered', platform: 'ios', count: 1, at: later(2) } as const;
    const stages = (...args: Parameters<typeof deliverySteps>) => deliverySteps(...args).map(({ stage }) => stage);
    expect(stages({ ...delivery, state: 'accepted', attempts: [attempt] }, [])).toEqual(['attempt']);
    expect(stages({ ...delivery, state: 'accepted' }, [])).toEqual(['delivery']);
    expect(stages({ ...delivery, state: 'delivered', attempts: [attempt] }, [receipt])).toEqual(['attempt', 'receipt']);
    expect(stages({ ...delivery, state: 'delivered', attempts: [attempt] }, [])).toEqual(['attempt', 'delivery']);
  });

  it('tell an attempt with everything that is known of it', () => {
    const failed = { ...attempt, outcome: 'unknown', reason: 'network.no_answer', vendorCode: '504' } as const;
    const attempts = [failed, { ...attempt, possibleDuplicate: true }] as const;
    expect(told(deliverySteps({ ...delivery, state: 'accepted', attempts }, [])).map(([, , text]) => text)).toEqual([
      'apns · ios · user u1: attempt 1 unknown (network.no_answer, 504) after 7 ms',
      'apns · ios · user u1: attempt 2 accepted after 7 ms possible duplicate',
    ]);
  });
});
