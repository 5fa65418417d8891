import { AppError } from '@bellhop/contracts';
import { Injectable } from '@nestjs/common';
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify(argon2);

interface Parameters {
  /** KiB. */
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** Source: OWASP Password Storage Cheat Sheet, Argon2id. A stored password with others is made anew when it is next used. */
const CURRENT: Parameters = { memory: 19_456, passes: 2, parallelism: 1 };
const SALT_BYTES = 16;
const TAG_BYTES = 32;

/** Each takes 19 MiB and a thread of the pool, which files and names need as well. */
const MOST_AT_ONCE = 2;
/** Whoever comes later is told to try again: a wait of more than a few seconds is no answer. */
const MOST_WAITING = 64;

/** `stale`: it matches, and should be made anew with the parameters of today. */
export type PasswordVerdict = 'match' | 'stale' | 'mismatch';

/** `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`, base64 without padding. */
const PHC = /^\$argon2id\$v=19\$m=(\d{1,8}),t=(\d{1,4}),p=(\d{1,3})\$([\w+/]{11,86})\$([\w+/]{22,86})$/;

interface Stored {
  readonly parameters: Parameters;
  readonly salt: Buffer;
  readonly tag: Buffer;
}

/** Argon2id, stored as PHC strings. */
@Injectable()
export class Passwords {
  private running = 0;
  private readonly waiting: (() => void)[] = [];
  private nobody: Promise<string> | undefined;

  /** @throws {AppError} `auth.busy` (503) */
  async hash(password: string): Promise<string> {
    const salt = randomBytes(SALT_BYTES);
    return phcOf(CURRENT, salt, await this.tagOf(password, CURRENT, salt, TAG_BYTES));
  }

  /**
   * Takes as long for somebody who does not exist as for somebody who does.
   * @param stored absent or null: there is no such person, or no password yet; the answer is `mismatch`.
   * @throws {AppError} `auth.busy` (503)
   */
  async verify(password: string, stored: string | null | undefined): Promise<PasswordVerdict> {
    const known = readPhc(stored ?? (await this.ofNobody()));
    const tag = await this.tagOf(password, known.parameters, known.salt, known.tag.length);
    if (!timingSafeEqual(tag, known.tag) || !stored) return 'mismatch';
    return isCurrent(known) ? 'match' : 'stale';
  }

  private ofNobody(): Promise<string> {
    this.nobody ??= this.hash(randomBytes(SALT_BYTES).toString('hex'));
    this.nobody.catch(() => (this.nobody = undefined));
    return this.nobody;
  }

  private async tagOf(password: string, parameters: Parameters, nonce: Buffer, tagLength: number): Promise<Buffer> {
    await this.turn();
    try {
      return await derive('argon2id', { message: password.normalize('NFKC'), nonce, tagLength, ...parameters });
    } finally {
      this.running--;
      this.waiting.shift()?.();
    }
  }

  private async turn(): Promise<void> {
    if (this.waiting.length >= MOST_WAITING) {
      throw new AppError('auth.busy', 503, 'Too many people are signing in; try again.');
    }
    while (this.running >= MOST_AT_ONCE) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.running++;
  }
}

const text64 = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '');

function phcOf({ memory, passes, parallelism }: Parameters, salt: Buffer, tag: Buffer): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${text64(salt)}$${text64(tag)}`;
}

function readPhc(phc: string): Stored {
  const [, memory, passes, parallelism, salt, tag] = PHC.exec(phc) ?? [];
  if (!salt || !tag) throw new Error('A stored password has an unknown form.');
  return {
    parameters: { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) },
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  };
}

function isCurrent({ parameters, salt, tag }: Stored): boolean {
  const { memory, passes, parallelism } = parameters;
  const same = memory === CURRENT.memory && passes === CURRENT.passes && parallelism === CURRENT.parallelism;
  return same && salt.length === SALT_BYTES && tag.length === TAG_BYTES;
}
