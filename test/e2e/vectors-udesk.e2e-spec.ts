import { loadVectors } from '@bellhop/contracts/testing';
import { entryOf, fixtureBytes, fixturePath, people, VectorBench, withBody } from '../support/vector-bench.js';
import { wireOf } from '../support/vectors.js';

// Every inbound vector of Udesk over HTTP against the running platform on PostgreSQL, one integration each.

const vectors = loadVectors(fixturePath('udesk'));
const NOW = new Date('2026-01-15T08:00:00.000Z');
const udesk = (file: string) => withBody(wireOf(entryOf(vectors, 'UDESK-IN-01')), fixtureBytes('udesk', file));

const bench = new VectorBench({
  plugin: 'udesk',
  people: [...people('udesk.web_token', 'user_10086', '10086'), ...people('udesk.customer_token', 'axb')],
  configOf: () => ({}),
});

bench.describeVectors(vectors);
bench.describeRules([
  {
    id: 'UDESK-IN-10',
    title: 'a conversation that is handed on closes silently',
    request: udesk('close-redirect.json'),
    now: NOW,
    expect: {
      outcome: 'accepted',
      http: { status: 200, body: '' },
      events: [{ kind: 'conversation.closed', notify: false, closeType: 'redirect' }],
    },
    more: ({ rows }) => expect(rows).toMatchObject([{ state: 'routed', reason: 'silent', copy: null }]),
  },
  {
    id: 'UDESK-IN-16',
    title: 'the answer of the other robot, whose messages are one object',
    request: udesk('api-im-urobot.json'),
    now: NOW,
    expect: {
      outcome: 'accepted',
      http: { status: 200, body: '' },
      events: [
        {
          kind: 'conversation.message',
          text: '申诉流程',
          staff: { robot: true },
          recipient: { identities: [{ type: 'udesk.customer_token', value: 'axb' }] },
          notification: { body: '申诉流程' },
        },
      ],
    },
  },
  {
    id: 'UDESK-IN-18',
    title: 'of a batch that partly came before only the new message counts',
    given: udesk('start-and-text.json'),
    request: udesk('partly-new.json'),
    now: NOW,
    expect: { outcome: 'accepted', http: { status: 200, body: '' }, events: [{ messageId: 'm-16', text: '还在吗' }] },
  },
]);
