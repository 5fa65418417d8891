/** Pieces of a page. Everything that came from elsewhere becomes text, never markup. */

/** @typedef {Node | string | false | null | undefined} Child */
/** @typedef {Readonly<Record<string, string | number | boolean | undefined>>} Attributes false and undefined: left out. */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.filter((child) => child !== false && child !== null && child !== undefined));
  return element;
}

const MOMENT = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

/** A moment, in the zone of who looks. @param {string} iso */
export const moment = (iso) => h('time', { datetime: iso, title: iso }, MOMENT.format(new Date(iso)));

const COUNT = new Intl.NumberFormat('en');

/**
 * `1,204 targets`, `1 target`.
 * @param {number} count
 * @param {string} noun
 */
export const counted = (count, noun) => `${COUNT.format(count)} ${noun}${count === 1 ? '' : 's'}`;

/** Words of the API for states, outcomes and stages that are good news, or bad; all others are neither. */
const GOOD = 'delivered opened accepted routed active receipt';
const WAIT = 'queued held paused scheduled planning sending skipped suspect throttled transient quotaExhausted ignored';
const BAD = 'failed dead expired unknown quarantined retired rejected invalidTarget wrongBinding misconfigured';

/** @param {string} word */
export function toneOf(word) {
  const tones = Object.entries({ good: GOOD, wait: WAIT, bad: BAD });
  return tones.find(([, words]) => words.split(' ').includes(word))?.[0] ?? 'plain';
}

/**
 * A state, as the API calls it.
 * @param {string} state
 * @param {string} [text]
 */
export const chip = (state, text = state) => h('span', { class: `chip ${toneOf(state)}` }, text);

/**
 * A part of a page under a heading.
 * @param {string} heading
 * @param {...Child} children
 */
export const section = (heading, ...children) => h('section', {}, h('h2', {}, heading), ...children);

/** Words where a list would be. @param {string} text */
export const empty = (text) => h('p', { class: 'empty' }, text);

/** @param {string} text */
export const notice = (text) => h('p', { class: 'notice', role: 'status' }, text);
