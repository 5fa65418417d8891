import type { SharedState } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { Clock } from '../../platform/clock.js';
import { Sql } from '../../platform/sql.js';
import { Vault } from '../../platform/vault.js';
import type { OpenedIntegration } from './integration-cache.js';

/** A fetch that takes longer is given up. */
const FETCH_DEADLINE_MS = 20_000;
/** Nobody else fetches meanwhile; the rest is for writing the value. A process that dies holds the others up for so long. */
const LEASE_MS = 25_000;
const LOOK_AGAIN_MS = 50;

type Fetch = Parameters<SharedState['cached']>[1];

interface Row {
  readonly sealed_value: Buffer | null;
  readonly expires_at: Date | null;
}

const READ = 'SELECT sealed_value, expires_at FROM shared_value WHERE integration_id = $1 AND key = $2';

const CLAIM = `
  INSERT INTO shared_value AS shared (integration_id, key, fetching_until) VALUES ($1, $2, $4)
  ON CONFLICT (integration_id, key) DO UPDATE SET fetching_until = EXCLUDED.fetching_until
   WHERE shared.fetching_until IS NULL OR shared.fetching_until <= $3
  RETURNING sealed_value, expires_at`;

const KEEP = `
  UPDATE shared_value SET sealed_value = $4, expires_at = $5, fetching_until = NULL
  WHERE integration_id = $1 AND key = $2 AND fetching_until = $3`;

const RELEASE = `
  UPDATE shared_value SET fetching_until = NULL WHERE integration_id = $1 AND key = $2 AND fetching_until = $3`;

// A first fetch that failed leaves a row without a value.
const PURGE = `
  DELETE FROM shared_value WHERE (integration_id, key) IN (
    SELECT integration_id, key FROM shared_value
    WHERE (expires_at <= $1 OR expires_at IS NULL) AND (fetching_until <= $1 OR fetching_until IS NULL)
    LIMIT 5000 FOR UPDATE SKIP LOCKED)`;

// The row is the lock: of any number of callers one finds the slot free, and moves it on.
const TAKE = `
  INSERT INTO rate_slot AS slot (integration_id, bucket, next_at) VALUES ($1, $2, $3::timestamptz + $4 * interval '1 ms')
  ON CONFLICT (integration_id, bucket) DO UPDATE SET next_at = EXCLUDED.next_at WHERE slot.next_at <= $3
  RETURNING next_at`;

const NEXT = 'SELECT next_at FROM rate_slot WHERE integration_id = $1 AND bucket = $2';

/**
 * What the processes share about an integration: fetched values, sealed at rest, and evenly spaced calls.
 *
 * Who fetches a value has a lease on its row, and no connection of the pool: a vendor that hangs takes nothing away from
 * the others, and a fetch may use this class itself. Callers in the same process wait for one promise; another process
 * looks again every {@link LOOK_AGAIN_MS}.
 */
@Injectable()
export class SharedStates {
  private readonly fetching = new Map<string, Promise<string>>();

  constructor(
    private readonly sql: Sql,
    private readonly vault: Vault,
    private readonly clock: Clock,
  ) {}

  of({ row: { id } }: { readonly row: Pick<OpenedIntegration['row'], 'id'> }): SharedState {
    return {
      cached: (key, fetch, refresh) => this.cached({ id, key }, fetch, refresh?.stale),
      takeSlot: (bucket, everyMs) => this.takeSlot(id, bucket, everyMs),
    };
  }

  /** Takes away what has expired, for the sweep. */
  async purge(): Promise<void> {
    await this.sql.query(PURGE, [this.clock.now()]);
  }

  private async cached(place: Place, fetch: Fetch, stale: string | undefined): Promise<string> {
    const known = await this.read(place, stale);
    if (known !== undefined) return known;
    const name = JSON.stringify([place.id, place.key, stale]);
    const running = this.fetching.get(name);
    if (running) return running;
    const started = this.fetchOrWait(place, fetch, stale).finally(() => this.fetching.delete(name));
    this.fetching.set(name, started);
    return started;
  }

  private async fetchOrWait(place: Place, fetch: Fetch, stale: string | undefined): Promise<string> {
    for (;;) {
      const now = this.clock.now();
      const lease = new Date(now.getTime() + LEASE_MS);
      const [claimed] = await this.sql.query<Row>(CLAIM, [place.id, place.key, now, lease]);
      if (claimed) return this.fetchUnder(lease, place, fetch, this.fresh(claimed, place, stale));
      await sleep(LOOK_AGAIN_MS);
      const known = await this.read(place, stale);
      if (known !== undefined) return known;
    }
  }

  /** @param known what the row held when it was claimed: somebody may have fetched it since we looked. */
  private async fetchUnder(lease: Date, place: Place, fetch: Fetch, known: string | undefined): Promise<string> {
    try {
      if (known !== undefined) return known;
      const { value, expiresAt } = await inTime(fetch());
      const sealed = this.vault.seal(value, sharedContext(place));
      await this.sql.query(KEEP, [place.id, place.key, lease, sealed, expiresAt]);
      return value;
    } finally {
      await this.sql.query(RELEASE, [place.id, place.key, lease]);
    }
  }

  private async read(place: Place, stale: string | undefined): Promise<string | undefined> {
    const [row] = await this.sql.query<Row>(READ, [place.id, place.key]);
    return row && this.fresh(row, place, stale);
  }

  /** Undefined: never fetched, expired, refused since, or sealed with a key that is gone. */
  private fresh({ sealed_value, expires_at }: Row, place: Place, stale: string | undefined): string | undefined {
    if (!sealed_value || !expires_at || expires_at <= this.clock.now()) return undefined;
    try {
      const value = this.vault.open(sealed_value, sharedContext(place));
      return value === stale ? undefined : value;
    } catch {
      return undefined;
    }
  }

  private async takeSlot(id: string, bucket: string, everyMs: number): Promise<number> {
    const now = this.clock.now();
    const taken = await this.sql.query(TAKE, [id, bucket, now, everyMs]);
    if (taken.length > 0) return 0;
    const [slot] = await this.sql.query<{ next_at: Date }>(NEXT, [id, bucket]);
    return Math.max(1, (slot?.next_at.getTime() ?? 0) - now.getTime());
  }
}

interface Place {
  /** Of the integration. */
  readonly id: string;
  readonly key: string;
}

/** Ties a sealed value to its row. */
export const sharedContext = ({ id, key }: Place): string => `shared:${id}:${key}`;

async function inTime<T>(work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`It took longer than ${FETCH_DEADLINE_MS} ms.`)), FETCH_DEADLINE_MS);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
