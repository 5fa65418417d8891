import { rename, writeFile } from 'node:fs/promises';

const HOUR_MS = 3_600_000;

/** A clock that all take part in, ahead of the real one. Begins at nine in the morning of a zone. */
export class SharedClock {
  private aheadMs: number;

  /** @param file that `hand-clock.ts` reads in each process. */
  constructor(
    readonly file: string,
    zoneMs: number,
  ) {
    const sinceMidnight = (Date.now() + zoneMs) % (24 * HOUR_MS);
    this.aheadMs = 24 * HOUR_MS - sinceMidnight + 9 * HOUR_MS;
  }

  now = (): Date => new Date(Date.now() + this.aheadMs);

  async move(ms: number): Promise<void> {
    this.aheadMs += ms;
    await this.write();
  }

  /** Whole or not at all: a process that reads half of it would fall back to the real time. */
  async write(): Promise<void> {
    await writeFile(`${this.file}.new`, String(this.aheadMs));
    await rename(`${this.file}.new`, this.file);
  }
}
