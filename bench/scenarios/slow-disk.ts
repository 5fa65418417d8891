import type { Findings, Scenario } from '../scenario.js';
import { bellhop, ceiling, NIM } from '../support/callback-targets.js';
import { type SlowDisk, startSlowDisk, SYNC_MS } from '../support/slow-disk.js';
import { rowsOf, turnTable } from '../support/turn-tables.js';
import { isValid, ratioOf, Turns, where } from '../support/turns.js';

const CONNECTIONS = 64;

export const slowDisk: Scenario = {
  name: 'slow-disk',
  about: `ingest on a disk that takes ${SYNC_MS} ms more to sync`,
  async run({ rounds, quick, say }) {
    const disk = await startSlowDisk();
    if (!disk) {
      say('Left out: it needs Linux and a C compiler (cc).');
      return { settings: {}, tables: [], plots: [], measures: [], rounds: [], valid: true };
    }
    say(`A commit takes ${disk.commitMs.toFixed(2)} ms.`);
    try {
      return await measure(disk, rounds, quick ? 0.5 : 3);
    } finally {
      await disk.stop();
    }
  },
};

async function measure({ server, commitMs }: SlowDisk, rounds: number, seconds: number): Promise<Findings> {
  const targets = [await ceiling(server, 'A'), await ceiling(server, 'G'), await bellhop(server, 'api')];
  const turns = new Turns(server);
  try {
    await turns.take(targets, [{ vendor: NIM, connections: CONNECTIONS, seconds }], 0, rounds);
  } finally {
    await Promise.all([turns.end(), ...targets.map((target) => target.stop())]);
  }
  const { measured } = turns;
  const names = targets.map(({ name }) => name);
  const [a, , api] = names;
  return {
    settings: { seconds, connections: CONNECTIONS, commitMs },
    tables: [turnTable(`NIM, 1 KB of JSON, ${CONNECTIONS} connections, ${SYNC_MS} ms a sync`, rowsOf(measured, names))],
    plots: [],
    measures: [
      { target: 'ingest.slowDisk', value: ratioOf(where(measured, { target: api }), where(measured, { target: a })) },
    ],
    rounds: measured,
    valid: commitMs >= SYNC_MS && measured.every(isValid),
  };
}
