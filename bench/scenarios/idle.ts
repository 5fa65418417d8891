import { setTimeout as pause } from 'node:timers/promises';
import type { Scenario } from '../scenario.js';
import { median, memoryOf } from '../support/measures.js';
import { Platform } from '../support/platform.js';

const READY_PAUSE_MS = 10;

interface Start {
  /** From the start of the process until it says that it is ready. */
  readonly readySeconds: number;
  /** After the time of idleness. */
  readonly memoryMegabytes: number;
}

export const idle: Scenario = {
  name: 'idle',
  about: 'time to be ready and memory at rest, role all on a migrated database',
  async run({ server, rounds, quick }) {
    const databaseUrl = await server.create('idle');
    // Migrates, and warms the caches of the system.
    await (await Platform.start({ databaseUrl, role: 'all' })).stop();
    const idleSeconds = quick ? 3 : 20;
    const starts: Start[] = [];
    for (let round = 1; round <= rounds; round++) starts.push(await start(databaseUrl, idleSeconds));
    const readySeconds = median(starts.map((one) => one.readySeconds));
    const memoryMegabytes = median(starts.map((one) => one.memoryMegabytes));
    return {
      settings: { idleSeconds },
      tables: [
        {
          title: `Start and rest, memory after ${idleSeconds} s`,
          columns: ['process', 'ready after s', 'memory MB', 'starts'],
          rows: [['Bellhop, role all', readySeconds, memoryMegabytes, starts.length]],
        },
      ],
      plots: [],
      measures: [
        { target: 'idle.ready', value: readySeconds },
        { target: 'idle.memory', value: memoryMegabytes },
      ],
      rounds: starts,
      valid: true,
    };
  },
};

async function start(databaseUrl: string, idleSeconds: number): Promise<Start> {
  const started = performance.now();
  const platform = await Platform.start({ databaseUrl, role: 'all' });
  while (!(await fetch(`${platform.url}/health/ready`)).ok) await pause(READY_PAUSE_MS);
  const readySeconds = (performance.now() - started) / 1000;
  await pause(idleSeconds * 1000);
  const memoryMegabytes = memoryOf(platform.pid);
  await platform.stop();
  return { readySeconds, memoryMegabytes };
}
