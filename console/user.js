/** The page that answers why a user did not get something. */
import { call } from './api.js';
import { chip, empty, h, moment, section } from './dom.js';
import { titleOf } from './home.js';
import { lines, traceOf } from './trace.js';

/** @typedef {import('./api.js').Device} Device */
/** @typedef {import('./api.js').Notification} Notification */
/** @typedef {import('./api.js').Preferences} Preferences */
/** @typedef {import('./api.js').TraceStep} TraceStep */
/** @typedef {import('./main.js').Visit} Visit */
/** @typedef {import('./main.js').View} View */

/** Notifications in which a user is looked for: no list of the API goes by user. */
const LOOKED_AT = 20;

/**
 * What is known of a person, and what became of the last notifications for them.
 * @param {Visit} visit
 * @param {string} app
 * @param {string} userId
 * @returns {Promise<View>}
 */
export async function user({ signal }, app, userId) {
  const path = `/v1/users/${encodeURIComponent(userId)}`;
  const [devices, preferences, found] = await Promise.all([
    call('GET', `${path}/devices`, { app, signal }),
    call('GET', `${path}/preferences`, { app, signal }),
    concerning(app, userId, signal),
  ]);
  const { data } = /** @type {import('./api.js').Page<Device>} */ (devices);
  return {
    heading: `Why did ${userId} not get it?`,
    up: ['The app', `#/app/${app}`],
    body: [
      section('Devices', deviceList(data)),
      section('Wishes', ...wishes(/** @type {Preferences} */ (preferences)).map((wish) => h('p', {}, wish))),
      section(
        `In the last ${LOOKED_AT} notifications`,
        ...found.map((one) => story(app, one)),
        found.length === 0 && NONE(),
      ),
    ],
  };
}

const NONE = () =>
  empty(
    'None of them names this user; of each, the first 200 deliveries were looked at. Should a vendor have told of ' +
      'something? The last events of the app say what came in.',
  );

/** @param {readonly Device[]} devices */
function deviceList(devices) {
  if (devices.length === 0) return empty('No device is registered for this user: there is nothing to send to.');
  const items = devices.map(({ gateway, platform, tokenTail, state, stateReason, lastSeenAt }) => {
    const about = h('span', { class: 'quiet' }, 'last seen ', moment(lastSeenAt));
    const name = `${gateway} · ${platform} · token …${tokenTail}`;
    return h(
      'li',
      {},
      h('span', { class: 'grow' }, name, about),
      chip(state, stateReason ? `${state}: ${stateReason}` : state),
    );
  });
  return h('ul', { class: 'rows' }, ...items);
}

/** @param {Preferences} preferences */
function wishes({ pushEnabled, optedOut, dndStart, dndEnd, dndTimeZone }) {
  const said = [
    pushEnabled ? '' : 'No pushes at all: this user has switched them off.',
    optedOut.length > 0 ? `Nothing of: ${optedOut.join(', ')}.` : '',
    dndStart !== null && dndEnd !== null
      ? `Not to be disturbed from ${dndStart} to ${dndEnd} (${dndTimeZone ?? 'zone of the device or the app'}).`
      : '',
  ].filter(Boolean);
  return said.length > 0 ? said : ['None that keeps a push away.'];
}

/** @typedef {{ readonly notification: Notification, readonly steps: readonly TraceStep[] }} Story */

/**
 * @param {string} app
 * @param {Story} story
 */
function story(app, { notification, steps }) {
  const link = h('a', { href: `#/app/${app}/trace/${notification.id}` }, titleOf(notification));
  return h('div', { class: 'card' }, h('h3', {}, link), lines(steps));
}

/**
 * The last notifications that name a user, with the lines that do.
 * @param {string} app
 * @param {string} userId
 * @param {AbortSignal} signal
 * @returns {Promise<Story[]>}
 */
async function concerning(app, userId, signal) {
  const last = await call('GET', `/v1/notifications?limit=${LOOKED_AT}`, { app, signal });
  const { data } = /** @type {import('./api.js').Page<Notification>} */ (last);
  const looked = data.map(async (notification) => {
    const { steps } = await traceOf(app, notification.id, signal);
    return { notification, steps: steps.filter(({ text }) => names(text, userId)) };
  });
  return (await Promise.all(looked)).filter(({ steps }) => steps.length > 0);
}

/**
 * Whether a line is about a user: `apns · ios · user u-1: …`, `accounts u-1, u-2`.
 * @param {string} text
 * @param {string} userId
 */
function names(text, userId) {
  const literal = userId.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`(?:^|[ ,])${literal}(?=$|[ ,:])`).test(text);
}
