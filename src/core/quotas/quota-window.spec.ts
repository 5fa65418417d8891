import type { QuotaRule } from '@bellhop/contracts';
import { judgeQuota, type LedgerState } from './quota-window.js';

const RULES: readonly QuotaRule[] = [
  { id: 'hour', limit: 2, window: { rollingMs: 3_600_000 } },
  { id: 'day', limit: 3, window: { calendarDay: 'Asia/Shanghai' } },
];
const at = (clock: string, day = '05') => new Date(`2026-01-${day}T${clock}:00+08:00`);
const judge = (state: Partial<LedgerState>, now: Date) => judgeQuota({ calls: [], ...state }, RULES, now);

describe('judgeQuota', () => {
  it('is open while every rule has room', () => {
    expect(judge({}, at('09:00'))).toEqual({ open: true });
    expect(judge({ calls: [at('09:00')] }, at('09:30'))).toEqual({ open: true });
  });

  it('names the hour, and the moment at which the first call leaves it', () => {
    const calls = [at('09:00'), at('09:30')];
    expect(judge({ calls }, at('09:45'))).toEqual({ open: false, rule: 'hour', nextAt: at('10:00') });
    expect(judge({ calls }, at('10:00'))).toEqual({ open: true });
  });

  it('names the day, and its end in the zone of the rule', () => {
    const calls = [at('09:00'), at('09:30'), at('10:00')];
    expect(judge({ calls }, at('15:00'))).toEqual({ open: false, rule: 'day', nextAt: at('00:00', '06') });
  });

  it('finds a moment that satisfies all rules', () => {
    const calls = [at('10:00'), at('23:40'), at('23:50')];
    expect(judge({ calls }, at('23:55'))).toEqual({ open: false, rule: 'hour', nextAt: at('00:40', '06') });
  });

  it('obeys the vendor before its own count', () => {
    const frozenUntil = at('10:01');
    expect(judge({ calls: [at('09:01')], frozenUntil }, at('09:03'))).toEqual({
      open: false,
      rule: 'vendor',
      nextAt: frozenUntil,
    });
    expect(judge({ frozenUntil }, at('10:01'))).toEqual({ open: true });
  });
});
