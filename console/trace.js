/** The page that tells the whole way of a message. */
import { call } from './api.js';
import { chip, counted, h, moment, section, toneOf } from './dom.js';
import { stateOf, titleOf } from './home.js';

/** @typedef {import('./api.js').CountedNotification} CountedNotification */
/** @typedef {import('./api.js').Trace} Trace */
/** @typedef {import('./api.js').TraceStep} TraceStep */
/** @typedef {import('./main.js').Visit} Visit */
/** @typedef {import('./main.js').View} View */

/**
 * @param {Visit} visit
 * @param {string} app
 * @param {string} id of an event, a notification or a delivery
 * @returns {Promise<View>}
 */
export async function trace({ signal }, app, id) {
  const { notificationIds, steps, omitted } = await traceOf(app, id, signal);
  const notifications = await Promise.all(notificationIds.map((one) => notificationOf(app, one, signal)));
  const [first] = notifications;
  return {
    heading: first ? titleOf(first) : 'An event that led to nothing',
    up: ['The app', `#/app/${app}`],
    body: [
      h('p', { class: 'quiet id' }, id),
      ...notifications.map(summary),
      section('What happened', lines(steps)),
      omitted > 0 && h('p', { class: 'hint' }, `Deliveries beyond the first 200 are left out: ${omitted}.`),
    ],
  };
}

/**
 * @param {string} app
 * @param {string} id
 * @param {AbortSignal} signal
 */
export const traceOf = async (app, id, signal) =>
  /** @type {Trace} */ (await call('GET', `/v1/trace/${encodeURIComponent(id)}`, { app, signal }));

/**
 * @param {string} app
 * @param {string} id
 * @param {AbortSignal} signal
 */
const notificationOf = async (app, id, signal) =>
  /** @type {CountedNotification} */ (
    await call('GET', `/v1/notifications/${encodeURIComponent(id)}`, { app, signal })
  );

/** @param {CountedNotification} notification */
function summary(notification) {
  const { content, category, counts, targets, pending, createdAt } = notification;
  const { title, body } = content.copy?.default ?? {};
  const about = ` · ${category} · ${counted(targets, 'target')}, ${pending} pending`;
  const states = Object.entries(counts.byState).map(([state, count]) => chip(state, `${count} ${state}`));
  const reasons = Object.entries(counts.byReason).map(([reason, count]) => chip('reason', `${count} × ${reason}`));
  return h(
    'div',
    { class: 'card' },
    title !== undefined && body !== undefined && h('p', {}, body),
    h('p', { class: 'quiet' }, moment(createdAt), about),
    h('p', { class: 'chips' }, stateOf(notification), ...states, ...reasons),
  );
}

/**
 * The steps of a trace, oldest first.
 * @param {readonly TraceStep[]} steps
 */
export function lines(steps) {
  const items = steps.map(({ at, stage, text, state }) =>
    h(
      'li',
      { class: toneOf(state ?? stage) },
      h('span', { class: 'stage' }, stage),
      h('span', { class: 'grow' }, text),
      h('span', { class: 'quiet' }, moment(at)),
    ),
  );
  return h('ol', { class: 'lines' }, ...items);
}
