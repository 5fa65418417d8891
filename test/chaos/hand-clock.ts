/**
 * Preload for a platform whose time is moved by hand: `node --import ./dist/test/chaos/hand-clock.js …`.
 * HAND_CLOCK names a file that holds the milliseconds by which its time is ahead; the program itself stays unchanged.
 */
import { readFileSync, watchFile } from 'node:fs';

const file = process.env.HAND_CLOCK ?? '';
const RealDate = Date;
let ahead = read();

function read(): number {
  return Number(readFileSync(file, 'utf8')) || 0;
}

class HandDate extends RealDate {
  constructor(...given: unknown[]) {
    super(...((given.length === 0 ? [RealDate.now() + ahead] : given) as [number]));
  }

  static override now(): number {
    return RealDate.now() + ahead;
  }
}

globalThis.Date = HandDate as DateConstructor;
watchFile(file, { interval: 50, persistent: false }, () => (ahead = read()));
