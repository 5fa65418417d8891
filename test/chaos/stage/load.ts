/** Work that goes on, round after round, until it is told to end. */
export class Load {
  private going = true;
  private readonly rounds: Promise<unknown>;

  constructor(...works: readonly (() => Promise<unknown>)[]) {
    this.rounds = Promise.all(works.map((work) => this.repeat(work)));
    // Whoever ends the load hears of it.
    this.rounds.catch(() => undefined);
  }

  /** Resolves when the rounds under way are done. @throws what made a round fail. */
  async end(): Promise<void> {
    this.going = false;
    await this.rounds;
  }

  private async repeat(work: () => Promise<unknown>): Promise<void> {
    while (this.going) await work();
  }
}
