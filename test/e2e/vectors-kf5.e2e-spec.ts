import { loadVectors } from '@bellhop/contracts/testing';
import { entryOf, fixtureBytes, fixturePath, people, VectorBench, withBody } from '../support/vector-bench.js';
import { wireOf } from '../support/vectors.js';

// Every inbound vector of KF5 over HTTP against the running platform on PostgreSQL, one integration each.

const vectors = loadVectors(fixturePath('kf5'));
const sample = entryOf(vectors, 'KF5-IN-01');
const { settings } = sample;
const NOW = new Date('2026-01-15T08:00:00.000Z');
const kf5 = (file: string) => withBody(wireOf(sample), fixtureBytes('kf5', file));
const family = '👩‍👩‍👧‍👦';

const bench = new VectorBench({
  plugin: 'kf5',
  people: people('kf5.user_id', '1', '5', '7', '123', '40057'),
  configOf: ({ dedupeWindowMs }) => ({ dedupeWindowMs }),
});

bench.describeVectors(vectors);
bench.describeRules([
  {
    id: 'KF5-IN-05',
    title: 'five devices: one twice, one of an unknown platform, one blank; the type in capitals, the id a number',
    settings,
    request: kf5('ticket-mixed-devices.json'),
    now: NOW,
    expect: {
      outcome: 'accepted',
      http: { status: 200, body: '{}' },
      events: [
        {
          kind: 'ticket.replied',
          ticketId: '998',
          recipient: {
            identities: [{ type: 'kf5.user_id', value: '40057' }],
            devices: [
              { platform: 'ios', token: 'aa11' },
              { platform: 'android', token: 'bb22' },
              { platform: 'unknown', token: 'cc33' },
            ],
          },
        },
      ],
    },
  },
  {
    id: 'KF5-IN-09',
    title: '120 families are clipped to 99 and an ellipsis, none of them torn apart',
    settings,
    request: kf5('im-long-emoji.json'),
    now: NOW,
    expect: {
      outcome: 'accepted',
      http: { status: 200, body: '{}' },
      events: [{ text: family.repeat(120), notification: { title: '在线客服', body: `${family.repeat(99)}…` } }],
    },
  },
  {
    id: 'KF5-IN-21',
    title: 'commas inside a text survive the repair of the one that is too many',
    settings,
    request: kf5('im-comma-in-string.txt'),
    now: NOW,
    expect: {
      outcome: 'accepted',
      http: { status: 200, body: '{}' },
      parseMode: 'tolerant',
      events: [{ text: 'a,}b,]', notification: { body: 'a,}b,]' } }],
    },
  },
]);
