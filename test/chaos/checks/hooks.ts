import { publicId } from '../../../src/platform/ids.js';
import type { Check } from './evidence.js';

/** Our own webhooks: each is repeated only after an attempt whose fate is not known, and none is made up. */
export const hooks: Check = ({ stage, rows }, expectNone) => {
  const { requests } = stage.gateways.receiver;
  const taken = Map.groupBy(
    requests.filter(({ answer }) => answer.startsWith('2')),
    ({ id }) => id,
  );
  const known = new Map(rows.messages.map((message) => [`msg_${message.id.replaceAll('-', '')}`, message]));
  stage.chaos.findings.figure('webhooks', rows.messages.length);
  stage.chaos.findings.figure(
    'webhooks that arrived twice',
    [...taken.values()].filter((same) => same.length > 1).length,
  );
  expectNone(
    'webhooks that never arrived',
    [...known].filter(([id, { state }]) => state === 'delivered' && !taken.has(id)),
  );
  expectNone(
    'webhooks of no message',
    [...taken.keys()].filter((id) => !known.has(id)),
  );
  expectNone(
    'webhooks repeated without a mark',
    [...taken].filter(([id, same]) => same.length > 1 && !known.get(id)?.unsure).map(([id]) => id),
  );
  const done = rows.messages.filter(({ type }) => type === 'notification.done');
  expectNone(
    'notifications announced as done more than once',
    [...Map.groupBy(done, ({ subject }) => subject)].filter(([, same]) => same.length > 1).map(([subject]) => subject),
  );
  const ended = new Set(
    rows.notifications.filter(({ state }) => state === 'done').map(({ id }) => publicId('ntf', id)),
  );
  expectNone(
    'notifications announced as done that are not',
    done.filter(({ subject }) => subject === null || !ended.has(subject)),
  );
  for (const { body } of requests) stage.outputs.search('webhook', body);
};
