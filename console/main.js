/** Which page an address means, and who sees it. */
import { call, isSignedOut, Refusal } from './api.js';
import { h } from './dom.js';
import { app, home } from './home.js';
import { password, refused, signIn, welcome } from './sign-in.js';
import { trace } from './trace.js';
import { user } from './user.js';

/** @typedef {import('./api.js').Session} Session */
/** @typedef {import('./dom.js').Child} Child */
/**
 * `lost`: whether an error only says that the session is over, which is then dealt with.
 * @typedef {{ readonly signal: AbortSignal, readonly session: Session | undefined,
 *   readonly enter: (session: Session) => void, readonly lost: (error: unknown) => boolean }} Visit
 */
/** @typedef {readonly [words: string, address: string]} Link */
/**
 * `up`: where one came from; `narrow`: for a form.
 * @typedef {{ readonly heading: string, readonly body: readonly Child[], readonly up?: Link, readonly narrow?: boolean }} View
 */
/** @typedef {(visit: Visit, ...parts: string[]) => View | Promise<View>} Page */
/** @typedef {readonly [address: RegExp, page: Page, open?: 'open']} Route `open`: for people who are not signed in. */

/** @type {readonly Route[]} */
const ROUTES = [
  [/^#\/welcome\/([\w-]+)$/, welcome, 'open'],
  [/^#\/sign-in$/, signIn, 'open'],
  [/^#\/refused\/([\w.]+)$/, refused, 'open'],
  [/^#\/password$/, password],
  [/^#\/app\/([^/]+)$/, app],
  [/^#\/app\/([^/]+)\/trace\/([^/]+)$/, trace],
  [/^#\/app\/([^/]+)\/user\/([^/]+)$/, user],
  [/^(?:#\/?)?$/, home],
];

const SIGN_IN = '#/sign-in';
const ENDED = 'Your session has ended. Sign in again to go on.';

const view = /** @type {HTMLElement} */ (document.getElementById('view'));
/** Is there all the time, so that what it comes to say is read aloud. */
const said = /** @type {HTMLElement} */ (document.getElementById('said'));
const nav = /** @type {HTMLElement} */ (document.getElementById('nav'));

/** @type {Session | undefined} */
let session;
/** What the next page says first. */
let sentence = '';
/** Where somebody wanted to go who had to sign in first. */
let wanted = '#/';
let visiting = new AbortController();

async function show() {
  visiting.abort();
  visiting = new AbortController();
  const { signal } = visiting;
  view.setAttribute('aria-busy', 'true');
  try {
    const page = await pageAt(location.hash, signal);
    if (page && !signal.aborted) draw(page);
  } catch (error) {
    if (!signal.aborted && !lost(error)) draw(failure(error));
  }
}

/**
 * @param {string} address
 * @param {AbortSignal} signal
 * @returns {Promise<View | undefined>} undefined: another page takes its place.
 */
async function pageAt(address, signal) {
  const [route, parts = []] = routeOf(address);
  if (!route) return { heading: 'There is no such page', body: [h('a', { href: '#/' }, 'To your apps')] };
  const [, page, open] = route;
  if (!open) session ??= /** @type {Session} */ (await call('GET', '/v1/session', { signal }));
  return page({ signal, session, enter, lost }, ...parts);
}

/**
 * @param {string} address
 * @returns {[Route?, string[]?]}
 */
function routeOf(address) {
  for (const route of ROUTES) {
    const match = route[0].exec(address);
    if (match) return [route, match.slice(1).map(decoded)];
  }
  return [];
}

/** @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** @param {Session} entered */
function enter(entered) {
  session = entered;
  const next = wanted;
  wanted = '#/';
  go(next);
}

/** @param {unknown} error */
function lost(error) {
  if (!isSignedOut(error)) return false;
  const known = session !== undefined || (error instanceof Refusal && error.problem.code === 'auth.session_ended');
  wanted = location.hash;
  leave(known ? ENDED : '');
  return true;
}

/** @param {string} said */
function leave(said) {
  session = undefined;
  sentence = said;
  go(SIGN_IN);
}

/** Not by a step of the history: nobody goes back to a link that was used up, or to a page of a session that is over. */
function go(/** @type {string} */ address) {
  history.replaceState(null, '', address);
  void show();
}

async function signOut() {
  try {
    await call('DELETE', '/v1/session');
  } catch (error) {
    if (!isSignedOut(error)) return draw(failure(error));
  }
  wanted = '#/';
  leave('You are signed out.');
}

/**
 * @param {unknown} error
 * @returns {View}
 */
function failure(error) {
  if (!(error instanceof Refusal)) throw error;
  const { title, detail, status } = error.problem;
  const words = status === 404 ? 'There is no such thing, or you have no part in it.' : (detail ?? '');
  const again = h('button', { type: 'button' }, 'Try again');
  again.addEventListener('click', () => void show());
  return { heading: title, up: ['Your apps', '#/'], body: [h('p', { role: 'alert' }, words), again] };
}

/** @param {View} page */
function draw({ heading, body, up, narrow = false }) {
  const title = h('h1', { tabindex: '-1' }, heading);
  const way = up && h('p', { class: 'up' }, h('a', { href: up[1] }, `‹ ${up[0]}`));
  document.title = `${heading} · Bellhop`;
  view.className = narrow ? 'narrow' : '';
  view.replaceChildren(way ?? '', title, ...body.filter(isThere));
  said.textContent = sentence;
  view.removeAttribute('aria-busy');
  sentence = '';
  nav.replaceChildren(...links());
  // A form is what one came for; elsewhere reading begins at the heading.
  /** @type {HTMLElement | null} */
  const input = narrow ? view.querySelector('input:enabled:not([hidden])') : null;
  (input ?? title).focus();
}

/** @param {Child} child @returns {child is Node | string} */
const isThere = (child) => child !== false && child !== null && child !== undefined;

function links() {
  const docs = h('a', { href: '/docs' }, 'API documentation');
  if (!session) return [docs];
  const out = h('button', { type: 'button', class: 'plain' }, 'Sign out');
  out.addEventListener('click', () => void signOut());
  return [h('a', { href: '#/' }, 'Apps'), docs, h('a', { href: '#/password' }, 'Password'), out];
}

document.getElementById('skip')?.addEventListener('click', () => view.focus());
addEventListener('hashchange', () => void show());
void show();
