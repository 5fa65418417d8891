/** Files and folders, seen by a user that is not the one of this process. */
import { randomBytes } from 'node:crypto';
import { chmod, chown, lstat, mkdir, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

/** A user by number; it needs no account. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The first folder on the way (or the file at its end) whose mode keeps the user out.
 * What does not exist yet is no barrier, because {@link makeFolder} makes it right.
 */
export async function firstBarrier(target: string, user: Identity): Promise<string | undefined> {
  const existing = await deepestExisting(path.resolve(target));
  for (const step of stepsTo(await realpath(existing))) {
    const found = await stat(step);
    const needed = found.isDirectory() ? 0o1 : 0o5;
    if ((modeFor(found, user) & needed) !== needed) return step;
  }
  return undefined;
}

async function deepestExisting(target: string): Promise<string> {
  return (await statIfThere(target)) ? target : deepestExisting(path.dirname(target));
}

/** `/a/b` → `/`, `/a`, `/a/b` */
function stepsTo(target: string): string[] {
  const parent = path.dirname(target);
  return parent === target ? [target] : [...stepsTo(parent), target];
}

function modeFor(found: { mode: number; uid: number; gid: number }, { uid, gid }: Identity): number {
  if (found.uid === uid) return found.mode >> 6;
  return found.gid === gid ? found.mode >> 3 : found.mode;
}

/** Makes a folder with its parents. Those made for another user can be entered whatever the umask is. */
export async function makeFolder(folder: string, runAs?: Identity): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (!first || !runAs) return;
  for (const step of stepsTo(folder)) if (step.startsWith(first)) await chmod(step, 0o755);
}

/**
 * Makes a folder all or nothing: built aside and renamed into place. Of several processes the first one wins,
 * and what a killed one left half done is removed by the next.
 */
export async function buildOnce(target: string, build: (aside: string) => Promise<void>): Promise<void> {
  if (await statIfThere(target)) return;
  await removeHalfDone(target);
  const aside = `${target}.${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    await build(aside);
    await rename(aside, target);
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    if (!['ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) throw error;
  }
}

async function removeHalfDone(target: string): Promise<void> {
  const { dir: folder, base } = path.parse(target);
  for (const name of await readdir(folder)) {
    const pid = name.startsWith(`${base}.`) ? /^\.(\d+)-[0-9a-f]{8}$/.exec(name.slice(base.length))?.[1] : undefined;
    if (pid && !isAlive(Number(pid))) await rm(path.join(folder, name), { recursive: true, force: true });
  }
}

/** Hands a folder that was just made, and is still empty, to the user that will fill it. */
export async function makePrivateFolder(folder: string, runAs?: Identity): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  if (runAs) await chown(folder, runAs.uid, runAs.gid);
}

/** A copy made under a strict umask would keep out the very user it was made for. */
export async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const executable = entry.isDirectory() || ((await lstat(file)).mode & 0o100) !== 0;
    await chmod(file, executable ? 0o755 : 0o644);
  }
}

/** Whether a process with this id runs, ours or another user's. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/** The text of a file, or undefined when there is none. */
export async function readIfThere(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(undefinedIfAbsent);
}

export async function statIfThere(file: string) {
  return stat(file).catch(undefinedIfAbsent);
}

function undefinedIfAbsent(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error;
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
