/** The steps that were prescribed, per name. */
export class Scripts<Step> {
  readonly #scripts = new Map<string, { readonly steps: Step[]; readonly repeatLast: boolean }>();

  /**
   * Replaces the steps of a name.
   * @param name `*` for every one that has no steps of its own.
   */
  set(name: string, steps: readonly Step[], { repeatLast = false }: { readonly repeatLast?: boolean } = {}): void {
    this.#scripts.set(name, { steps: [...steps], repeatLast });
  }

  /** The next step of the first of the names that has one. */
  next(...names: readonly string[]): Step | undefined {
    if (this.#scripts.size === 0) return undefined;
    for (const name of [...names, '*']) {
      const step = this.#take(name);
      if (step !== undefined) return step;
    }
    return undefined;
  }

  clear(): void {
    this.#scripts.clear();
  }

  #take(name: string): Step | undefined {
    const script = this.#scripts.get(name);
    return script?.repeatLast && script.steps.length === 1 ? script.steps[0] : script?.steps.shift();
  }
}
