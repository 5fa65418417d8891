import { type Answer, readWord, type Word } from './vocabulary.js';

/** How one request ends: a word with its number (`quota5`, `slow250`, `fin`) or a hand-made answer. */
export type FcmStep = string | Answer;

/** Steps of one token; the last one may be repeated for ever. */
export interface FcmScript {
  /** Registration token or installation id, or `*` for every one that has no script of its own. */
  readonly token: string;
  /** One step per request, in order. Afterwards the token's own word decides again. */
  readonly steps: readonly FcmStep[];
  /** Default false. */
  readonly repeatLast?: boolean;
}

export type ReadStep = Word | Answer;

/** The steps that were prescribed, per token. */
export class Scripts {
  readonly #scripts = new Map<string, { readonly steps: ReadStep[]; readonly repeatLast: boolean }>();

  /** @param known tells the words of the endpoint. */
  constructor(private readonly known?: (word: string) => boolean) {}

  /** @throws {RangeError} when a step is not in the vocabulary. */
  add({ token, steps, repeatLast = false }: FcmScript): void {
    this.#scripts.set(token, { steps: steps.map((step) => this.#read(step)), repeatLast });
  }

  next(token: string): ReadStep | undefined {
    return this.#scripts.size === 0 ? undefined : (this.#take(token) ?? this.#take('*'));
  }

  reset(): void {
    this.#scripts.clear();
  }

  #take(token: string): ReadStep | undefined {
    const script = this.#scripts.get(token);
    if (!script) return undefined;
    return script.repeatLast && script.steps.length === 1 ? script.steps[0] : script.steps.shift();
  }

  #read(step: FcmStep): ReadStep {
    const read = typeof step === 'string' ? readWord(step, this.known) : step;
    if (!read) throw new RangeError('steps: not a word of this endpoint');
    return read;
  }
}
