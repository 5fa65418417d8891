import type { Environment } from '@bellhop/contracts';
import { textArray, uuidArray } from '../../platform/pg-arrays.js';
import type { SqlRunner } from '../../platform/sql.js';
import type { Decision } from './decide.js';

const WINDOW_MS = 60_000;
/** Verdicts against devices, without a single success among them, from which on the binding is suspected instead. */
const BRAKE_AT = 20;

interface Tally {
  since: number;
  reached: number;
  against: number;
}

/**
 * Keeps a wrong bundle id or environment from wiping the registry: when nothing but verdicts against devices
 * comes back, it is the integration that is wrong.
 */
export class MassInvalidationBrake {
  private readonly tallies = new Map<string, Tally>();

  /** Counts a batch in, and says whether its verdicts must not touch devices. */
  pulled(integrationId: string, verdicts: readonly Decision['device'][], now: Date): boolean {
    const tally = this.current(integrationId, now.getTime());
    for (const device of verdicts) {
      if (device?.verdict === 'reached') tally.reached++;
      else if (device) tally.against++;
    }
    return tally.reached === 0 && tally.against >= BRAKE_AT;
  }

  private current(integrationId: string, now: number): Tally {
    const known = this.tallies.get(integrationId);
    if (known && now - known.since < WINDOW_MS) return known;
    const fresh = { since: now, reached: 0, against: 0 };
    this.tallies.set(integrationId, fresh);
    return fresh;
  }
}

/** What a batch learned about one device. */
export interface DeviceVerdict {
  readonly deviceId: string;
  readonly reason?: string;
  readonly device: NonNullable<Decision['device']>;
}

/** That a device was reached is written once in this time: a broadcast would otherwise rewrite the registry. */
export const REACHED_EVERY = `interval '1 day'`;

// In the order of the keys, so that two batches cannot wait for each other.
const REACHED = `
  INSERT INTO device_reach AS known (app_id, device_id, accepted_at)
  SELECT d.app_id, d.id, $2 FROM device d WHERE d.app_id = $1 AND d.id = ANY($3::uuid[]) ORDER BY d.id
  ON CONFLICT (app_id, device_id) DO UPDATE SET accepted_at = EXCLUDED.accepted_at
    WHERE known.accepted_at < EXCLUDED.accepted_at - ${REACHED_EVERY}`;

const FOUND = `
  UPDATE device d SET environment = v.environment
  FROM (SELECT DISTINCT ON (id) * FROM unnest($2::uuid[], $3::text[]) AS v (id, environment) ORDER BY id, environment) v
  WHERE d.app_id = $1 AND d.id = v.id`;

// A token that was registered again after the verdict is alive.
const AGAINST = `
  UPDATE device d SET state = v.state, state_reason = v.reason, state_changed_at = $2
  FROM unnest($3::uuid[], $4::text[], $5::text[], $6::timestamptz[]) AS v (id, state, reason, since)
  WHERE d.app_id = $1 AND d.id = v.id AND d.state = 'active' AND d.token_updated_at < v.since
  RETURNING d.id, d.state`;

/**
 * Writes what a batch learned about devices: reached, dead, or fine elsewhere.
 * @returns the devices that are retired by it.
 */
export async function applyVerdicts(
  tx: SqlRunner,
  appId: string,
  now: Date,
  sentAt: Date,
  verdicts: readonly DeviceVerdict[],
): Promise<readonly string[]> {
  const reached = verdicts.flatMap(({ deviceId, device }) =>
    device.verdict === 'reached' ? [{ deviceId, environment: device.environment ?? (null as Environment | null) }] : [],
  );
  const against = verdicts.filter(({ device }) => device.verdict !== 'reached');
  if (reached.length > 0) {
    await tx.query(REACHED, [appId, now, uuidArray(reached.map(({ deviceId }) => deviceId))], 'devices-reached');
  }
  const found = reached.filter(({ environment }) => environment);
  if (found.length > 0) {
    const values = [
      uuidArray(found.map(({ deviceId }) => deviceId)),
      textArray(found.map(({ environment }) => environment)),
    ];
    await tx.query(FOUND, [appId, ...values], 'environments-found');
  }
  if (against.length === 0) return [];
  const changed = await tx.query<{ id: string; state: string }>(AGAINST, [
    appId,
    now,
    against.map(({ deviceId }) => deviceId),
    against.map(({ device }) => (device.verdict === 'dead' ? 'retired' : 'suspect')),
    against.map(({ reason }) => reason ?? null),
    against.map(({ device }) => (device.verdict === 'dead' ? device.since : sentAt)),
  ]);
  return changed.flatMap(({ id, state }) => (state === 'retired' ? [id] : []));
}
