/** The pages of somebody who signs in, and of the password. */
import { call, Refusal } from './api.js';
import { h, notice } from './dom.js';
import { Form } from './form.js';

/** @typedef {import('./api.js').Session} Session */
/** @typedef {import('./main.js').Visit} Visit */
/** @typedef {import('./main.js').View} View */

const NEW_PASSWORD = {
  type: 'password',
  autocomplete: 'new-password',
  hint: 'At least 12 characters; a few words are best.',
};

/**
 * Chooses a password by a link. Only the API knows whose link it is: it asks the first person of all who they are.
 * @param {Visit} visit
 * @param {string} token
 * @returns {View}
 */
export function welcome({ enter }, token) {
  const told = h('p', { role: 'status' }, 'Choose the password that you will sign in with. The link serves once.');
  /** @type {Form} */
  const form = new Form(
    [
      { name: 'email', label: 'E-mail address', type: 'email', autocomplete: 'username', hidden: true },
      { name: 'name', label: 'Name', autocomplete: 'name', optional: true, hidden: true },
      { name: 'password', label: 'Password', ...NEW_PASSWORD },
    ],
    'Choose the password',
    async (values) => enter(await sessionOf('/v1/session/link', { token, ...values })),
    (error) => {
      if (!asksWho(error) || !form.hides('email')) return false;
      told.textContent = 'You are the first to come in, and will be the admin of everything. Who are you?';
      form.reveal(['email', 'name']);
      return true;
    },
  );
  return { heading: 'Welcome', narrow: true, body: [told, form.element] };
}

/** @param {unknown} error */
const asksWho = (error) => error instanceof Refusal && error.problem.errors?.some(({ field }) => field === '/email');

/**
 * @param {Visit} visit
 * @returns {Promise<View>}
 */
export async function signIn({ enter, signal }) {
  /** @type {Form} */
  const form = new Form(
    [
      { name: 'email', label: 'E-mail address', type: 'email', autocomplete: 'username' },
      { name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password' },
    ],
    'Sign in',
    async (values) => enter(await sessionOf('/v1/session', values)),
  );
  const settings = await call('GET', '/console/settings.json', { signal });
  const { provider } = /** @type {{ readonly provider: boolean }} */ (settings);
  const other = provider && [
    h('p', { class: 'or' }, 'or'),
    h('a', { class: 'button', href: '/v1/session/oidc' }, 'Sign in with your provider'),
  ];
  const help = h('p', { class: 'hint' }, 'Forgotten the password? An admin can make a link for another one.');
  return { heading: 'Sign in', narrow: true, body: [form.element, ...(other || []), help] };
}

/** What the API says of people who come back from the provider. @type {Readonly<Record<string, string>>} */
const REFUSALS = {
  'auth.not_admitted': 'The provider knows you, but you have no access here. An admin can let you in.',
  'auth.provider_away': 'The provider does not answer. Try again, or use a password.',
  'auth.sign_in_stale': 'This took longer than ten minutes, or began in another browser. Begin again.',
  'auth.too_many_attempts': 'There were too many attempts. Try again in a quarter of an hour.',
};

/**
 * Says why the provider's word was not enough, above the ways to try again.
 * @param {Visit} visit
 * @param {string} code
 * @returns {Promise<View>}
 */
export async function refused(visit, code) {
  const { body, ...page } = await signIn(visit);
  const words = REFUSALS[code] ?? 'The provider has not proved who you are. Begin again.';
  return { ...page, body: [h('p', { class: 'error', role: 'alert' }, words), ...body] };
}

/**
 * @param {Visit} visit
 * @returns {View}
 */
export function password({ session, lost }) {
  const done = h('div', { role: 'status' });
  /** @type {Form} */
  const form = new Form(
    [
      { name: 'current', label: 'Current password', type: 'password', autocomplete: 'current-password' },
      { name: 'next', label: 'New password', ...NEW_PASSWORD },
    ],
    'Change the password',
    async (body) => {
      done.replaceChildren();
      await call('PUT', '/v1/session/password', { body });
      form.clear();
      done.replaceChildren(notice('Your password was changed. You are signed out everywhere else.'));
    },
    (error) => {
      return lost(error) || (isWrongPassword(error) && form.blame('current', 'is wrong'));
    },
  );
  // For what remembers passwords: whose this one is.
  form.element.prepend(h('input', { autocomplete: 'username', value: session?.email, readonly: true, hidden: true }));
  const whose = h('p', {}, `Of ${session?.email ?? ''}. All your other sessions end.`);
  return { heading: 'Change the password', narrow: true, body: [whose, done, form.element] };
}

/** @param {unknown} error */
const isWrongPassword = (error) => error instanceof Refusal && error.problem.code === 'auth.password_wrong';

/**
 * @param {string} path
 * @param {object} body
 */
const sessionOf = async (path, body) => /** @type {Session} */ (await call('POST', path, { body }));
