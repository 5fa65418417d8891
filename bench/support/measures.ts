import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';

/** Ticks of the kernel's accounting per second (`getconf CLK_TCK`), 100 everywhere we know. */
const TICKS_PER_SECOND = 100;

interface ProcessTimes {
  readonly parent: number;
  /** User and system time of its own, and of its children that have ended; microseconds. */
  readonly own: number;
  readonly ofChildren: number;
}

/** Undefined where there is no `/proc`, or no such process any more. */
function timesOf(pid: number | string): ProcessTimes | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may hold blanks; what follows it starts with the third field of proc(5).
    const fields = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11);
    const micros = (ticks: number): number => (ticks * 1e6) / TICKS_PER_SECOND;
    return { parent: fields[1] ?? 0, own: micros(user + system), ofChildren: micros(childUser + childSystem) };
  } catch {
    return undefined;
  }
}

/** CPU time of a process so far, in microseconds; NaN when it cannot be known. */
export function cpuOf(pid: number): number {
  return timesOf(pid)?.own ?? Number.NaN;
}

/** CPU time so far of a process and all of its children, those that have ended included. */
export function cpuOfFamily(pid: number): number {
  const head = timesOf(pid);
  if (!head) return Number.NaN;
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const own = children.map((name) => timesOf(name)).filter((times) => times?.parent === pid);
  return own.reduce((sum, times) => sum + (times?.own ?? 0), head.own + head.ofChildren);
}

/** What a process holds in memory at this moment (RSS), in MB; NaN when it cannot be known. */
export const memoryOf = (pid: number): number => megabytesOf(pid, 'VmRSS');

/** The most it has held since {@link resetPeakMemory}, in MB; NaN when it cannot be known. */
export const peakMemoryOf = (pid: number): number => megabytesOf(pid, 'VmHWM');

/** Forgets what a process held before (proc(5), `clear_refs`). */
export function resetPeakMemory(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
  } catch {
    // No such system: the peak is not known either.
  }
}

function megabytesOf(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1024;
  } catch {
    return Number.NaN;
  }
}

/** Milliseconds of a clock that all processes of the machine share and nobody turns back. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** The parent of a process. */
export const parentOf = (pid: number): number => timesOf(pid)?.parent ?? 0;

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Between the two nearest values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

/** The items of a round in an order of its own: nobody is always first. */
export function inTurn<T>(items: readonly T[], round: number): T[] {
  return items.map((_, i) => items[(i + round) % items.length] as T);
}

/** The machine, as far as figures depend on it. */
export function machine(): Record<string, unknown> {
  return {
    cpu: os.cpus()[0]?.model,
    cores: os.availableParallelism(),
    memoryGiB: Math.round(os.totalmem() / 2 ** 30),
    system: `${os.type()} ${os.release()}`,
    node: process.version,
    loadAverage: os.loadavg().map((load) => Number(load.toFixed(2))),
    commit: commit(),
  };
}

function commit(): string | undefined {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return undefined;
  }
}
