import { AppError, ConflictError } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { Clock } from './clock.js';
import { Sql, type SqlRunner } from './sql.js';
import { Vault } from './vault.js';

/** An unsafe call under a key of its caller. */
export interface IdempotentCall {
  readonly appId: string;
  readonly key: string;
  /** SHA-256 of method, address and body. */
  readonly requestHash: Buffer;
  /** Of this run of it, among all that have the same key. */
  readonly run: string;
}

export interface StoredReply {
  readonly status: number;
  /** JSON; null when the reply had no body. */
  readonly body: unknown;
}

/** What became of earlier runs of a call: its reply; or no reply, but maybe an effect, so that this one is to run. */
export type Claim = { readonly reply: StoredReply } | { readonly effect: string | undefined };

interface Row {
  readonly request_hash: Buffer;
  readonly status: number | null;
  /** `effect`: committed by a run that has no reply yet. */
  readonly response: { readonly sealed: string } | { readonly effect: string } | null;
}

const LIFETIME_MS = 24 * 60 * 60 * 1000;
/** A call that takes longer was killed half-way: its key may be claimed again. No handler works this long. */
const ABANDONED_MS = 5 * 60 * 1000;
const PURGE_BATCH = 10_000;

// A row that is no longer valid is taken over in place; any other is left alone and nothing is returned.
const CLAIM = `
  INSERT INTO idempotency_key AS kept (app_id, key, request_hash, created_at, run) VALUES ($1, $2, $3, $4, $7)
  ON CONFLICT (app_id, key) DO UPDATE
     SET request_hash = EXCLUDED.request_hash, created_at = EXCLUDED.created_at, run = EXCLUDED.run,
         status = NULL, response = NULL
   WHERE kept.created_at <= $5 OR (kept.status IS NULL AND kept.response IS NULL AND kept.created_at <= $6)
  RETURNING key`;

/** The rows behind `Idempotency-Key`. The claim is committed before the call runs, so that of many only one runs. */
@Injectable()
export class IdempotencyStore {
  constructor(
    private readonly sql: Sql,
    private readonly vault: Vault,
    private readonly clock: Clock,
  ) {}

  /**
   * Claims the key for this call.
   * @throws {AppError} 422 `idempotency.key_reused`, 409 `idempotency.in_progress`
   */
  async claim(call: IdempotentCall): Promise<Claim> {
    const { appId, key, requestHash, run } = call;
    const now = this.clock.now();
    const claimed = await this.sql.query(CLAIM, [
      appId,
      key,
      requestHash,
      now,
      ago(now, LIFETIME_MS),
      ago(now, ABANDONED_MS),
      run,
    ]);
    if (claimed.length > 0) return { effect: undefined };
    const [row] = await this.sql.query<Row>(
      'SELECT request_hash, status, response FROM idempotency_key WHERE app_id = $1 AND key = $2',
      [appId, key],
    );
    return this.judge(call, row);
  }

  /**
   * Remembers what a call does, in the transaction that does it: should nobody hear whether it was committed, the next
   * run of the call finds it.
   * @throws {ConflictError} when another run has been faster.
   */
  async note(tx: SqlRunner, { appId, key, requestHash }: IdempotentCall, effect: string): Promise<void> {
    const noted = await tx.query(
      `UPDATE idempotency_key SET response = jsonb_build_object('effect', $4::text)
        WHERE app_id = $1 AND key = $2 AND request_hash = $3 AND status IS NULL AND response IS NULL RETURNING 1`,
      [appId, key, requestHash, effect],
    );
    if (noted.length === 0) throw underWay();
  }

  /** Keeps the reply. It is sealed: some replies show a secret, which is stored nowhere else. */
  async keep({ appId, key, requestHash }: IdempotentCall, { status, body }: StoredReply): Promise<void> {
    const sealed = this.vault.seal(JSON.stringify(body), idempotencyContext(appId, key)).toString('base64');
    await this.sql.query(
      `UPDATE idempotency_key SET status = $4, response = $5
        WHERE app_id = $1 AND key = $2 AND request_hash = $3 AND status IS NULL`,
      [appId, key, requestHash, status, { sealed }],
    );
  }

  /** Forgets a call that failed and has done nothing, so that it may be made again. */
  async release({ appId, key, run }: IdempotentCall): Promise<void> {
    await this.sql.query(
      'DELETE FROM idempotency_key WHERE app_id = $1 AND key = $2 AND run = $3 AND status IS NULL AND response IS NULL',
      [appId, key, run],
    );
  }

  /** Deletes keys past their 24 hours, at most 10,000 at a time. @returns how many. */
  async purge(): Promise<number> {
    const rows = await this.sql.query(
      `DELETE FROM idempotency_key WHERE ctid = ANY (ARRAY(
         SELECT ctid FROM idempotency_key WHERE created_at <= $1 LIMIT ${PURGE_BATCH})) RETURNING 1`,
      [ago(this.clock.now(), LIFETIME_MS)],
    );
    return rows.length;
  }

  private judge({ appId, key, requestHash }: IdempotentCall, row: Row | undefined): Claim {
    if (row && !row.request_hash.equals(requestHash)) {
      throw new AppError('idempotency.key_reused', 422, 'This Idempotency-Key was used for another request.');
    }
    const { status, response } = row ?? {};
    if (response && 'effect' in response) return response;
    // No row: the first call failed and released the key between the two statements.
    if (!response || !status) throw underWay();
    const body = this.vault.open(Buffer.from(response.sealed, 'base64'), idempotencyContext(appId, key));
    return { reply: { status, body: JSON.parse(body) as unknown } };
  }
}

const underWay = (): ConflictError =>
  new ConflictError('idempotency.in_progress', 'A call with this Idempotency-Key is under way.');

/** What a kept reply is sealed to. */
export const idempotencyContext = (appId: string, key: string): string => `idempotency:${appId}:${key}`;

const ago = (now: Date, ms: number): Date => new Date(now.getTime() - ms);
