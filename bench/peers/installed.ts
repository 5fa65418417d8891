/** What `npm ci --prefix bench/peers` leaves. The product neither has these packages nor finds them. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** Of the sources: packages are not copied into the build. */
const FOLDER = path.resolve('bench/peers');

export const HOW_TO_INSTALL = 'npm ci --prefix bench/peers';

/** A file of this folder. */
export const fileOf = (...parts: string[]): string => path.join(FOLDER, ...parts);

export const isInstalled = (name: string): boolean => existsSync(fileOf('node_modules', name, 'package.json'));

/** A package of this folder, as `require` gives it. */
export const load = <T>(name: string): T => createRequire(fileOf('package.json'))(name) as T;
