/** The pages of somebody who is signed in: who they are, and what happens in an app. */
import { call } from './api.js';
import { chip, counted, h, moment, section } from './dom.js';
import { rows } from './rows.js';

/** @typedef {import('./api.js').App} App */
/** @typedef {import('./api.js').Notification} Notification */
/** @typedef {import('./api.js').Session} Session */
/** @typedef {import('./api.js').VendorEvent} VendorEvent */
/** @typedef {import('./main.js').Visit} Visit */
/** @typedef {import('./main.js').View} View */

const MESSAGE_ID = /^(?:evt|ntf|dlv)_[0-9a-f]{32}$/;

/**
 * @param {Visit} visit
 * @returns {Promise<View>}
 */
export async function home(visit) {
  const { session } = visit;
  const everywhere = rolesIn(session, null);
  const none =
    everywhere.length > 0 ? 'There is no app yet.' : 'You have no role in any app yet. An admin can give you one.';
  const apps = await rows(visit, '/v1/session/apps', undefined, (app) => appRow(/** @type {App} */ (app), session), {
    none,
    noun: 'apps',
  });
  const who = h(
    'p',
    { class: 'who' },
    `Signed in as ${session?.email ?? ''}`,
    everywhere.length > 0 && ` · ${everywhere.join(', ')} of everything`,
  );
  return { heading: `Hello ${session?.name ?? ''}`, body: [who, section('Your apps', apps)] };
}

/**
 * @param {App} app
 * @param {Session | undefined} session
 */
function appRow({ id, name }, session) {
  const roles = [...new Set([...rolesIn(session, id), ...rolesIn(session, null)])];
  const link = h('a', { href: appAddress(id) }, name);
  return [h('span', { class: 'grow' }, link), ...roles.map((role) => chip('role', role))];
}

/**
 * @param {Session | undefined} session
 * @param {string | null} appId null: roles in every app.
 */
const rolesIn = (session, appId) =>
  (session?.roles ?? []).filter((role) => role.appId === appId).map(({ role }) => role);

/** @param {string} id */
const appAddress = (id) => `#/app/${id}`;

/**
 * @param {Visit} visit
 * @param {string} id
 * @returns {Promise<View>}
 */
export async function app(visit, id) {
  const [name, notifications, events] = await Promise.all([
    nameOf(visit, id),
    rows(visit, '/v1/notifications', id, (row) => notificationRow(/** @type {Notification} */ (row), id), {
      none: 'Nothing was sent in this app yet.',
      noun: 'notifications',
    }),
    rows(visit, '/v1/events', id, (row) => eventRow(/** @type {VendorEvent} */ (row), id), {
      none: 'No vendor has called this app yet.',
      noun: 'events',
    }),
  ]);
  const lists = [section('Last notifications', notifications), section('Last events of vendors', events)];
  return { heading: name, up: ['Your apps', '#/'], body: [search(id), ...lists] };
}

/**
 * The API of an app belongs to its admins; its name stands in one's own list.
 * @param {Visit} visit
 * @param {string} id
 */
async function nameOf({ signal }, id) {
  const path = '/v1/session/apps?limit=200';
  const { data } = /** @type {import('./api.js').Page<App>} */ (await call('GET', path, { signal }));
  return data.find((app) => app.id === id)?.name ?? id;
}

/** @param {string} appId */
function search(appId) {
  const input = h('input', { id: 'who', name: 'who', required: true, autocomplete: 'off', spellcheck: 'false' });
  const hint = h(
    'p',
    { class: 'hint', id: 'who-hint' },
    'The id of a user, or of a notification, a delivery or an event.',
  );
  input.setAttribute('aria-describedby', 'who-hint');
  const button = h('button', { type: 'submit', class: 'primary' }, 'Find out');
  const label = h('label', { for: 'who' }, 'Why did this user not get it?');
  const form = h(
    'form',
    { role: 'search', class: 'card' },
    label,
    h('div', { class: 'with-button' }, input, button),
    hint,
  );
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const asked = input.value.trim();
    const page = MESSAGE_ID.test(asked) ? 'trace' : 'user';
    if (asked) location.hash = `${appAddress(appId)}/${page}/${encodeURIComponent(asked)}`;
  });
  return form;
}

/**
 * @param {Notification} row
 * @param {string} appId
 */
function notificationRow(row, appId) {
  const { id, category, source, createdAt } = row;
  const link = h('a', { href: `${appAddress(appId)}/trace/${id}` }, titleOf(row));
  const from = source === 'event' ? 'from an event' : 'through the API';
  const about = h('span', { class: 'quiet' }, moment(createdAt), ` · ${category} · ${from} · `, ...progressOf(row));
  return [h('span', { class: 'grow' }, link, about), stateOf(row)];
}

/** @param {Notification} row */
function progressOf({ state, startsAt, targets, pending }) {
  if (state === 'scheduled' && startsAt !== null) return ['starts ', moment(startsAt)];
  return [counted(targets, 'target'), pending > 0 && `, ${pending} pending`];
}

/** @param {Notification} row */
export const stateOf = ({ state, pausedAt }) => (pausedAt === null ? chip(state) : chip('paused', `${state}, paused`));

/** @param {Notification} row */
export function titleOf({ content, category }) {
  const { title, body } = content.copy?.default ?? {};
  return title ?? body ?? category;
}

/**
 * @param {VendorEvent} row
 * @param {string} appId
 */
function eventRow({ id, kind, state, reason, receivedAt }, appId) {
  const link = h('a', { href: `${appAddress(appId)}/trace/${id}` }, kind ?? 'unreadable callback');
  const about = h('span', { class: 'quiet' }, moment(receivedAt));
  return [h('span', { class: 'grow' }, link, about), chip(state, reason === null ? state : `${state}: ${reason}`)];
}
