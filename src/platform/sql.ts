import { Injectable } from '@nestjs/common';
import type { Pool, PoolClient, QueryResultRow } from 'pg';
import { DataSource } from 'typeorm';

/** Runs SQL: a pooled connection, or the one of a transaction. */
export interface SqlRunner {
  /** @param name prepares the statement once per connection. */
  query<R extends QueryResultRow>(text: string, values?: readonly unknown[], name?: string): Promise<R[]>;
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

  /** Commits when `work` resolves, rolls back when it rejects. */
  async transaction<T>(work: (tx: SqlRunner) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    let broken: Error | undefined;
    const onError = (error: Error): void => void (broken = error);
    client.on('error', onError);
    try {
      await client.query('BEGIN');
      const result = await work(runnerOf(client));
      await client.query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch((failure: Error) => (broken = failure));
      throw error;
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }

  private get pool(): Pool {
    return (this.dataSource.driver as unknown as { master: Pool }).master;
  }
}

function runnerOf(client: PoolClient): SqlRunner {
  return {
    async query<R extends QueryResultRow>(text: string, values: readonly unknown[] = [], name?: string) {
      const { rows } = await client.query<R>({ text, values: values as unknown[], name });
      return rows;
    },
  };
}

/** True for faults of the connection or the server, false for what the server says about our data. */
export function isUnavailable(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string') return error instanceof Error && /connect|terminat|timeout/i.test(error.message);
  return !/^[0-9A-Z]{5}$/.test(code) || /^(08|53|57|58|XX|40|55)/.test(code);
}
