/** The latest entries. */
export class Latest<T> {
  #kept: T[] = [];

  /** @param limit entries that are kept; 0 keeps none. */
  constructor(readonly limit: number) {}

  /** Oldest first. */
  get all(): readonly T[] {
    return this.limit === 0 ? [] : this.#kept.slice(-this.limit);
  }

  add(entry: T): void {
    this.#kept.push(entry);
    // Trimming in blocks keeps the cost of an entry constant.
    if (this.#kept.length >= 2 * this.limit) this.#kept = this.limit === 0 ? [] : this.#kept.slice(-this.limit);
  }

  clear(): void {
    this.#kept = [];
  }
}

/** Remembers the latest requests, and counts all of them by how they ended. */
export class Journal<T extends { readonly answer: string }> {
  readonly #answers = new Map<string, number>();
  readonly #requests: Latest<T>;

  /** @param limit requests that are kept; 0 keeps none. */
  constructor(limit: number) {
    this.#requests = new Latest(limit);
  }

  get keeps(): boolean {
    return this.#requests.limit > 0;
  }

  /** The latest, oldest first. */
  get requests(): readonly T[] {
    return this.#requests.all;
  }

  /** Requests per answer. */
  get answers(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#answers);
  }

  write(request: T): void {
    this.count(request.answer);
    this.#requests.add(request);
  }

  /** Without a record. */
  count(answer: string): void {
    this.#answers.set(answer, (this.#answers.get(answer) ?? 0) + 1);
  }

  clear(): void {
    this.#answers.clear();
    this.#requests.clear();
  }
}
