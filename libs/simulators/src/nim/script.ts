/** A vendor code with its words. */
export interface NimRefusal {
  readonly code: number;
  readonly desc: string;
}

/**
 * How one request ends. A number is a vendor code. `antispam`: taken, and blocked by moderation. `drop`: the connection
 * ends and nothing was taken; `lost`: it ends after everything was taken. `silent`: no answer.
 */
export type NimStep =
  number | 'antispam' | 'drop' | 'lost' | 'silent' | NimRefusal | { readonly status: number; readonly body: string };

/** Steps of one account or team; the last one may be repeated for ever. */
export interface NimScript {
  /** Account or team that a request names, or `*` for every one without a script of its own. */
  readonly to: string;
  /** One step per request, in order. */
  readonly steps: readonly NimStep[];
  /** Default false. */
  readonly repeatLast?: boolean;
}

/** The steps that were prescribed, per account. */
export class Scripts {
  readonly #scripts = new Map<string, { readonly steps: NimStep[]; readonly repeatLast: boolean }>();

  add({ to, steps, repeatLast = false }: NimScript): void {
    this.#scripts.set(to, { steps: [...steps], repeatLast });
  }

  /** The next step of the first account that has one. */
  next(accounts: readonly string[]): NimStep | undefined {
    if (this.#scripts.size === 0) return undefined;
    for (const account of [...accounts, '*']) {
      const step = this.#take(account);
      if (step !== undefined) return step;
    }
    return undefined;
  }

  reset(): void {
    this.#scripts.clear();
  }

  #take(account: string): NimStep | undefined {
    const script = this.#scripts.get(account);
    if (!script) return undefined;
    return script.repeatLast && script.steps.length === 1 ? script.steps[0] : script.steps.shift();
  }
}
