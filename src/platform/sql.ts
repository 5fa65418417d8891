import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { Pool, PoolClient, QueryConfig, QueryResultRow } from 'pg';
import { DataSource } from 'typeorm';

/** Runs SQL: a pooled connection, or the one of a transaction. */
export interface SqlRunner {
  /** @param name prepares the statement once per connection. */
  query<R extends QueryResultRow>(text: string, values?: readonly unknown[], name?: string): Promise<R[]>;
}

/** A transaction in progress. Its statements travel without waiting for one another; the server takes them in order. */
export interface Transaction extends SqlRunner {
  /** For a statement whose answer nobody needs: nobody waits for it, and its fault fails the transaction. */
  send(text: string, values?: readonly unknown[], name?: string): void;
  /** For a statement whose answer is read after COMMIT. Who never reads it hears of its fault from the transaction. */
  answerLater<R extends QueryResultRow>(text: string, values?: readonly unknown[], name?: string): Promise<R[]>;
  /** For what follows in memory: it is told whether the transaction is known to be committed. It must not throw. */
  onEnd(follow: (committed: boolean) => void): void;
}

/** Runs statements without waiting for their answers, for those who expect none. */
export function unanswered(tx: Transaction): SqlRunner {
  return {
    query: (...statement) => {
      tx.send(...statement);
      return Promise.resolve([]);
    },
  };
}

/**
 * Set-based SQL on the pool that TypeORM holds. Repositories serve single rows;
 * whatever handles hundreds of rows per statement goes through here.
 */
@Injectable()
export class Sql implements SqlRunner {
  constructor(private readonly dataSource: DataSource) {}

  async query<R extends QueryResultRow>(text: string, values: readonly unknown[] = [], name?: string): Promise<R[]> {
    const { rows } = await this.pool.query<R>({ text, values: values as unknown[], name });
    return rows;
  }

  /**
   * Commits when `work` resolves, rolls back when it rejects.
   * @param commit `lazy`: does not wait for the disk. For what a crash of the server may take back, because whoever acts
   * on it commits first, and with that also this.
   */
  async transaction<T>(work: (tx: Transaction) => Promise<T>, commit: 'durable' | 'lazy' = 'durable'): Promise<T> {
    const client = await this.pool.connect();
    let broken: Error | undefined;
    const onError = (error: Error): void => void (broken = error);
    client.on('error', onError);
    const tx = new OpenTransaction(client);
    try {
      tx.send('BEGIN');
      if (commit === 'lazy') tx.send('SET LOCAL synchronous_commit = off');
      const result = await work(tx);
      tx.send('COMMIT');
      await tx.settled();
      tx.end(true);
      return result;
    } catch (error) {
      tx.end(false);
      await client.query('ROLLBACK').catch((failure: Error) => (broken = failure));
      throw tx.fault ?? error;
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }

  private get pool(): Pool {
    return (this.dataSource.driver as unknown as { master: Pool }).master;
  }
}

class OpenTransaction implements Transaction {
  /** Of the first statement that failed; the server refuses all that follow it with words that say nothing. */
  fault: Error | undefined;
  private readonly sent: Promise<unknown>[] = [];
  private readonly follows: ((committed: boolean) => void)[] = [];

  constructor(private readonly client: PoolClient) {}

  async query<R extends QueryResultRow>(text: string, values: readonly unknown[] = [], name?: string): Promise<R[]> {
    this.hold();
    try {
      return await this.ask<R>({ text, values: values as unknown[], name });
    } catch (error) {
      this.fault ??= error as Error;
      throw error;
    }
  }

  send(text: string, values?: readonly unknown[], name?: string): void {
    void this.answerLater(text, values, name);
  }

  answerLater<R extends QueryResultRow>(text: string, values?: readonly unknown[], name?: string): Promise<R[]> {
    const answer = this.query<R>(text, values, name);
    // `fault` keeps what it was; settled() tells.
    this.sent.push(answer.catch(() => undefined));
    return answer;
  }

  onEnd(follow: (committed: boolean) => void): void {
    this.follows.push(follow);
  }

  end(committed: boolean): void {
    for (const follow of this.follows) follow(committed);
  }

  /** By callback: the driver's own promise keeps the values of each statement until a full garbage collection. */
  private ask<R extends QueryResultRow>(statement: QueryConfig): Promise<R[]> {
    return new Promise((resolve, reject) => {
      this.client.query<R>(statement, (error: Error | undefined, result) => {
        if (error) reject(error);
        else resolve(result.rows);
      });
    });
  }

  /** What is said in one turn of the loop leaves in one piece: each piece wakes the server up. */
  private hold(): void {
    const { stream } = this.client.connection;
    stream.cork();
    process.nextTick(() => stream.uncork());
  }

  /** Resolves when every statement is answered. @throws the fault of the first one that failed. */
  async settled(): Promise<void> {
    await Promise.all(this.sent);
    if (this.fault) throw this.fault;
  }
}

/** Holds off others who lock one of the names, until the end of the transaction; in one order, whatever that of the names. */
export async function lockNames(tx: SqlRunner, ...names: readonly string[]): Promise<void> {
  const numbers = names.map((name) => createHash('sha256').update(name).digest().readBigInt64BE());
  for (const number of numbers.sort((a, b) => (a < b ? -1 : 1))) {
    await tx.query('SELECT pg_advisory_xact_lock($1)', [number.toString()]);
  }
}

/** True for faults of the connection or the server, false for what the server says about our data. */
export function isUnavailable(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string') return error instanceof Error && /connect|terminat|timeout/i.test(error.message);
  return !/^[0-9A-Z]{5}$/.test(code) || /^(08|53|57|58|XX|40|55)/.test(code);
}
