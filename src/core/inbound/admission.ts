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

  /** Does the work of one callback; undefined: there is no room for it, and nothing was done. */
  async admit<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.inProgress >= MOST) return undefined;
    this.inProgress++;
    try {
      return await work();
    } finally {
      this.inProgress--;
    }
  }
}
