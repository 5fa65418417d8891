import type { EmbeddedPostgres } from '../src/platform/embedded-postgres.js';
import { startThrowaway, sweep } from './support/embedded.js';
import { prepareTemplate, runVariables } from './support/postgres.js';

declare global {
  // `var` is the only way to declare a global; global-teardown runs in the same process.
  var bellhopTestPostgres: EmbeddedPostgres | undefined;
}

/** Once per run, in the main process: a PostgreSQL (DATABASE_URL, or an embedded one without fsync) and its template. */
export default async function globalSetup(): Promise<void> {
  const given = process.env['DATABASE_URL'];
  if (!given) {
    await sweep();
    globalThis.bellhopTestPostgres = await startThrowaway();
  }
  const database = await prepareTemplate(given ?? globalThis.bellhopTestPostgres?.url ?? '');
  // To the watchdog of scripts/test.mjs.
  process.send?.({ database, variables: runVariables() });
}
