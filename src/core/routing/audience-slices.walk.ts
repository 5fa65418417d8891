import type { SqlRunner } from '../../platform/sql.js';
import { type AudienceQuery, devicesOf, thinkLarge } from '../audiences/audience-query.js';
import type { Candidate, ConsideredDevice } from './candidate.js';
import { candidateOfKind, kindColumns } from './delivery-plan.kinds.js';
import type { DeviceSlice, FoundDevices, InsertedSlice } from './delivery-writer.alike.js';

/** Devices that one transaction looks at. */
const SLICE = 5_000;
/** Of the first slice, whose devices are all decided one by one: they tell which kinds there are. */
const FIRST_SLICE = 1_000;
/** Share of the devices looked at that must be meant; below it, they are found by their tags. */
const DENSE = 0.7;
/** Devices that are found by their tags in one go. */
const FOUND_AT_ONCE = 100_000;
/** Kinds that get a plan of their own for every slice; devices of others are decided one by one. */
const KINDS = 1_000;

/** As text, with the comma behind it. */
const ID_LENGTH = 37;

/** Devices found in one go, slice by slice. */
interface Found {
  /** In ascending order, with commas between. */
  readonly ids: string;
  readonly count: number;
  /** How many of them have had their turn, and the last one of these. */
  readonly used: number;
  readonly until: string | null;
}

/**
 * The way through the devices of an audience. Where most of the registry is meant, stretch after stretch of it is looked
 * at; otherwise the next devices are found by their tags, many slices at once. Either way a slice costs a slice, however
 * many there are. What the walk has learned may be lost at any time.
 */
export class DeviceWalk {
  private readonly kinds = new Map<string, Candidate>();
  private isDense = true;
  private found: Found | undefined;

  constructor(
    private readonly appId: string,
    private readonly query: AudienceQuery,
  ) {}

  /** One candidate for each kind of device that has been seen. */
  get seen(): readonly Candidate[] {
    return [...this.kinds.values()];
  }

  /**
   * The next slice; the transaction {@link thinkLarge thinks large} from then on, for writing one costs as much by estimate.
   * @param after devices up to this one have had their turn; null: none.
   */
  async next(tx: SqlRunner, after: string | null): Promise<DeviceSlice> {
    const { query } = this;
    await thinkLarge(tx);
    if (this.isDense) return { query, from: { after }, size: this.kinds.size === 0 ? FIRST_SLICE : SLICE };
    return { query, from: await this.nextFound(tx, after), size: SLICE };
  }

  learn({ size, from }: DeviceSlice, { apart, found }: InsertedSlice): void {
    if ('after' in from && found < size * DENSE) this.isDense = false;
    for (const device of apart) this.meet(device);
  }

  private async nextFound(tx: SqlRunner, after: string | null): Promise<FoundDevices> {
    const { found } = this;
    // Where somebody else has gone on meanwhile, what was found has had its turn.
    const isOurs = found && found.until === after && found.used < found.count;
    const { ids, count, used } = isOurs ? found : await findDevices(tx, this.appId, this.query, after);
    const end = Math.min(used + SLICE, count);
    const own = ids.slice(used * ID_LENGTH, end * ID_LENGTH - 1);
    const until = end < count || count === FOUND_AT_ONCE ? own.slice(1 - ID_LENGTH) : null;
    this.found = { ids, count, used: end, until };
    return { ids: own, until };
  }

  private meet(device: ConsideredDevice): void {
    const key = JSON.stringify(kindColumns(device));
    if (this.kinds.size < KINDS && !this.kinds.has(key)) this.kinds.set(key, candidateOfKind(device));
  }
}

async function findDevices(tx: SqlRunner, appId: string, query: AudienceQuery, after: string | null): Promise<Found> {
  const [cursor, limit] = [query.values.length + 2, query.values.length + 3];
  const [row] = await tx.query<Pick<Found, 'ids' | 'count'>>(
    `SELECT count(*)::int AS count, coalesce(string_agg(id::text, ',' ORDER BY id), '') AS ids
     FROM (
       SELECT d.id ${devicesOf(query)} AND ($${cursor}::uuid IS NULL OR d.id > $${cursor})
       ORDER BY d.id LIMIT $${limit}::bigint
     ) found`,
    [appId, ...query.values, after, FOUND_AT_ONCE],
  );
  return { ...row!, used: 0, until: after };
}
