import type { Random } from '../../chaos/stage/random.js';
import { UGLY_TEXTS } from '../ugly.js';

/** More than any field takes, less than a body may have. */
const LONG = 5_000;
const NUMBERS = [0, -0, -1, 1.5, 2 ** 31, 2 ** 53, -(2 ** 63), 1e21, 1e308, 5e-324];
const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '', 'a/b~c', 'length'];
/** Fields of rows that no caller sets. */
const INTERNAL_NAMES = [
  'id',
  'appId',
  'app_id',
  'state',
  'revision',
  'createdAt',
  'scopes',
  'keyHash',
  'sealedSecrets',
];

/** A text of any kind: mostly ugly, sometimes long, sometimes random units of UTF-16. */
export function anyText(random: Random): string {
  const roll = random.next();
  if (roll < 0.7) return random.pick(UGLY_TEXTS);
  if (roll < 0.8) return random.pick(UGLY_TEXTS).repeat(random.whole(1, 50)).slice(0, LONG);
  const length = random.whole(0, 20);
  return String.fromCharCode(...Array.from({ length }, () => random.whole(0, 0xffff)));
}

/** Any JSON value. */
export function anyJson(random: Random, depth = 3): unknown {
  const roll = random.next();
  if (roll < 0.4) return anyText(random);
  if (roll < 0.55) return random.pick(NUMBERS);
  if (roll < 0.7) return random.pick([null, true, false, [], {}]);
  if (depth === 0) return null;
  const length = random.whole(0, 4);
  if (roll < 0.85) return Array.from({ length }, () => anyJson(random, depth - 1));
  // Own members, whatever their names.
  return Object.fromEntries(Array.from({ length }, () => [anyName(random), anyJson(random, depth - 1)]));
}

function anyName(random: Random): string {
  return random.next() < 0.6 ? random.pick([...NAMES, ...INTERNAL_NAMES]) : anyText(random);
}

type Place = readonly (string | number)[];

/** The value with one to three of its parts replaced, taken out, given another name, or with a part added. */
export function mutateJson(random: Random, value: unknown): unknown {
  let mutant = value;
  for (let left = random.whole(1, 3); left > 0; left--) {
    const places = placesOf(mutant);
    mutant = changed(mutant, random.pick(places), (part) => mutatePart(random, part));
  }
  return mutant;
}

function mutatePart(random: Random, part: unknown): unknown {
  const roll = random.next();
  if (roll < 0.6 || typeof part !== 'object' || part === null) return anyJson(random);
  if (Array.isArray(part)) return roll < 0.8 ? [...(part as unknown[]), anyJson(random)] : [part, part];
  const entries = Object.entries(part);
  if (roll < 0.8 || entries.length === 0) return Object.fromEntries([...entries, [anyName(random), anyJson(random)]]);
  const victim = random.whole(0, entries.length - 1);
  if (roll < 0.9) return Object.fromEntries(entries.toSpliced(victim, 1));
  return Object.fromEntries(entries.with(victim, [anyName(random), entries[victim]?.[1]]));
}

function placesOf(value: unknown, at: Place = []): Place[] {
  if (Array.isArray(value)) return [at, ...value.flatMap((part, index) => placesOf(part, [...at, index]))];
  if (typeof value !== 'object' || value === null) return [at];
  return [at, ...Object.entries(value).flatMap(([name, part]) => placesOf(part, [...at, name]))];
}

function changed(value: unknown, [step, ...rest]: Place, change: (part: unknown) => unknown): unknown {
  if (step === undefined) return change(value);
  if (Array.isArray(value)) return value.with(Number(step), changed(value[Number(step)], rest, change));
  const entries = Object.entries(value as object);
  return Object.fromEntries(entries.map(([name, part]) => [name, name === step ? changed(part, rest, change) : part]));
}

/** The bytes after one to four accidents. */
export function mutateBytes(random: Random, bytes: Buffer): Buffer {
  let mutant = bytes;
  for (let left = random.whole(1, 4); left > 0; left--) mutant = random.pick(ACCIDENTS)(random, mutant);
  return mutant;
}

const ACCIDENTS: readonly ((random: Random, bytes: Buffer) => Buffer)[] = [
  (random, bytes) => bytes.subarray(0, placeIn(random, bytes)),
  (random, bytes) => bytes.subarray(placeIn(random, bytes)),
  flipped,
  flipped,
  (random, bytes) => spliced(random, bytes, Buffer.from(random.pick(UGLY_TEXTS))),
  (random, bytes) => spliced(random, bytes, noise(random, random.whole(1, 16))),
  (random, bytes) => spliced(random, bytes, bytes.subarray(placeIn(random, bytes), placeIn(random, bytes))),
  (random, bytes) => spliced(random, bytes, Buffer.from(random.pick(NESTS).repeat(random.whole(1, 2_000)))),
  (random, bytes) => spliced(random, bytes, Buffer.from('9'.repeat(random.whole(1, 400)))),
];

const NESTS = ['[', '{"a":', '<x>', '<![CDATA[', '&a=', ' ', '\\', '"', '%'];

const placeIn = (random: Random, bytes: Buffer): number => random.whole(0, bytes.length);

export const noise = (random: Random, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => random.whole(0, 255)));

function flipped(random: Random, bytes: Buffer): Buffer {
  if (bytes.length === 0) return noise(random, 1);
  const mutant = Buffer.from(bytes);
  const at = random.whole(0, bytes.length - 1);
  mutant[at] = (mutant[at] ?? 0) ^ (1 << random.whole(0, 7));
  return mutant;
}

/** With something in place of up to eight bytes. */
function spliced(random: Random, bytes: Buffer, piece: Buffer): Buffer {
  const at = placeIn(random, bytes);
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + random.whole(0, 8))]);
}
