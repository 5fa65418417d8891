import { Refusal } from './api.js';
import { h } from './dom.js';

/**
 * @typedef {{ readonly name: string, readonly label: string, readonly type?: string, readonly autocomplete?: string,
 *   readonly hint?: string, readonly optional?: boolean, readonly hidden?: boolean }} Field
 */
/** @typedef {{ readonly field: Field, readonly row: HTMLElement, readonly input: HTMLInputElement, readonly error: HTMLElement }} Entry */

/** What is typed on the page at one time has an id of its own. */
let drawn = 0;

/** A form that shows what the API refuses beside the field that it names. */
export class Form {
  /**
   * @param {readonly Field[]} fields
   * @param {string} label of the button
   * @param {(values: Readonly<Record<string, string>>) => Promise<void>} send may throw a {@link Refusal}.
   * @param {(error: unknown) => boolean} [settle] Deals with a refusal itself, and says so.
   */
  constructor(fields, label, send, settle = () => false) {
    this.entries = fields.map(entryOf);
    this.alert = h('p', { class: 'error', role: 'alert' });
    this.button = h('button', { type: 'submit', class: 'primary' }, label);
    this.element = h('form', {}, ...this.entries.map(({ row }) => row), this.alert, this.button);
    this.element.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.submit(send, settle);
    });
  }

  /** Shows fields that were hidden, and goes to the first of them. @param {readonly string[]} names */
  reveal(names) {
    const shown = this.entries.filter(({ field }) => names.includes(field.name));
    for (const { row, input, field } of shown) {
      row.hidden = false;
      input.disabled = false;
      input.required = !field.optional;
    }
    shown[0]?.input.focus();
  }

  /** @param {string} name */
  hides(name) {
    return this.entries.some(({ field, row }) => field.name === name && row.hidden);
  }

  clear() {
    this.element.reset();
    this.forget();
  }

  /**
   * @param {(values: Readonly<Record<string, string>>) => Promise<void>} send
   * @param {(error: unknown) => boolean} settle
   */
  async submit(send, settle) {
    if (this.button.disabled) return;
    this.forget();
    this.button.disabled = true;
    try {
      await send(this.values());
    } catch (error) {
      if (!settle(error)) this.show(error);
      this.entries.find(({ input }) => input.ariaInvalid === 'true')?.input.focus();
    } finally {
      this.button.disabled = false;
    }
  }

  /** What was typed; fields left empty that may be are left out. */
  values() {
    const filled = this.entries.filter(({ input }) => !input.disabled && (input.required || input.value !== ''));
    return Object.fromEntries(filled.map(({ field, input }) => [field.name, input.value]));
  }

  forget() {
    this.alert.textContent = '';
    for (const { input, error } of this.entries) {
      input.removeAttribute('aria-invalid');
      error.textContent = '';
    }
  }

  /** @param {unknown} error */
  show(error) {
    if (!(error instanceof Refusal)) throw error;
    const { title, detail, errors = [] } = error.problem;
    const placed = errors.filter(({ field, message }) => this.blame(field.slice(1), message));
    if (placed.length === 0) this.alert.textContent = detail ?? title;
  }

  /**
   * Says beside a field what is wrong with it.
   * @param {string} name
   * @param {string} message goes on after the label, or after the name that the API has for the field
   * @returns {boolean} whether there is such a field to see
   */
  blame(name, message) {
    const entry = this.entries.find(({ field, row }) => field.name === name && !row.hidden);
    if (!entry) return false;
    entry.input.setAttribute('aria-invalid', 'true');
    const words = message.startsWith(`${name} `) ? message.slice(name.length + 1) : message;
    entry.error.textContent = `${entry.field.label} ${words}.`;
    return true;
  }
}

/**
 * @param {Field} field
 * @returns {Entry}
 */
function entryOf(field) {
  const { name, label, type = 'text', autocomplete = 'off', hint, optional = false, hidden = false } = field;
  const id = `${name}-${++drawn}`;
  const input = h('input', {
    id,
    name,
    type,
    autocomplete,
    required: !optional && !hidden,
    disabled: hidden,
    spellcheck: 'false',
    autocapitalize: 'off',
    'aria-describedby': `${id}-hint ${id}-error`,
  });
  const error = h('p', { class: 'error', id: `${id}-error`, 'aria-live': 'polite' });
  const box = type === 'password' ? h('div', { class: 'with-button' }, input, revealer(input, label)) : input;
  const row = h(
    'div',
    { class: 'field', hidden },
    h('label', { for: id }, label, optional && h('span', { class: 'quiet' }, ' (optional)')),
    box,
    h('p', { class: 'hint', id: `${id}-hint` }, hint),
    error,
  );
  return { field, row, input, error };
}

/**
 * Shows and hides what is typed: one field that can be read is better than two that cannot.
 * @param {HTMLInputElement} input
 * @param {string} label
 */
function revealer(input, label) {
  const name = label.toLowerCase();
  const button = h('button', { type: 'button', 'aria-pressed': 'false', 'aria-label': `Show the ${name}` }, 'Show');
  button.addEventListener('click', () => {
    const shown = input.type === 'password';
    input.type = shown ? 'text' : 'password';
    button.textContent = shown ? 'Hide' : 'Show';
    button.setAttribute('aria-pressed', String(shown));
  });
  return button;
}
