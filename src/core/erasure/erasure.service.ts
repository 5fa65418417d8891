import { Injectable, Logger } from '@nestjs/common';
import { Clock } from '../../platform/clock.js';
import { idAfter, newId, SKEW_MS } from '../../platform/ids.js';
import { Sql } from '../../platform/sql.js';
import { Vault } from '../../platform/vault.js';
import { DevicesService } from '../devices/devices.service.js';
import { PluginRegistry } from '../registry/plugin-registry.js';
import { Lease } from '../work/lease.js';
import { type BegunErasure, Erasures } from './erasures.js';
import { ErasureTally, type TableErasure } from './erasure-tally.js';
import { forgetDirectory } from './forget-directory.js';
import { forgetCallbacks, forgetEvents } from './forget-events.js';
import { forgetAudit, forgetGuards, forgetMessages, forgetReceipts, forgetReplies } from './forget-others.js';
import { NOBODY, type Share } from './forgotten.js';
import { InFlight } from './in-flight.js';
import type { Person, PersonalDevice } from './person.js';
import { deliveryPages, forgetDeliveries, type PersonalDelivery } from './person-deliveries.js';
import { callbackPages, eventPages, type PersonalEvent, waitingEvents } from './person-events.js';
import { type EventSources, PersonNames } from './person-names.js';
import {
  forgetNotifications,
  moveCursors,
  namedNotifications,
  notificationPages,
  theirNotifications,
} from './person-notifications.js';

/** What was erased. */
export interface ErasureReport {
  readonly erasedAt: Date;
  /** Deliveries that had not been sent. */
  readonly cancelled: number;
  readonly tables: readonly TableErasure[];
}

/** An erasure under way, with what it needs. */
interface Work extends BegunErasure {
  readonly sources: EventSources;
  readonly tally: ErasureTally;
}

/** Devices that nobody owns, and that callbacks about the person brought. */
const ORPHANS = `
  DELETE FROM device WHERE app_id = $1 AND user_id IS NULL AND token_hash = ANY($2::bytea[])
  RETURNING id, installation_id AS "installationId"`;

/**
 * Erases people: first from where they are found, then what is on its way, then what is history. Whatever is done stays
 * done; an erasure that breaks off is taken up by the sweep, or by the next call.
 */
@Injectable()
export class ErasureService {
  private readonly log = new Logger(ErasureService.name);

  constructor(
    private readonly sql: Sql,
    private readonly clock: Clock,
    private readonly vault: Vault,
    private readonly names: PersonNames,
    private readonly erasures: Erasures,
    private readonly inFlight: InFlight,
    private readonly devices: DevicesService,
    private readonly registry: PluginRegistry,
    private readonly lease: Lease,
  ) {}

  /** A second call finds what has come since, which is nothing as a rule. */
  async erase(appId: string, userId: string): Promise<ErasureReport> {
    const found = await this.names.find(appId, userId);
    const tally = new ErasureTally();
    const begun = await this.sql.transaction(async (tx) => {
      const erasure = await this.erasures.begin(tx, found);
      await forgetDirectory(tx, erasure.person, tally);
      return erasure;
    });
    return this.carryOut(begun, tally);
  }

  /** Takes up what a process left that is gone. */
  async sweep(): Promise<void> {
    for (;;) {
      const begun = await this.erasures.takeUp(new Date(this.clock.now().getTime() - this.lease.ms));
      if (!begun) return;
      this.log.warn({ appId: begun.person.appId, startedAt: begun.startedAt }, 'An erasure is taken up again');
      await this.carryOut(begun, new ErasureTally());
    }
  }

  private async carryOut(begun: BegunErasure, tally: ErasureTally): Promise<ErasureReport> {
    const { person } = begun;
    const sources = await this.names.sources(person.appId);
    const begins = idAfter(newId(), -SKEW_MS);
    await this.inFlight.settled();
    await this.forgetWaiting({ ...begun, sources, tally });
    const cancelled = await this.inFlight.stop(person);
    const work = { ...begun, sources, tally };
    const known = await this.forgetHistory(work);
    await this.forgetOthers({ ...work, person: known });
    // What somebody wrote meanwhile who had looked before we began.
    await this.forgetHistory({ ...work, person: known }, begins);
    await this.erasures.end(begun);
    return { erasedAt: this.clock.now(), cancelled, tables: tally.tables };
  }

  private async forgetWaiting(work: Work): Promise<void> {
    await this.forgetEvents(work, await waitingEvents(this.sql, work.person, work.sources));
  }

  /** @returns the person, with devices that only callbacks knew. */
  private async forgetHistory(work: Work, from?: string): Promise<Person> {
    const { person, sources } = work;
    const orphans: PersonalDevice[] = [];
    for await (const page of eventPages(this.sql, person, sources, from)) {
      orphans.push(...(await this.forgetEvents(work, page)));
      await this.beat(work);
    }
    for await (const ids of callbackPages(this.sql, person, from)) {
      const now = this.clock.now();
      await this.sql.transaction((tx) => forgetCallbacks(tx, person.appId, ids, now, work.tally));
      await this.beat(work);
    }
    const known = { ...person, devices: [...person.devices, ...orphans] };
    for await (const page of deliveryPages(this.sql, known, from)) {
      await this.forgetDeliveries({ ...work, person: known }, page);
      await this.beat(work);
    }
    for await (const page of notificationPages(this.sql, known, from)) {
      const cleared = await this.sql.transaction((tx) => forgetNotifications(tx, known, page, new Map()));
      work.tally.add('notification', { cleared });
      await this.beat(work);
    }
    return known;
  }

  /** @returns devices that belong to nobody else. */
  private async forgetEvents(
    { person, tally }: Work,
    events: readonly PersonalEvent[],
  ): Promise<readonly PersonalDevice[]> {
    if (events.length === 0) return [];
    const now = this.clock.now();
    const gone = events.filter(({ left }) => left === null);
    const shares = sharesOf(gone);
    return this.sql.transaction(async (tx) => {
      await forgetEvents(tx, person, events, now, tally);
      const notifications = await namedNotifications(tx, person.appId, [...shares.keys()]);
      const cleared = await forgetNotifications(tx, person, notifications, shares);
      tally.add('notification', { cleared });
      const rows = await tx.query<Omit<PersonalDevice, 'token'> & object>(ORPHANS, [
        person.appId,
        gone.flatMap((event) => this.hashesOf(event)),
      ]);
      tally.add('device', { deleted: rows.length });
      return rows.map((row) => ({ ...row, token: '' }));
    });
  }

  private hashesOf({ event }: PersonalEvent): readonly Buffer[] {
    const gateways = this.registry.gateways();
    return event.recipient.devices.flatMap(({ token }) => gateways.map(({ id }) => this.devices.tokenHash(id, token)));
  }

  private async forgetDeliveries({ person, tally }: Work, page: readonly PersonalDelivery[]): Promise<void> {
    if (page.length === 0) return;
    const { appId } = person;
    const theirs = page.filter(({ isTheirs }) => isTheirs);
    const ids = theirs.map(({ notificationId }) => notificationId);
    await this.sql.transaction(async (tx) => {
      const theirOwn = await theirNotifications(tx, person, ids, NOBODY);
      await forgetDeliveries(tx, appId, page);
      tally.add('delivery', { cleared: page.length });
      const receipts = await tx.query(
        'DELETE FROM receipt WHERE app_id = $1 AND delivery_id = ANY($2::uuid[]) RETURNING delivery_id',
        [appId, theirs.map(({ id }) => id)],
      );
      tally.add('receipt', { deleted: receipts.length });
      const notifications = await namedNotifications(tx, appId, ids);
      const shares = new Map([...theirOwn].map((id) => [id, 'whole' as const]));
      tally.add('notification', { cleared: await forgetNotifications(tx, person, notifications, shares) });
    });
  }

  private async forgetOthers(work: Work): Promise<void> {
    const { person, tally } = work;
    const beat = () => this.beat(work);
    tally.add('notification', { cleared: await moveCursors(this.sql, person) });
    await forgetReceipts(this.sql, person, tally, beat);
    await forgetMessages(this.sql, person, tally, beat);
    await forgetGuards(this.sql, person, tally);
    await forgetReplies(this.sql, this.vault, person, tally, beat);
    await forgetAudit(this.sql, person, tally);
  }

  private beat(work: Work): Promise<void> {
    return this.erasures.touch(work);
  }
}

/** What a notification says is out of its events; whom it was for is theirs only if it was meant for them. */
function sharesOf(events: readonly PersonalEvent[]): ReadonlyMap<string, Share> {
  const shares = new Map<string, Share>();
  for (const { notificationId, isForThem } of events) {
    if (!notificationId || shares.get(notificationId) === 'whole') continue;
    shares.set(notificationId, isForThem ? 'whole' : 'words');
  }
  return shares;
}
