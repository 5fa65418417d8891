import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

/** What nobody should have to wait for. */
export const STALL_MS = 250;

/** What `watch.ts` writes. `at`: milliseconds since 1970, of the real clock. */
export type WatchLine = Stall | Uncaught | Heap;

/** The event loop came round so much later than it should; `at` is the end of it. */
export interface Stall {
  readonly kind: 'stall';
  readonly at: number;
  readonly ms: number;
  /** What its thread computed meanwhile; for the rest of `ms` the machine had no time for it. */
  readonly cpuMs: number;
}

export interface Uncaught {
  readonly kind: 'uncaught';
  readonly at: number;
  /** `unhandledRejection` or `uncaughtException`. */
  readonly origin: string;
  readonly message: string;
}

export interface Heap {
  readonly kind: 'heap';
  readonly at: number;
  readonly heapMb: number;
  readonly rssMb: number;
}

const LOOK_MS = 50;
const PATIENCE_MS = 10_000;

/** Reads the file of a process that is watched. */
export class Watched {
  constructor(readonly file: string) {}

  get lines(): readonly WatchLine[] {
    try {
      const text = readFileSync(this.file, 'utf8');
      // A process that was killed may have left half a line.
      return text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as WatchLine);
    } catch {
      return [];
    }
  }

  /** Collects the garbage of the process and says what is left. @throws {Error} when it does not answer. */
  async heap(pid: number): Promise<Heap> {
    const known = this.heaps().length;
    process.kill(pid, 'SIGUSR2');
    const end = performance.now() + PATIENCE_MS;
    while (performance.now() < end) {
      const heap = this.heaps()[known];
      if (heap) return heap;
      await pause(LOOK_MS);
    }
    throw new Error('The process does not tell its heap.');
  }

  private heaps(): readonly Heap[] {
    return this.lines.filter((line) => line.kind === 'heap');
  }
}
