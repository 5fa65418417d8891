import { cpuOf } from './measures.js';
import type { TestServer } from './postgres.js';

/** What a piece of work took. */
export interface Used<T> {
  readonly result: T;
  readonly seconds: number;
  /** CPU of the given processes together, and of PostgreSQL. */
  readonly ownCpuMicros: number;
  readonly databaseCpuMicros: number;
}

export async function used<T>(server: TestServer, pids: readonly number[], work: () => Promise<T>): Promise<Used<T>> {
  const own = (): number => pids.reduce((sum, pid) => sum + cpuOf(pid), 0);
  const before = { own: own(), database: await server.cpuMicros() };
  const started = performance.now();
  const result = await work();
  const seconds = (performance.now() - started) / 1000;
  return {
    result,
    seconds,
    ownCpuMicros: own() - before.own,
    databaseCpuMicros: (await server.cpuMicros()) - before.database,
  };
}
