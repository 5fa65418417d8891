import { run } from '../../../bench/support/postgres.js';
import { publicId } from '../../../src/platform/ids.js';
import { numberIn } from '../stage/tenants.js';
import type { Check } from './evidence.js';

// Every row belongs to the app of what it came from and of what it goes to.
const CROSSED = `
  SELECT d.id, 'delivery' AS kind FROM delivery d
  LEFT JOIN notification n ON n.id = d.notification_id
  LEFT JOIN device v ON v.id = d.device_id
  LEFT JOIN integration i ON i.id = d.integration_id
  WHERE d.app_id IS DISTINCT FROM n.app_id OR (d.device_id IS NOT NULL AND d.app_id IS DISTINCT FROM v.app_id)
     OR (d.integration_id IS NOT NULL AND d.app_id IS DISTINCT FROM i.app_id)
  UNION ALL
  SELECT n.id, 'notification' FROM notification n JOIN inbound_event e ON e.id = n.event_id WHERE e.app_id <> n.app_id
  UNION ALL
  SELECT e.id, 'event' FROM inbound_event e JOIN integration i ON i.id = e.integration_id WHERE e.app_id <> i.app_id`;

const TRIED = 5;

/** Nothing of one app is in another, reaches its devices, or is shown to its key. */
export const foreign: Check = async ({ stage, senders, rows, pushes }, expectNone) => {
  const ownerOf = (number: number) =>
    stage.tenants.find(({ numbers: [first, end] }) => number >= first && number < end);
  await run(stage.databaseUrl, async (client) => {
    expectNone('rows of a foreign app', (await client.query(CROSSED)).rows);
  });
  if (senders) {
    expectNone(
      'events in a foreign app',
      rows.events.filter(({ appId, mark }) => mark !== null && senders.expected(mark).tenant.uuid !== appId),
    );
  }
  const appOf = new Map(rows.deliveries.map(({ id, appId }) => [id, appId]));
  expectNone(
    'pushes to a foreign app',
    pushes.filter(({ token, appId, deliveryId }) => {
      const owner = ownerOf(numberIn(token));
      return owner?.uuid !== appId || appOf.get(deliveryId) !== appId;
    }),
  );
  const answered: string[] = [];
  for (const { api, uuid } of stage.tenants) {
    const others = rows.notifications.filter(({ appId }) => appId !== uuid).slice(0, TRIED);
    for (const { id } of others) {
      const path = `/v1/notifications/${publicId('ntf', id)}`;
      const kept = await api.call('GET', path).then(
        () => false,
        (error: Error) => error.message.includes('answered 404'),
      );
      if (!kept) answered.push(path);
    }
  }
  expectNone('replies about a foreign app', answered);
};
