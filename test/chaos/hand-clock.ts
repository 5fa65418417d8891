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

const now = (): number => RealDate.now() + ahead;

// A proxy and no subclass: libraries look at the methods of Date.prototype itself.
globalThis.Date = new Proxy(RealDate, {
  construct: (date, given, asked) => Reflect.construct(date, given.length === 0 ? [now()] : given, asked) as Date,
  get: (date, name) => (name === 'now' ? now : (Reflect.get(date, name) as unknown)),
});
watchFile(file, { interval: 50, persistent: false }, () => (ahead = read()));
