import { sha256Hex } from '@bellhop/contracts';
import { Injectable, Logger } from '@nestjs/common';
import { faultPoint } from '../../platform/fault-points.js';
import { newId } from '../../platform/ids.js';
import { Queue } from '../../platform/queue.js';
import { isUnavailable, Sql, type Transaction } from '../../platform/sql.js';
import { ROUTE_QUEUE, routeNudge } from '../routing/route.nudge.js';
import type { CallbackDraft, StoreResult } from './callback.js';
import { type Draft, insertDrafts, reusedProofs, withoutRepeats } from './callback-sql.js';
import { GroupCommit } from './group-commit.js';

const LIMITS = { maxInFlight: 2, minBeside: 16, maxItems: 256, maxWaiting: 10_000 };

/**
 * Makes callbacks durable, many per transaction, and nudges the router in the same transaction.
 * What the database refuses in one callback never fails its neighbours.
 */
@Injectable()
export class CallbackStore {
  private readonly log = new Logger(CallbackStore.name);
  private readonly commits = new GroupCommit<CallbackDraft, StoreResult>((drafts) => this.flush(drafts), LIMITS);

  constructor(
    private readonly sql: Sql,
    private readonly queue: Queue,
  ) {}

  /** Resolves once the callback is committed. @throws when the store is down or overloaded. */
  store(draft: CallbackDraft): Promise<StoreResult> {
    return this.commits.add(draft);
  }

  /** Resolves when nothing waits to be committed. */
  drained(): Promise<void> {
    return this.commits.drained();
  }

  private async flush(callbacks: readonly CallbackDraft[]): Promise<readonly StoreResult[]> {
    try {
      const conclude = await this.sql.transaction((tx) => this.write(tx, callbacks));
      faultPoint('after-flush-commit');
      return await conclude();
    } catch (error) {
      if (isUnavailable(error)) throw error;
      return this.isolate(callbacks, error as Error);
    }
  }

  /** Halves the group until the callback that the database refuses stands alone, and keeps that one as bytes. */
  private async isolate(callbacks: readonly CallbackDraft[], cause: Error): Promise<readonly StoreResult[]> {
    const [only, ...others] = callbacks;
    if (!only) return [];
    if (others.length === 0) return this.keepAsBytes(only, cause);
    const half = callbacks.length >> 1;
    return [...(await this.flush(callbacks.slice(0, half))), ...(await this.flush(callbacks.slice(half)))];
  }

  private async keepAsBytes(callback: CallbackDraft, cause: Error): Promise<readonly StoreResult[]> {
    const reason = 'store.refused';
    if (callback.events.some((event) => event.reason === reason)) throw cause;
    this.log.warn({ integrationId: callback.integrationId, callbackId: callback.id, cause: cause.message }, reason);
    await this.flush([quarantine(callback, reason, cause.message)]);
    return [{ outcome: 'refused', eventIds: [] }];
  }

  /** @returns what tells the results once everything is committed: until then nobody waits for the answer of the insert. */
  private async write(
    tx: Transaction,
    callbacks: readonly CallbackDraft[],
  ): Promise<() => Promise<readonly StoreResult[]>> {
    const reused = await reusedProofs(tx, callbacks);
    const drafts = callbacks
      .map((callback) =>
        reused.has(callback) ? quarantine(callback, callback.proof?.reusedCode ?? 'proof.reused') : callback,
      )
      .flatMap((callback) => callback.events.map((event, position): Draft => ({ callback, event, position })));
    const fresh = await withoutRepeats(tx, drafts);
    const inserted = insertDrafts(tx, fresh);
    await this.nudgeRouter(tx, fresh);
    faultPoint('before-flush-commit');
    return async () => {
      const stored = await inserted();
      return callbacks.map((callback) => {
        if (reused.has(callback)) return { outcome: 'reused', eventIds: [] };
        const eventIds = callback.events.map(({ id }) => id).filter((id) => stored.has(id));
        return { outcome: eventIds.length > 0 ? 'stored' : 'duplicate', eventIds };
      });
    };
  }

  /** Names what turns out to be a duplicate too: the router finds no such row. */
  private async nudgeRouter(tx: Transaction, drafts: readonly Draft[]): Promise<void> {
    const accepted = drafts.filter(({ event }) => event.state === 'accepted');
    if (accepted.length === 0) return;
    const events = accepted.map(({ callback: { appId, integrationId }, event: { id } }) => ({
      appId,
      id,
      integrationId,
    }));
    await this.queue.enqueue(tx, ROUTE_QUEUE, [{ data: routeNudge(events) }]);
  }
}

/** The callback with nothing but its bytes, under a reason. */
export function quarantine(callback: CallbackDraft, reason: string, detail?: string): CallbackDraft {
  const key = `${reason}:${sha256Hex(callback.request.body)}`;
  return { ...callback, events: [{ id: newId(), key, state: 'quarantined', reason, detail }] };
}
