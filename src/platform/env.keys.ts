import { ValidateBy } from 'class-validator';
import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { VaultKey } from './vault.js';

const KEY_BYTES = 32;

/**
 * `id:base64,id2:base64` → keys; the first one seals, all of them open. An id is 1 to 32 of `A-Za-z0-9._-`.
 * @throws {Error} that says which entry is wrong, without its key.
 */
export function parseKeyRing(text: string): VaultKey[] {
  const keys = text.split(',').map((entry, index) => parseKey(entry.trim(), index + 1));
  const twice = keys.find(({ id }, index) => keys.findIndex((other) => other.id === id) !== index);
  if (twice) throw new Error(`names the key "${twice.id}" twice`);
  return keys;
}

function parseKey(entry: string, position: number): VaultKey {
  const [, id, encoded] = /^([\w.-]{1,32}):([A-Za-z0-9+/_-]+={0,2})$/.exec(entry) ?? [];
  if (!id || !encoded) throw new Error(`must be "id:base64", and entry ${position} is not`);
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.length !== KEY_BYTES) {
    throw new Error(`must hold keys of ${KEY_BYTES} bytes, and "${id}" (entry ${position}) has ${bytes.length}`);
  }
  if (bytes.every((byte) => byte === 0))
    throw new Error(`must hold random keys, and "${id}" (entry ${position}) is all zeros`);
  return { id, bytes };
}

/** Different characters of 32 that somebody has drawn rather than thought of. */
const LEAST_VARIETY = 10;

/** Refuses what people write to get past a least length, such as a word again and again. */
export function IsUnguessable(): PropertyDecorator {
  return ValidateBy({
    name: 'isUnguessable',
    validator: {
      validate: (value) => new Set(String(value)).size >= LEAST_VARIETY,
      defaultMessage: () => 'must be random, and is made of a few characters only',
    },
  });
}

/** Reads the ring; a faulty one stays text and fails {@link IsKeyRing}. */
export function toKeyRing(text: string): unknown {
  return faultOf(text) ? text : parseKeyRing(text);
}

export function IsKeyRing(): PropertyDecorator {
  return ValidateBy({
    name: 'isKeyRing',
    validator: {
      validate: (value) => Array.isArray(value),
      defaultMessage: (args) => faultOf(String(args?.value)) ?? 'must be a key ring',
    },
  });
}

function faultOf(text: string): string | undefined {
  try {
    parseKeyRing(text);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** A fresh key in the form of BELLHOP_KEYS. */
export function newKey(id: string): string {
  return `${id}:${randomBytes(KEY_BYTES).toString('base64')}`;
}

/**
 * The sandbox's own ring, `<dataDir>/keys` (mode 0600), made at first use. Processes that start together agree on one.
 * @throws {Error} when the file cannot be written, or what stands in it is no key ring.
 */
export function sandboxKeys(dataDir: string): VaultKey[] {
  const file = path.join(dataDir, 'keys');
  const kept = readIfThere(file) ?? create(file);
  try {
    return parseKeyRing(kept.trim());
  } catch (error) {
    throw new Error(`${file} ${(error as Error).message}. Restore it, or start with another data folder.`, {
      cause: error,
    });
  }
}

/** Written aside and linked into place: nobody reads half a key, and the first of several writers wins. */
function create(file: string): string {
  mkdirSync(path.dirname(file), { recursive: true });
  const aside = `${file}.${process.pid}-${randomBytes(4).toString('hex')}`;
  writeFileSync(aside, `${newKey('sandbox')}\n`, { mode: 0o600, flag: 'wx' });
  try {
    linkSync(aside, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(aside);
  }
  return readFileSync(file, 'utf8');
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
