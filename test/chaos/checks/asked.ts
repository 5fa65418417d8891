import { publicId } from '../../../src/platform/ids.js';
import type { Check } from './evidence.js';

/** Callbacks and requests, as those remember them who made them, beside what became of them. */
export const asked: Check = ({ stage, senders, rows }, expectNone) => {
  const { callbacks, asks } = stage.ledger;
  const byMark = Map.groupBy(rows.events, ({ mark }) => mark);
  const acknowledged = [...callbacks].filter(([, { acknowledged }]) => acknowledged > 0).map(([number]) => number);
  stage.chaos.findings.figure('acknowledged callbacks', acknowledged.length);
  stage.chaos.findings.figure('events', rows.events.length);
  expectNone(
    'acknowledged callbacks without a row',
    acknowledged.filter((mark) => !byMark.has(mark)),
  );
  expectNone(
    'callbacks with more than one row',
    [...byMark].filter(([, same]) => same.length > 1).map(([mark]) => mark),
  );
  expectNone(
    'rows that nobody sent',
    rows.events.filter(({ mark }) => mark === null || !callbacks.has(mark)),
  );
  expectNone(
    'events that ended otherwise than they should',
    rows.events.filter(({ mark, state }) => state !== (senders?.expected(mark ?? 0).state ?? 'routed')),
  );
  if (senders) {
    const deliveriesOf = new Map(rows.notifications.map(({ eventId, deliveries }) => [eventId, deliveries]));
    expectNone(
      'events with more or fewer deliveries than they ask for',
      rows.events.filter(({ id, mark, state }) => {
        const { deliveries } = senders.expected(mark ?? 0);
        return state === 'routed' && (deliveriesOf.get(id) ?? 0) !== deliveries;
      }),
    );
  }
  const byAsk = Map.groupBy(rows.notifications, ({ ask }) => ask);
  const notified = new Map(rows.notifications.map((row) => [publicId('ntf', row.id), row]));
  const answered = [...asks.values()].filter((one) => one.acknowledged > 0).length;
  stage.chaos.findings.figure('acknowledged requests', answered);
  stage.chaos.findings.figure('requests that got no answer in time', asks.size - answered);
  expectNone(
    'acknowledged requests without their notification',
    [...asks].flatMap(([number, { ids }]) => [...ids].filter((id) => notified.get(id)?.ask !== number)),
  );
  expectNone(
    'requests with more than one notification',
    [...byAsk].filter(([ask, same]) => ask !== null && same.length > 1).map(([ask, same]) => [ask, same.length]),
  );
  const eventIds = new Set(rows.events.map(({ id }) => id));
  expectNone(
    'notifications nobody asked for',
    rows.notifications.filter(({ ask, eventId }) =>
      eventId === null ? ask === null || !asks.has(ask) : !eventIds.has(eventId),
    ),
  );
  expectNone(
    'events with more than one notification',
    [...Map.groupBy(rows.notifications, ({ eventId }) => eventId)].filter(
      ([eventId, same]) => eventId !== null && same.length > 1,
    ),
  );
};
