import { Client } from 'pg';
import { freshDatabase, type FreshDatabase } from '../../../test/support/postgres.js';
import { newId } from '../../platform/ids.js';
import type { SqlRunner } from '../../platform/sql.js';
import type { Decision } from './decide.js';
import { applyVerdicts, type DeviceVerdict, MassInvalidationBrake } from './token-hygiene.js';

const NOW = new Date('2026-01-15T08:00:00.000Z');
const at = (ms: number): Date => new Date(NOW.getTime() + ms);

type Verdict = Decision['device'];
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const dead: DeviceVerdict['device'] = { verdict: 'dead', since: NOW };
const elsewhere: DeviceVerdict['device'] = { verdict: 'elsewhere' };
const reached: DeviceVerdict['device'] = { verdict: 'reached' };
const times = (count: number, verdict: Verdict): Verdict[] => Array.from({ length: count }, () => verdict);

describe('MassInvalidationBrake', () => {
  it.each([
    ['nothing', [], false],
    ['19 dead tokens', times(19, dead), false],
    ['20 dead tokens', times(20, dead), true],
    ['20 tokens that belong elsewhere', times(20, elsewhere), true],
    ['some of each', [...times(10, dead), ...times(10, elsewhere)], true],
    ['500 dead tokens and one device that was reached', [...times(500, dead), reached], false],
    ['one device that was reached and 500 dead tokens', [reached, ...times(500, dead)], false],
    ['500 outcomes that say nothing about devices', times(500, undefined), false],
    ['19 dead tokens among those', [...times(500, undefined), ...times(19, dead)], false],
  ])('after %s: %p', (_name, verdicts, pulled) => {
    expect(new MassInvalidationBrake().pulled('i', verdicts, NOW)).toBe(pulled);
  });

  it('adds up the batches of a minute', () => {
    const brake = new MassInvalidationBrake();
    const verdicts = [0, 30_000, 59_999].map((ms) => brake.pulled('i', times(7, dead), at(ms)));
    expect(verdicts).toEqual([false, false, true]);
  });

  it('forgets after a minute', () => {
    const brake = new MassInvalidationBrake();
    expect(brake.pulled('i', times(19, dead), NOW)).toBe(false);
    expect(brake.pulled('i', times(19, dead), at(60_000))).toBe(false);
    expect(brake.pulled('i', times(1, dead), at(60_001))).toBe(true);
  });

  it('forgets that a device was reached, too', () => {
    const brake = new MassInvalidationBrake();
    brake.pulled('i', [reached], NOW);
    expect(brake.pulled('i', times(20, dead), at(59_999))).toBe(false);
    expect(brake.pulled('i', times(20, dead), at(60_000))).toBe(true);
  });

  it('is one for each integration', () => {
    const brake = new MassInvalidationBrake();
    expect(brake.pulled('i', times(19, dead), NOW)).toBe(false);
    expect(brake.pulled('j', times(1, dead), NOW)).toBe(false);
    expect(brake.pulled('i', times(1, dead), NOW)).toBe(true);
    expect(brake.pulled('j', [], NOW)).toBe(false);
  });
});

describe('applyVerdicts', () => {
  const APP = newId();
  const SENT = at(-1_000);
  let database: FreshDatabase;
  let client: Client;
  let tx: SqlRunner;

  beforeAll(async () => {
    database = await freshDatabase();
    client = new Client({ connectionString: database.url });
    await client.connect();
    tx = { query: async (text, values) => (await client.query(text, values as unknown[])).rows };
    await client.query(`INSERT INTO app (id, name, deep_link_scheme) VALUES ($1, 'Shop', 'shop')`, [APP]);
  });
  afterAll(async () => {
    await client?.end();
    await database?.drop();
  });

  interface DeviceRow {
    readonly state?: string;
    readonly environment?: string;
    readonly tokenUpdatedAt?: Date;
    readonly lastAcceptedAt?: Date;
  }

  /** A device as it was, a verdict, and what is left of it. */
  async function after(before: DeviceRow, ...verdicts: Omit<DeviceVerdict, 'deviceId'>[]): Promise<object> {
    const id = newId();
    const { state = 'active', environment = 'unknown', tokenUpdatedAt = at(-DAY), lastAcceptedAt = null } = before;
    await client.query(
      `INSERT INTO device (app_id, id, installation_id, platform, gateway, identifier, sealed_token, token_hash, environment,
                           state, token_updated_at, last_seen_at)
       VALUES ($1, $2::uuid, $2::text, 'ios', 'apns', 'token', '', $2::text::bytea, $3, $4, $5, $5)`,
      [APP, id, environment, state, tokenUpdatedAt],
    );
    if (lastAcceptedAt) await client.query('INSERT INTO device_reach VALUES ($1, $2, $3)', [APP, id, lastAcceptedAt]);
    await applyVerdicts(
      tx,
      APP,
      NOW,
      SENT,
      verdicts.map((verdict) => ({ deviceId: id, ...verdict })),
    );
    const { rows } = await client.query<object>(
      `SELECT state, state_reason AS reason, environment, accepted_at AS "acceptedAt"
       FROM device d LEFT JOIN device_reach r ON r.app_id = d.app_id AND r.device_id = d.id WHERE d.id = $1`,
      [id],
    );
    return rows[0] ?? {};
  }

  const against = (device: DeviceVerdict['device']) => ({ reason: 'token.unregistered', device });

  it.each([
    ['its first success', {}, [{ device: reached }], { state: 'active', acceptedAt: NOW }],
    ['the next one, soon', { lastAcceptedAt: at(-DAY) }, [{ device: reached }], { acceptedAt: at(-DAY) }],
    ['the next one, later', { lastAcceptedAt: at(-DAY - 1) }, [{ device: reached }], { acceptedAt: NOW }],
    [
      'a success in the environment that was found',
      { lastAcceptedAt: at(-1) },
      [{ device: { verdict: 'reached', environment: 'sandbox' } }],
      { environment: 'sandbox', acceptedAt: at(-1) },
    ],
    [
      'a success that says nothing of environments',
      { environment: 'sandbox' },
      [{ device: reached }],
      { environment: 'sandbox' },
    ],
    [
      'two in one batch',
      {},
      [{ device: reached }, { device: { verdict: 'reached', environment: 'sandbox' } }],
      { environment: 'sandbox', acceptedAt: NOW },
    ],
    ['death', {}, [against(dead)], { state: 'retired', reason: 'token.unregistered' }],
    [
      'death before the token was registered again',
      { tokenUpdatedAt: at(-HOUR) },
      [against({ verdict: 'dead', since: at(-HOUR) })],
      { state: 'active', reason: null },
    ],
    [
      'death since then',
      { tokenUpdatedAt: at(-HOUR) },
      [against({ verdict: 'dead', since: at(-HOUR + 1) })],
      { state: 'retired' },
    ],
    ['belonging elsewhere', {}, [against(elsewhere)], { state: 'suspect', reason: 'token.unregistered' }],
    [
      'belonging elsewhere, when it was registered after the call',
      { tokenUpdatedAt: SENT },
      [against(elsewhere)],
      { state: 'active', reason: null },
    ],
    ['death, when it is retired already', { state: 'retired' }, [against(dead)], { state: 'retired', reason: null }],
    ['belonging elsewhere, when it is retired', { state: 'retired' }, [against(elsewhere)], { state: 'retired' }],
    ['nothing', {}, [], { state: 'active', reason: null, acceptedAt: null }],
  ] satisfies [string, DeviceRow, Omit<DeviceVerdict, 'deviceId'>[], object][])(
    'takes %s into account',
    async (_name, before, verdicts, expected) => {
      expect(await after(before, ...verdicts)).toMatchObject(expected);
    },
  );

  it('touches no device of another app', async () => {
    await after({});
    const { rows } = await client.query<{ id: string }>(
      `SELECT id FROM device WHERE app_id = $1 AND state = 'active'`,
      [APP],
    );
    await applyVerdicts(
      tx,
      newId(),
      NOW,
      SENT,
      rows.map(({ id }) => ({ deviceId: id, ...against(dead) })),
    );
    const untouched = await client.query(`SELECT FROM device WHERE app_id = $1 AND state = 'active'`, [APP]);
    expect(untouched.rowCount).toBe(rows.length);
    expect(rows).not.toHaveLength(0);
  });
});
