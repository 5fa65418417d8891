import { stepOfToken, type ApnsStep } from './behaviour.js';

/** Steps of one token; the last one may be repeated for ever. */
export interface ApnsScript {
  /** Device token, or `*` for every one that has no script of its own. */
  readonly token: string;
  /** One step per request, in order. Afterwards the token's ending decides again. */
  readonly steps: readonly ApnsStep[];
  /** Default false. */
  readonly repeatLast?: boolean;
}

/** Chooses how each request ends: script of the token, script of all tokens, ending of the token, success. */
export class Scripts {
  private readonly scripts = new Map<string, { readonly steps: ApnsStep[]; readonly repeatLast: boolean }>();

  add({ token, steps, repeatLast = false }: ApnsScript): void {
    this.scripts.set(token, { steps: [...steps], repeatLast });
  }

  next(token: string): ApnsStep {
    if (this.scripts.size === 0) return stepOfToken(token) ?? 'ok';
    return this.take(token) ?? this.take('*') ?? stepOfToken(token) ?? 'ok';
  }

  reset(): void {
    this.scripts.clear();
  }

  private take(token: string): ApnsStep | undefined {
    const script = this.scripts.get(token);
    if (!script) return undefined;
    return script.repeatLast && script.steps.length === 1 ? script.steps[0] : script.steps.shift();
  }
}
