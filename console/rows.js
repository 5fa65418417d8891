/** Lists of the API, newest first, a page at a time. */
import { call } from './api.js';
import { empty, h } from './dom.js';

/** @typedef {import('./api.js').Page<unknown>} AnyPage */
/** @typedef {import('./dom.js').Child} Child */
/** @typedef {import('./main.js').Visit} Visit */
/** @typedef {{ readonly none: string, readonly noun: string }} Words `none`: instead of an empty list. */

const LIMIT = 10;

/**
 * @param {Visit} visit
 * @param {string} path of the list
 * @param {string | undefined} app
 * @param {(row: unknown) => readonly Child[]} draw
 * @param {Words} words
 * @returns {Promise<HTMLElement>}
 */
export async function rows({ signal, lost }, path, app, draw, { none, noun }) {
  const list = h('ul', { class: 'rows' });
  const more = h('button', { type: 'button' }, `Older ${noun}`);
  const problem = h('p', { class: 'error', role: 'alert' });
  /** @type {string | null} */
  let cursor = null;

  const load = async () => {
    const query = new URLSearchParams({ limit: String(LIMIT), ...(cursor !== null && { cursor }) });
    const page = /** @type {AnyPage} */ (await call('GET', `${path}?${query}`, { app, signal }));
    const drawn = page.data.map((row) => h('li', { tabindex: '-1' }, ...draw(row)));
    list.append(...drawn);
    cursor = page.nextCursor;
    more.hidden = cursor === null;
    return drawn[0];
  };
  more.addEventListener('click', () => {
    problem.textContent = '';
    // Whoever pressed the button goes on reading where the new rows begin.
    load().then(
      (first) => first?.focus(),
      (error) => lost(error) || (problem.textContent = error.message),
    );
  });

  const first = await load();
  return first ? h('div', {}, list, problem, more) : empty(none);
}
