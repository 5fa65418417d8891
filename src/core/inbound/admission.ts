import { Injectable } from '@nestjs/common';

/**
 * A fifth of a second's work of one process: more at once would only wait for each other. Not far below the connections
 * that a process has at all (src/http-adapter.ts): a turn of the event loop looks at each that has something to say, and
 * what it refuses takes half as long as what it takes.
 */
const MOST = 1_500;

/**
 * Tells whether a callback is taken now or had better come again. A sender that is told so at once tries again later;
 * one that is left waiting gives up all the same, and its callback has cost everything.
 */
@Injectable()
export class Admission {
  private inProgress = 0;

  /** Asked once per callback, before its body is read. */
  get closed(): boolean {
    return this.inProgress > MOST;
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
}
