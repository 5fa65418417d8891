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

/**
 * @param known tells the words of the endpoint.
 * @throws {RangeError} when a step is not in the vocabulary.
 */
export function readSteps(steps: readonly FcmStep[], known?: (word: string) => boolean): ReadStep[] {
  return steps.map((step) => {
    const read = typeof step === 'string' ? readWord(step, known) : step;
    if (!read) throw new RangeError('steps: not a word of this endpoint');
    return read;
  });
}
