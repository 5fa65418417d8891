import type { Callback } from './vendors.js';

type Pair = readonly [name: string, value: string];

/** What somebody without the secret may put in the place of one part of a proof. Each yields that part as it is sent. */
const REPLACEMENTS: Readonly<Record<string, (pair: Pair) => readonly Pair[]>> = {
  absent: () => [],
  empty: ([name]) => [[name, '']],
  forged: ([name, value]) => [[name, flipped(value)]],
  'cut short': ([name, value]) => [[name, value.slice(0, -1)]],
  'made longer': ([name, value]) => [[name, `${value}0`]],
  'a single character': ([name, value]) => [[name, value.slice(0, 1)]],
  'doubled, the forged one first': ([name, value]) => [
    [name, flipped(value)],
    [name, value],
  ],
  'a list of one name': ([name, value]) => [[`${name}[]`, value]],
  'a numbered list': ([name, value]) => [[`${name}[0]`, value]],
  'a member': ([name, value]) => [[`${name}[value]`, value]],
  'a JSON array': ([name, value]) => [[name, JSON.stringify([value])]],
  'a JSON string': ([name, value]) => [[name, JSON.stringify(value)]],
  'separated by commas': ([name, value]) => [[name, `${value},${value}`]],
  'another type': ([name]) => [[name, 'true']],
  'a member of every object': ([name]) => [[name, '__proto__']],
};

/** Spellings of headers that HTTP allows and of brackets that it does not. */
const isHeaderName = (name: string): boolean => /^[\w-]+$/.test(name);

const flipped = (value: string): string => (value.startsWith('1') ? '2' : '1') + value.slice(1);

export interface Forgery {
  /** What was done to which part. */
  readonly name: string;
  readonly callback: Callback;
}

/** The callback with each part of its proof replaced in every way, one at a time. */
export function forgeriesOf(callback: Callback, proof: readonly string[]): Forgery[] {
  return proof.flatMap((part) =>
    (['query', 'headers'] as const).flatMap((place) => {
      const pair = callback[place].find(([name]) => name === part);
      if (!pair) return [];
      return Object.entries(REPLACEMENTS).flatMap(([name, replace]) => {
        const sent = replace(pair);
        if (place === 'headers' && !sent.every(([own]) => isHeaderName(own))) return [];
        return { name: `${part}: ${name}`, callback: { ...callback, [place]: replaced(callback[place], pair, sent) } };
      });
    }),
  );
}

const replaced = (pairs: readonly Pair[], old: Pair, sent: readonly Pair[]): readonly Pair[] =>
  pairs.flatMap((pair) => (pair === old ? sent : [pair]));
