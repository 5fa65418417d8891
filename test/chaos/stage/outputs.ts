import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import path from 'node:path';

/** Device tokens of the simulators, and what people wrote: no output may show either. */
const PATTERNS: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['token of APNs', /(?:c0ffee|5a4db0)[0-9a-f]{58}/i],
  ['token of FCM', /[a-z]+\d*-\d{8}:APA91b/],
  ['text of a message', /(?:mark|ask)-\d+!/],
];

/** Secrets are shorter than anything else that could stand there by chance. */
const LEAST_LENGTH = 8;

export interface Leak {
  readonly what: string;
  readonly where: string;
}

/** Whatever processes say is kept in a file, and searched for what it must not hold. */
export class Outputs {
  readonly leaks: Leak[] = [];
  lines = 0;
  private readonly planted = new Map<string, string>();
  private readonly file: WriteStream;

  constructor(name: string) {
    mkdirSync(path.dirname(name), { recursive: true });
    this.file = createWriteStream(name);
  }

  /** From now on nobody may say this. */
  plant(what: string, secret: string): void {
    if (secret.length < LEAST_LENGTH) throw new Error(`"${what}" is too short to be looked for.`);
    this.planted.set(secret, what);
  }

  /** A line of a process. */
  take(who: string, line: string): void {
    this.lines++;
    if (!this.file.writableEnded) this.file.write(`${who} ${line}\n`);
    this.search(`output of ${who}`, line);
  }

  /** Anything else that has left the platform. */
  search(where: string, text: string): void {
    for (const [what, pattern] of PATTERNS) if (pattern.test(text)) this.leaks.push({ what, where });
    for (const [secret, what] of this.planted) if (text.includes(secret)) this.leaks.push({ what, where });
  }

  close(): void {
    this.file.end();
  }
}
