import { readFileSync } from 'node:fs';
import path from 'node:path';
import { EVENT_KINDS, type InboundEvent } from '@bellhop/contracts';
import { isVariable, TEMPLATE_KINDS, valuesOf, variablesOf, variableTables } from './template-variables.js';

const event: InboundEvent = {
  kind: 'conversation.message',
  key: 'k',
  recipient: { identities: [], devices: [] },
  sender: { id: 'u1', name: 'Amy', role: 'staff' },
  conversation: { id: 'c1' },
  message: { type: 'file', vendorType: 'f', text: 'see there', attachment: { name: 'a.pdf' } },
  ticket: { id: '4711' },
  copy: { title: 'Order', body: 'Shipped' },
  attributes: { order: '42', 'carrier-name': 'UPS' },
  push: { notify: true },
};
const app = { name: 'Shop' };

/** Every variable with what it stands for, and what is left of it when content is hidden. */
const VALUES: readonly (readonly [name: string, value: string, hidden: string | undefined])[] = [
  ['app.name', 'Shop', 'Shop'],
  ['count', '2', '2'],
  ['sender.name', 'Amy', undefined],
  ['message.text', 'see there', undefined],
  ['message.type', 'file', 'file'],
  ['attachment.name', 'a.pdf', undefined],
  ['conversation.id', 'c1', undefined],
  ['ticket.id', '4711', '4711'],
  ['copy.title', 'Order', 'Order'],
  ['copy.body', 'Shipped', undefined],
  ['attributes.order', '42', undefined],
  ['attributes.carrier-name', 'UPS', undefined],
];

describe('valuesOf', () => {
  it.each(VALUES)('%s is %p, hidden %p', (name, value, hidden) => {
    const source = { event, count: 2, app };
    expect([valuesOf(source, false)(name), valuesOf(source, true)(name)]).toEqual([value, hidden]);
  });

  it('is asked about every variable of every kind', () => {
    const asked = new Set(VALUES.map(([name]) => name.replace(/^attributes\..*/, 'attributes.*')));
    const known = [...TEMPLATE_KINDS, 'acme.order_shipped'].flatMap(variablesOf);
    expect(known.filter((name) => !asked.has(name))).toEqual([]);
  });

  it('is nothing where the event says nothing, or blanks', () => {
    const bare: InboundEvent = { kind: 'a.b', key: 'k', recipient: event.recipient, push: event.push };
    const read = valuesOf({ event: { ...bare, sender: { name: '  ', role: 'staff' } }, count: 1, app }, false);
    const silent = VALUES.filter(([name]) => name !== 'app.name' && name !== 'count');
    expect(silent.map(([name]) => read(name))).toEqual(silent.map(() => undefined));
  });

  it.each([
    'constructor',
    '__proto__',
    'toString',
    'hasOwnProperty',
    'sender',
    'sender.role',
    'sender.name.length',
    'event.key',
    'attributes',
    'attributes.',
    'attributes.missing',
    'attributes.constructor',
    'attributes.__proto__',
    'attributes.order.length',
    'app.constructor',
    '',
    '.',
  ])('knows no %p', (name) => {
    expect(valuesOf({ event, count: 1, app }, false)(name)).toBeUndefined();
  });
});

describe('isVariable', () => {
  it.each([
    ['conversation.message', 'message.text', true],
    ['conversation.message', 'ticket.id', false],
    ['conversation.message', 'attributes.order', false],
    ['ticket.replied', 'ticket.id', true],
    ['ticket.replied', 'message.type', false],
    ['acme.order_shipped', 'attributes.order', true],
    ['acme.order_shipped', 'copy.body', true],
    ['acme.order_shipped', 'attributes.a b', false],
    ['acme.order_shipped', 'toString', false],
    ['constructor', 'toString', false],
  ])('of %s: %s %p', (kind, name, known) => {
    expect(isVariable(kind, name)).toBe(known);
  });
});

describe('the kinds', () => {
  it('are all but those that are never shown, or bring their own words', () => {
    expect(EVENT_KINDS.filter((kind) => !TEMPLATE_KINDS.includes(kind))).toEqual([
      'presence.changed',
      'push.requested',
      'tags.replaced',
    ]);
  });

  it('stand in the documentation with their variables', () => {
    const file = path.join(import.meta.dirname, '../../../docs/templates.md');
    const rowsOf = (markdown: string): string[] =>
      markdown
        .split('\n')
        .filter((line) => line.startsWith('| ') && !line.includes('---'))
        .map((line) => line.replaceAll(/ +/g, ' '));
    const documented = rowsOf(readFileSync(file, 'utf8'));
    expect(rowsOf(variableTables()).filter((row) => !documented.includes(row))).toEqual([]);
  });
});
