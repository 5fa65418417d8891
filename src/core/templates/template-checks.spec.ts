import { draftIssues, type TemplateDraft } from './template-checks.js';

const EMITTED = ['conversation.message', 'presence.changed', 'acme.order_shipped'];

function issues(draft: Partial<TemplateDraft>): [field: string, message: string][] {
  const whole = { kind: 'conversation.message', locale: 'en', body: 'Hello', ...draft };
  return draftIssues(whole, EMITTED).map(({ field, message }) => [field, message]);
}

describe('draftIssues', () => {
  it.each<Partial<TemplateDraft>>([
    {},
    { title: null, messageType: null },
    { title: '{{app.name}}', body: '{{sender.name}}: {{message.text}}', messageType: 'text' },
    { kind: 'ticket.replied', body: '#{{ticket.id}}' },
    { kind: 'acme.order_shipped', body: '{{copy.body}} {{attributes.order}}' },
  ])('finds nothing in %j', (draft) => {
    expect(issues(draft)).toEqual([]);
  });

  it.each([
    'conversation.massage',
    'presence.changed',
    'push.requested',
    'tags.replaced',
    'other.thing',
    'constructor',
    '',
  ])('knows no kind %p', (kind) => {
    const [issue, ...others] = issues({ kind });
    expect([issue?.[0], others]).toEqual(['/kind', []]);
    expect(issue?.[1]).toMatch(/^must be one of conversation\.message, .*ticket\.replied.*, acme\.order_shipped$/);
  });

  it('has types for messages alone', () => {
    expect(issues({ kind: 'ticket.replied', messageType: 'text' })).toEqual([
      ['/messageType', 'is for conversation.message alone'],
    ]);
  });

  it('names the unknown variables, and those that the kind has', () => {
    expect(issues({ kind: 'ticket.replied', body: '{{ticket.no}} {{sender.name}} {{ x }}' })).toEqual([
      ['/body', 'must not use {{ticket.no}}, {{x}}; known are app.name, count, ticket.id, sender.name, message.text'],
    ]);
  });

  it('names every text that is at fault', () => {
    expect(issues({ title: '{{#a}}', body: '{{{count}}}' }).map(([field]) => field)).toEqual(['/title', '/body']);
    expect(issues({ title: '{{message.txt}}', body: ' \n ' })).toEqual([
      ['/title', expect.stringContaining('{{message.txt}}')],
      ['/body', 'must hold more than blanks'],
    ]);
  });
});
