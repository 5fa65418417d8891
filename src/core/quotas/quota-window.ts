import type { QuotaRule } from '@bellhop/contracts';
import { dayIn, nextDayIn } from '../../platform/zoned-time.js';

/** What counts against the rules of one ledger. */
export interface LedgerState {
  /** When calls were made or reserved, oldest first. */
  readonly calls: readonly Date[];
  /** The vendor said that nothing more goes until then. */
  readonly frozenUntil?: Date | null;
}

/** Whether a call may be made, or why not and when it may be the next time. */
export type QuotaVerdict =
  { readonly open: true } | { readonly open: false; readonly rule: string; readonly nextAt: Date };

/** Rule name of a refusal that the vendor itself gave. */
const VENDOR_RULE = 'vendor';

/** Judges one more call at `at`. The rule named is the one that refuses now; `nextAt` satisfies all of them. */
export function judgeQuota({ calls, frozenUntil }: LedgerState, rules: readonly QuotaRule[], at: Date): QuotaVerdict {
  const frozen = frozenUntil && frozenUntil > at ? { rule: VENDOR_RULE, nextAt: frozenUntil } : undefined;
  const first = frozen ?? refusalAt(calls, rules, at);
  if (!first) return { open: true };
  let { nextAt } = first;
  for (let again = refusalAt(calls, rules, nextAt); again && again.nextAt > nextAt;) {
    nextAt = again.nextAt;
    again = refusalAt(calls, rules, nextAt);
  }
  return { open: false, rule: first.rule, nextAt };
}

/** Calls that count against a rule at a moment. A call leaves a rolling window exactly when it is as old as the window is long. */
export function callsWithin(calls: readonly Date[], { window }: QuotaRule, at: Date): readonly Date[] {
  if ('rollingMs' in window) return calls.filter((call) => call.getTime() > at.getTime() - window.rollingMs);
  const today = dayIn(at, window.calendarDay);
  return calls.filter((call) => dayIn(call, window.calendarDay) === today);
}

/** How far back calls may still count, in milliseconds. A calendar day has at most 25 hours. */
export function longestWindowMs(rules: readonly QuotaRule[]): number {
  return Math.max(...rules.map(({ window }) => ('rollingMs' in window ? window.rollingMs : 25 * 3_600_000)));
}

function refusalAt(calls: readonly Date[], rules: readonly QuotaRule[], at: Date) {
  const refusals = rules.flatMap((rule) => {
    const counted = callsWithin(calls, rule, at);
    return counted.length < rule.limit ? [] : [{ rule: rule.id, nextAt: endOf(rule, counted, at) }];
  });
  return refusals.reduce((later, one) => (!later || one.nextAt > later.nextAt ? one : later), refusals[0]);
}

/** When enough calls have left the window. */
function endOf({ limit, window }: QuotaRule, counted: readonly Date[], at: Date): Date {
  if ('calendarDay' in window) return nextDayIn(at, window.calendarDay);
  const leaving = counted[counted.length - limit] as Date;
  return new Date(leaving.getTime() + window.rollingMs);
}
