import { discard } from './support/embedded.js';
import { dropRun } from './support/postgres.js';

/** Leaves a given server as it was found, and nothing at all of an embedded one. */
export default async function globalTeardown(): Promise<void> {
  const embedded = globalThis.bellhopTestPostgres;
  await (embedded ? discard(embedded) : dropRun());
}
