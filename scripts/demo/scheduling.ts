import { setTimeout as pause } from 'node:timers/promises';
import { CUSTOMER, FRIEND, TRAVELLER } from '../../src/sandbox/demo-people.js';
import { reached, tokensOf, withPreferences } from './people.js';
import type { Notification, Section, Stage } from './stage.js';
import { say, until } from './words.js';

const CATEGORY = 'demo-sale';
const HOUR_MS = 3_600_000;
/** From the call to the moment that is scheduled; pausing must come first, on slow machines too. */
const LEAD_MS = 2_000;
const WATCH_MS = 500;

export const SCHEDULING: Section = {
  title: 'Schedule, pause, resume, cancel',
  async play(stage) {
    await pauseAndResume(stage);
    await withPreferences(stage, FRIEND, { optedOut: [CATEGORY] }, () => cancel(stage));
  },
};

async function pauseAndResume(stage: Stage): Promise<void> {
  const at = new Date(Date.now() + LEAD_MS);
  const { id, mark } = await stage.notify({
    audience: { users: [CUSTOMER.userId, FRIEND.userId] },
    content: { title: 'Scheduled' },
    schedule: { at: at.toISOString() },
  });
  const before = await stage.notification(id);
  say(`  ${before.state} for ${before.startsAt}`);
  await stage.api('POST', `/v1/notifications/${id}/pause`);
  await pause(at.getTime() + WATCH_MS - Date.now());
  stage.equal('paused: its moment has passed and nothing has arrived', await stage.arrivals(mark), []);
  await stage.api('POST', `/v1/notifications/${id}/resume`);
  await stage.ended(id);
  stage.equal('resumed: it arrives on all phones', reached(await stage.arrivals(mark)), tokensOf(CUSTOMER, FRIEND));
}

/** Here it is day, there it is night: what waits for the morning is cancelled. */
async function cancel(stage: Stage): Promise<void> {
  const window = { start: wallClock(-HOUR_MS), end: wallClock(HOUR_MS) };
  const { id, mark } = await stage.notify({
    audience: { users: [CUSTOMER.userId, FRIEND.userId, TRAVELLER.userId] },
    content: { title: 'While it is day' },
    category: CATEGORY,
    schedule: { window },
  });
  const waiting = await until('the first ones are sent', async () => {
    const seen = await stage.notification(id);
    return seen.counts.byState.accepted === CUSTOMER.phones.length ? seen : undefined;
  });
  const later = (await stage.deliveries(id)).find(({ notBefore }) => notBefore);
  say(
    `  window ${window.start} to ${window.end}: ${countsOf(waiting)}; ${later?.userId} not before ${later?.notBefore}`,
  );
  const { state } = await stage.api<Notification>('POST', `/v1/notifications/${id}/cancel`);
  const { counts, targets, pending } = await stage.notification(id);
  stage.equal('cancelled, and nothing is open', [state, pending], ['cancelled', 0]);
  stage.equal(
    '2 sent + 2 skipped (opted out) + 1 cancelled = 5 targeted',
    [counts.byState, targets],
    [{ accepted: 2, skipped: 2, cancelled: 1 }, 5],
  );
  stage.equal('as many arrived', reached(await stage.arrivals(mark)), tokensOf(CUSTOMER));
  const { status } = await stage.call('POST', `/v1/notifications/${id}/resume`);
  stage.equal('what is cancelled cannot be resumed (409)', status, 409);
}

const countsOf = ({ counts }: Notification): string =>
  Object.entries(counts.byState)
    .map(([state, count]) => `${count} ${state}`)
    .join(', ');

/** `HH:mm` in Shanghai. */
function wallClock(fromNowMs: number): string {
  const format = { timeZone: 'Asia/Shanghai', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
  return new Intl.DateTimeFormat('en-GB', format).format(Date.now() + fromNowMs);
}
