import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Version of this build, from the package.json above the sources or the build; `unknown` when somebody has taken it away. */
export const VERSION: string = versionAbove(import.meta.dirname);

function versionAbove(folder: string): string {
  try {
    const { name, version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Record<
      string,
      string
    >;
    if (name === 'bellhop' && version) return version;
  } catch {
    // Not here.
  }
  const above = path.dirname(folder);
  return above === folder ? 'unknown' : versionAbove(above);
}
