/**
 * Preload for a platform that is watched: `node --expose-gc --import ./dist/test/chaos/watch.js …`. CHAOS_WATCH names a
 * file that gets a line of JSON for every stall of the event loop and every exception that nobody caught; SIGUSR2 asks
 * for a line with the heap that is left after a collection. The program itself stays unchanged.
 */
import { appendFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { STALL_MS, type WatchLine } from './stage/watched.js';

const EVERY_MS = 25;
const MICROS_PER_MS = 1_000;

const file = process.env.CHAOS_WATCH ?? '';
// Others may replace it: `hand-clock.ts` does.
const { now } = Date;
const write = (line: WatchLine): void => appendFileSync(file, `${JSON.stringify(line)}\n`);

/** Of the thread of the event loop alone: the collector and the pool of threads have theirs. */
let used = process.threadCpuUsage();
let last = performance.now();
setInterval(() => {
  const { user, system } = process.threadCpuUsage(used);
  const ms = performance.now() - last - EVERY_MS;
  if (ms > STALL_MS) write({ kind: 'stall', at: now(), ms, cpuMs: (user + system) / MICROS_PER_MS });
  rest();
}, EVERY_MS).unref();

function rest(): void {
  last = performance.now();
  used = process.threadCpuUsage();
}

// A monitor changes nothing: the process ends, or does not, as it would without it.
process.on('uncaughtExceptionMonitor', (error, origin) => {
  write({ kind: 'uncaught', at: now(), origin, message: inspect(error) });
});

process.on('SIGUSR2', () => {
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  write({ kind: 'heap', at: now(), heapMb: heapUsed / 2 ** 20, rssMb: rss / 2 ** 20 });
  // The collection itself is no stall of the program.
  rest();
});
