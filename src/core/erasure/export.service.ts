import { chunks, type InboundEvent } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { publicId } from '../../platform/ids.js';
import { Sql } from '../../platform/sql.js';
import { tagsView } from '../audiences/tags.dto.js';
import { TagsService } from '../audiences/tags.service.js';
import type { Device } from '../devices/device.entity.js';
import { deviceView } from '../devices/devices.dto.js';
import { DevicesService } from '../devices/devices.service.js';
import { behindEventsOf } from '../inbound/callback-range.js';
import { identityView } from '../users/identities.dto.js';
import { IdentitiesService } from '../users/identities.service.js';
import { preferencesView } from '../users/preferences.dto.js';
import { PreferencesService } from '../users/preferences.service.js';
import { presenceView } from '../users/presence.dto.js';
import { PresenceService } from '../users/presence.service.js';
import type {
  ExportedCallback,
  ExportedDelivery,
  ExportedEvent,
  ExportedMessage,
  ExportedNotification,
  ExportedReceipt,
  ExportedTagMirror,
  UserExport,
} from './erasure.dto.js';
import { type Person, valuesAt } from './person.js';
import { deliveryPages } from './person-deliveries.js';
import { callbackPages, eventPages, type PersonalEvent } from './person-events.js';
import { type EventSources, PersonNames } from './person-names.js';
import { namedNotifications, notificationPages } from './person-notifications.js';
import { messagePages, receiptPages } from './person-reports.js';

/** Callbacks whose bytes are in memory together. */
const CALLBACKS_AT_ONCE = 200;
const DEVICES_AT_ONCE = 200;

type Pages<T> = AsyncIterable<readonly T[]>;
type Lists = {
  readonly [K in keyof UserExport as UserExport[K] extends readonly unknown[] ? K : never]: Pages<
    UserExport[K] extends readonly (infer T)[] ? T : never
  >;
};

/** Tells everything that is known of a person, piece by piece. */
@Injectable()
export class ExportService {
  constructor(
    private readonly sql: Sql,
    private readonly clock: Clock,
    private readonly names: PersonNames,
    private readonly identities: IdentitiesService,
    private readonly devices: DevicesService,
    private readonly preferences: PreferencesService,
    private readonly presence: PresenceService,
    private readonly tags: TagsService,
  ) {}

  /** The text of a {@link UserExport}. Whatever can be found out at once has been found out when this resolves. */
  async export(appId: string, userId: string): Promise<AsyncIterable<string>> {
    const person = await this.names.find(appId, userId);
    const sources = await this.names.sources(appId);
    const exportedAt = this.clock.now();
    const preferences = preferencesView(await this.preferences.find(appId, userId));
    const tags = tagsView(userId, await this.tags.find(appId, userId));
    const head: Partial<UserExport> = { userId, exportedAt, preferences, tags };
    return textOf(head, this.listsOf(person, sources));
  }

  private listsOf(person: Person, sources: EventSources): Lists {
    const { appId, userId } = person;
    return {
      identities: single(async () => (await this.identities.list(appId, userId)).map(identityView)),
      devices: this.devicePages(person),
      presence: single(async () => (await this.presence.list(appId, userId)).map(presenceView)),
      tagMirror: single(() => this.tagMirror(person)),
      events: this.eventsOf(person, sources),
      callbacks: this.callbacksOf(person, sources),
      deliveries: this.deliveriesOf(person),
      notifications: this.notificationsOf(person),
      receipts: this.receiptsOf(person),
      webhookMessages: this.messagesOf(person),
    };
  }

  private async *devicePages({ appId, userId, devices }: Person) {
    const tokens = new Map(devices.map(({ id, token }) => [id, token]));
    const load = this.devices.loadOfUser(appId, userId);
    for (let before: string | undefined; ;) {
      const rows: readonly Device[] = await load(before, DEVICES_AT_ONCE);
      yield rows.map((row) => deviceView(row, tokens.get(row.id) ?? ''));
      before = rows.at(-1)?.id;
      if (rows.length < DEVICES_AT_ONCE) return;
    }
  }

  private async tagMirror({ appId, userId }: Person): Promise<ExportedTagMirror[]> {
    const rows = await this.sql.query<ExportedTagMirror & object>(
      `SELECT integration_id AS "integrationId", state, updated_at AS "updatedAt" FROM tag_outbox
       WHERE app_id = $1 AND user_id = $2 ORDER BY integration_id`,
      [appId, userId],
    );
    return rows.map((row) => ({ ...row, integrationId: publicId('int', row.integrationId) }));
  }

  private async *eventsOf(person: Person, sources: EventSources): Pages<ExportedEvent> {
    for await (const page of eventPages(this.sql, person, sources)) {
      yield page.map((event) => exportedEvent(event, person));
    }
  }

  private async *callbacksOf(person: Person, sources: EventSources): Pages<ExportedCallback> {
    const told = new Set<string>();
    for await (const page of eventPages(this.sql, person, sources)) {
      const theirs = new Set(page.filter(({ left }) => left === null).map(({ callbackId }) => callbackId));
      yield* this.bytesOf(
        person,
        [...theirs].filter((id) => !told.has(id) && told.add(id)),
        page,
      );
    }
    for await (const ids of callbackPages(this.sql, person)) {
      yield* this.bytesOf(
        person,
        ids.filter((id) => !told.has(id)),
        [],
      );
    }
  }

  /** Of callbacks that brought nothing about others. */
  private async *bytesOf(
    { appId }: Person,
    ids: readonly string[],
    theirs: readonly PersonalEvent[],
  ): Pages<ExportedCallback> {
    const known = theirs.filter(({ left }) => left === null).map(({ id }) => id);
    for (const part of chunks(ids.toSorted(), CALLBACKS_AT_ONCE)) {
      const [first, last] = [part[0] as string, part.at(-1) as string];
      const rows = await this.sql.query<RawCallback & object>(RAW, [appId, part, known, first, behindEventsOf(last)]);
      yield rows.map(exportedCallback);
    }
  }

  private async *deliveriesOf(person: Person): Pages<ExportedDelivery> {
    for await (const page of deliveryPages(this.sql, person)) {
      const theirs = page.filter(({ isTheirs }) => isTheirs);
      const ids = theirs.map(({ notificationId }) => notificationId);
      const rows = await namedNotifications(this.sql, person.appId, ids);
      const notifications = new Map(rows.map((row) => [row.id, row]));
      yield theirs.map(({ id, notificationId, deviceId, channel, state, reason, createdAt, updatedAt }) => ({
        id: publicId('dlv', id),
        notificationId: publicId('ntf', notificationId),
        category: notifications.get(notificationId)?.category ?? '',
        content: notifications.get(notificationId)?.content ?? {},
        channel,
        deviceId: deviceId && publicId('dev', deviceId),
        state,
        reason,
        createdAt,
        updatedAt,
      }));
    }
  }

  private async *notificationsOf(person: Person): Pages<ExportedNotification> {
    for await (const page of notificationPages(this.sql, person)) {
      yield page.map(({ id, category, content, createdAt }) => {
        return { id: publicId('ntf', id), category, content, createdAt };
      });
    }
  }

  private async *receiptsOf(person: Person): Pages<ExportedReceipt> {
    for await (const { keys } of receiptPages(this.sql, person)) {
      yield keys.map(({ deliveryId, kind, at }) => ({ deliveryId: publicId('dlv', deliveryId), kind, at }));
    }
  }

  private async *messagesOf(person: Person): Pages<ExportedMessage> {
    for await (const page of messagePages(this.sql, person)) {
      yield page.map(({ id, type, payload, createdAt }) => {
        return { id: publicId('whm', id), type, payload: JSON.parse(payload) as object, createdAt };
      });
    }
  }
}

interface RawCallback {
  readonly integrationId: string;
  readonly receivedAt: Date;
  readonly path: string;
  /** JSON. */
  readonly query: string;
  readonly body: Buffer;
}

const RAW = `
  SELECT r.integration_id AS "integrationId", r.received_at AS "receivedAt", r.path, r.query, r.body FROM inbound_raw r
  WHERE r.app_id = $1 AND r.callback_id = ANY($2::uuid[]) AND NOT EXISTS (
    SELECT FROM inbound_event e
    WHERE e.app_id = $1 AND e.callback_id = r.callback_id AND e.id > $4 AND e.id < $5 AND e.event IS NOT NULL
      AND e.id <> ALL($3::uuid[]))
  ORDER BY r.callback_id`;

function exportedCallback({ integrationId, receivedAt, path, query, body }: RawCallback): ExportedCallback {
  return {
    integrationId: publicId('int', integrationId),
    receivedAt,
    path,
    query: JSON.parse(query) as object,
    bodyBase64: body.toString('base64'),
  };
}

function exportedEvent(row: PersonalEvent, person: Person): ExportedEvent {
  const { id, integrationId, kind, receivedAt, event, left } = row;
  return {
    id: publicId('evt', id),
    integrationId: publicId('int', integrationId),
    kind,
    receivedAt,
    event: { ...event, recipient: shownRecipient(event, valuesAt(person, integrationId), left === null) },
  };
}

/** Addresses of devices are secrets, and who else is in a group is nobody's business. */
function shownRecipient({ recipient, conversation }: InboundEvent, values: ReadonlySet<string>, isTheirs: boolean) {
  const isGroup = conversation?.type === 'group';
  return {
    identities: recipient.identities.filter(({ value }) => !isGroup || values.has(value)),
    devices: isTheirs ? recipient.devices.map(({ platform }) => ({ platform })) : [],
  };
}

async function* single<T>(load: () => Promise<readonly T[]>): Pages<T> {
  yield await load();
}

/** One JSON object: its plain parts, then its lists, item by item. */
async function* textOf(head: object, lists: Readonly<Record<string, Pages<unknown>>>): AsyncIterable<string> {
  yield JSON.stringify(head).slice(0, -1);
  for (const [name, pages] of Object.entries(lists)) {
    yield `,${JSON.stringify(name)}:[`;
    let isFirst = true;
    for await (const page of pages) {
      if (page.length === 0) continue;
      yield (isFirst ? '' : ',') + page.map((item) => JSON.stringify(item)).join(',');
      isFirst = false;
    }
    yield ']';
  }
  yield '}';
}
