import { setTimeout as pause } from 'node:timers/promises';

const PATIENCE_MS = 20_000;

export const say = (line = ''): void => void process.stdout.write(`${line}\n`);

export const headline = (title: string): void => say(`\n── ${title} ${'─'.repeat(Math.max(2, 60 - title.length))}`);

/** Looks until there is something to see. @throws {Error} when there is nothing within `patienceMs`. */
export async function until<T>(what: string, look: () => Promise<T | undefined>, patienceMs = PATIENCE_MS): Promise<T> {
  const end = Date.now() + patienceMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (Date.now() > end) throw new Error(`Waited in vain until ${what}.`);
    await pause(50);
  }
}
