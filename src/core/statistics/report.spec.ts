import { DELIVERY_STATES, type DeliveryState } from '../notifications/delivery.entity.js';
import { type DeliveryCount, type ReceiptCount, type ReportPlatform, reportOf, type ReportRow } from './report.js';

const some = (
  count: number,
  state: DeliveryState,
  platform: ReportPlatform = 'ios',
  delegated = false,
): DeliveryCount => ({ count, state, platform, delegated });
const reported = (count: number, kind: ReceiptCount['kind'], platform: ReportPlatform): ReceiptCount => ({
  count,
  kind,
  platform,
});

describe('reportOf', () => {
  it('counts by platform and in all', () => {
    const report = reportOf(
      [
        some(5, 'accepted'),
        some(3, 'delivered'),
        some(2, 'opened'),
        some(4, 'failed'),
        some(1, 'skipped'),
        some(10, 'accepted', 'android'),
        some(10, 'opened', 'android'),
        some(7, 'skipped', 'unknown'),
      ],
      [],
      { ios: 100, android: 50 },
    );
    expect(report.platforms.ios).toMatchObject({
      reachable: 100,
      targeted: 15,
      pushed: 10,
      skipped: 1,
      failed: 4,
      delivered: 5,
      opened: 2,
      deliveredRate: 0.5,
      openRate: 0.4,
    });
    expect(report.platforms.android).toMatchObject({ reachable: 50, pushed: 20, deliveredRate: 0.5, openRate: 1 });
    expect(report.platforms.unknown).toMatchObject({ reachable: null, targeted: 7, skipped: 7, deliveredRate: null });
    expect(report.total).toMatchObject({
      reachable: 150,
      targeted: 42,
      pushed: 30,
      delivered: 15,
      opened: 12,
      deliveredRate: 0.5,
      openRate: 0.8,
    });
    expect(report.delegated).toBe(0);
  });

  it('has no rates where there is nothing to divide by', () => {
    const { total, platforms } = reportOf([some(3, 'skipped'), some(2, 'accepted', 'android')], [], null);
    expect([total.reachable, platforms.ios.reachable]).toEqual([null, null]);
    expect([platforms.ios.deliveredRate, platforms.ios.openRate]).toEqual([null, null]);
    expect([platforms.android.deliveredRate, platforms.android.openRate]).toEqual([0, null]);
    expect(reportOf([], [], { ios: 0, android: 0 }).total).toMatchObject({ reachable: 0, targeted: 0, openRate: null });
  });

  it('puts every state into exactly one part of the whole', () => {
    const parts = [
      'pushed',
      'skipped',
      'failed',
      'cancelled',
      'unknown',
      'pending',
    ] as const satisfies (keyof ReportRow)[];
    for (const state of DELIVERY_STATES) {
      const { total } = reportOf([some(1, state)], [], null);
      expect([state, total.targeted, parts.reduce((sum, part) => sum + total[part], 0)]).toEqual([state, 1, 1]);
    }
    const { total } = reportOf(
      DELIVERY_STATES.map((state, i) => some(i + 1, state)),
      [],
      null,
    );
    expect(parts.map((part) => total[part])).toEqual([3 + 4 + 5, 6, 7 + 8 + 11, 12, 10, 1 + 2 + 9]);
  });

  it('counts what the gateway took, whether or not a device has confirmed it', () => {
    const { total } = reportOf(
      [some(1, 'accepted'), some(1, 'delivered'), some(1, 'opened'), some(5, 'unknown')],
      [],
      null,
    );
    expect([total.pushed, total.delivered, total.opened, total.deliveredRate]).toEqual([3, 2, 1, 2 / 3]);
  });

  it('takes receipts for what stands behind a delegated delivery, and claims no delivered rate', () => {
    const report = reportOf(
      [some(1, 'accepted', 'unknown', true), some(4, 'delivered'), some(4, 'accepted'), some(2, 'opened', 'android')],
      [reported(300, 'delivered', 'ios'), reported(30, 'opened', 'ios'), reported(7, 'delivered', 'unknown')],
      null,
    );
    expect(report.delegated).toBe(1);
    expect(report.platforms.ios).toMatchObject({ pushed: 8, delivered: 304, opened: 30, deliveredRate: null });
    expect(report.platforms.ios.openRate).toBeCloseTo(30 / 304);
    expect(report.platforms.android).toMatchObject({ pushed: 2, delivered: 2, deliveredRate: 1, openRate: 1 });
    expect(report.platforms.unknown).toMatchObject({ targeted: 1, pushed: 1, delivered: 7, deliveredRate: null });
    expect(report.total).toMatchObject({ delivered: 313, opened: 32, deliveredRate: null });
  });

  it('does not count the state of a delegated delivery beside its receipts', () => {
    const { total } = reportOf([some(1, 'opened', 'unknown', true)], [reported(2, 'delivered', 'ios')], null);
    expect([total.pushed, total.delivered, total.opened]).toEqual([1, 2, 0]);
  });
});
