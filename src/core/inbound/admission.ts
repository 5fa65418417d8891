import { Injectable, type OnApplicationShutdown } from '@nestjs/common';

const BEAT_MS = 50;
/** A turn of the event loop that takes as long means that connections wait to be read, where nothing of ours sees them. */
const LATE_MS = 125;
/** Fewer callbacks than these at once are no overload, whatever else keeps the process busy. */
const MANY = 128;
/** A tenth of a second's work of one process: more at once would only wait for each other. */
const MOST = 512;

/**
 * Tells whether a callback is taken now or had better come again. A sender that is told so at once tries again later;
 * one that is left waiting gives up all the same, and its callback has cost everything.
 */
@Injectable()
export class Admission implements OnApplicationShutdown {
  private inProgress = 0;
  private late = false;
  private expected = performance.now() + BEAT_MS;
  private readonly beat = setInterval(() => this.measure(), BEAT_MS).unref();

  /** Asked once per callback, before its body is read. */
  get closed(): boolean {
    return this.inProgress > (this.late ? MANY : MOST);
  }

  /** Counts a callback as in progress while `work` goes on. */
  async during(work: () => Promise<void>): Promise<void> {
    this.inProgress++;
    try {
      await work();
    } finally {
      this.inProgress--;
    }
  }

  onApplicationShutdown(): void {
    clearInterval(this.beat);
  }

  private measure(): void {
    const now = performance.now();
    this.late = now - this.expected >= LATE_MS;
    this.expected = now + BEAT_MS;
  }
}
