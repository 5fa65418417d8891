export interface Broken {
  readonly promise: string;
  readonly count: number;
  /** The first ones that were found, as JSON. */
  readonly examples: readonly string[];
}

const EXAMPLES = 3;

/** What a scenario measured, and how often each promise was broken. */
export class Findings {
  private readonly measured = new Map<string, number | string>();
  private readonly promises = new Map<string, unknown[]>();

  get figures(): ReadonlyMap<string, number | string> {
    return this.measured;
  }

  /** Every promise that was looked at, kept ones included. */
  get counts(): ReadonlyMap<string, number> {
    return new Map([...this.promises].map(([promise, found]) => [promise, found.length]));
  }

  get broken(): readonly Broken[] {
    return [...this.promises]
      .filter(([, found]) => found.length > 0)
      .map(([promise, found]) => ({
        promise,
        count: found.length,
        examples: found.slice(0, EXAMPLES).map((one) => JSON.stringify(one)),
      }));
  }

  figure(name: string, value: number | string): void {
    this.measured.set(name, typeof value === 'number' ? Number(value.toFixed(3)) : value);
  }

  /** @param found what breaks the promise; nothing: it was kept. Several looks add up. */
  expectNone(promise: string, found: readonly unknown[]): void {
    this.promises.set(promise, [...(this.promises.get(promise) ?? []), ...found]);
  }

  expect(promise: string, kept: boolean, seen: unknown): void {
    this.expectNone(promise, kept ? [] : [seen]);
  }
}
